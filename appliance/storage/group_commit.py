"""Commits in groups: whatever arrives while one commit is under way goes into the next.

A flush to the disk costs both processes as much as thirty rows do. So while phones keep coming, a commit
waits for them: in slices, until one brings nobody, there are enough, or the first has waited long enough. A
phone that comes alone never waits. Must not know what is written, nor where.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence

import gevent
from gevent.event import Event

from appliance.errors import StorageError
from appliance.registrar.binding import Binding

_SLICE, _ENOUGH, _LONGEST_WAIT = 0.005, 100, 0.05

#: What is to be written, by ruid; None stands for a removal.
Changes = dict[str, Binding | None]
Refused = dict[str, StorageError]


class _Batch:
    """Changes that go into one commit, and the event for those who wait for it."""

    __slots__ = ("changes", "done", "failure", "refused", "waiting")

    def __init__(self) -> None:
        self.changes: Changes = {}
        self.waiting = 0
        self.done = Event()
        self.failure: StorageError | None = None
        self.refused: Refused = {}


class GroupCommit:
    """Calls ``write(changes)`` for one group after the other; it returns the changes that were refused.

    ``between()`` is called after each group and whenever somebody calls ``wake``; as long as it returns True
    it is called again. ``pause()`` is after how many seconds to wake up by itself, None: never.
    ``gather_seconds`` is waited for before every commit. ``tell(changes, then)`` is called with what was
    written, and calls ``then`` when those who wait may know.
    """

    def __init__(
        self,
        write: Callable[[Changes], Refused],
        *,
        between: Callable[[], bool] = lambda: False,
        pause: Callable[[], float | None] = lambda: None,
        gather_seconds: float = 0,
        tell: Callable[[Changes, Callable[[], None]], None] | None = None,
    ) -> None:
        self._tell = tell
        self._write = write
        self._between = between
        self._pause = pause
        self._gather_seconds = gather_seconds
        self._next = _Batch()
        self._under_way = _Batch()
        self._wake = Event()
        self._greenlet: gevent.Greenlet[[], None] | None = None

    def commit(self, upserts: Sequence[Binding], deletes: Sequence[Binding]) -> None:
        """Return when both have been written. Raises what ``write`` raised, or refused for one of
        ``upserts``.
        """
        batch = self._next
        changes = batch.changes
        for binding in deletes:
            changes[binding.ruid] = None
        for binding in upserts:
            changes[binding.ruid] = binding
        batch.waiting += 1
        self._wake.set()
        batch.done.wait()
        if batch.failure is not None:
            # Each of those who waited gets its own: an exception grows with everybody who raises it.
            raise type(batch.failure)(str(batch.failure)) from None
        if batch.refused:
            for binding in upserts:
                if binding.ruid in batch.refused:
                    raise batch.refused[binding.ruid]

    def start(self) -> None:
        if self._greenlet is None:
            self._greenlet = gevent.spawn(self._run)

    def wake(self) -> None:
        """There is something to do between two groups."""
        self._wake.set()

    def stop(self) -> None:
        """End when everybody who waits has been answered."""
        while self._greenlet is not None and (batch := self._unfinished()) is not None:
            batch.done.wait()
        if self._greenlet is not None:
            self._greenlet.kill()
            self._greenlet = None

    @property
    def unfinished(self) -> Iterable[str]:
        """The ruids for which somebody waits."""
        return [*self._under_way.changes, *self._next.changes]

    # ---------------------------------------------------------------------------------------------- internals

    def _run(self) -> None:
        crowded = False
        while True:
            self._wake.wait(timeout=self._pause())
            self._wake.clear()
            if self._next.changes:
                self._gather(crowded)
                crowded = self._next.waiting > 1
                self._commit_next()
            if self._between():
                self._wake.set()  # there is more

    def _gather(self, crowded: bool) -> None:
        """Let others join the next commit, when it looks as if there were any."""
        if self._gather_seconds:
            gevent.sleep(self._gather_seconds)
        batch = self._next
        seen = 0 if crowded or batch.waiting > 1 else 1
        slices = int(_LONGEST_WAIT / _SLICE)
        while seen < batch.waiting < _ENOUGH and slices > 0:
            seen = batch.waiting
            slices -= 1
            gevent.sleep(_SLICE)

    def _commit_next(self) -> None:
        batch = self._under_way = self._next
        self._next = _Batch()
        written = False
        try:
            batch.refused = self._write(batch.changes)
            written = True
        except StorageError as error:
            batch.failure = error
        except Exception as error:  # noqa: BLE001 - a fault of ours must not leave everybody waiting
            batch.failure = StorageError(f"bindings cannot be written: {error!r}")
            gevent.get_hub().handle_error(self, *sys.exc_info())
        finally:
            self._under_way = _Batch()
            if written and self._tell is not None:
                news = {name: each for name, each in batch.changes.items() if name not in batch.refused}
                self._tell(news, batch.done.set)
            else:
                batch.done.set()

    def _unfinished(self) -> _Batch | None:
        return next((batch for batch in (self._under_way, self._next) if batch.changes), None)
