"""Commits in groups: whatever arrives while one commit is under way goes into the next.

A flush to the disk, and the journey there and back, cost both processes as much as forty rows do. So two
commits begin some milliseconds apart, unless enough is waiting for the second one. Whoever comes alone never
waits: the last commit began long ago. A disk that is slower than that sets the pace itself. Must not know
what is written, nor where.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import gevent
from gevent.hub import Waiter

from appliance.errors import StorageError
from appliance.registrar.binding import Binding
from appliance.storage.alarm import Alarm

#: Seconds from the beginning of one commit to that of the next, and with how many who wait it is not kept.
APART: Final = 0.024
ENOUGH: Final = 24
#: When they come so fast, fewer are enough: a commit costs a third while the last one's code and data are
#: still in the processor's caches.
FAST: Final = 0.008
ENOUGH_WHEN_FAST: Final = 16

#: What is to be written, by ruid; None stands for a removal.
Changes = dict[str, Binding | None]
Refused = dict[str, StorageError]


class _Batch:
    """Changes that go into one commit, and those who wait for it. ``since``: when the first of them came."""

    __slots__ = ("changes", "failure", "refused", "since", "waiters")

    def __init__(self) -> None:
        self.changes: Changes = {}
        self.waiters: list[Waiter[None]] = []
        self.since = 0.0
        self.failure: StorageError | None = None
        self.refused: Refused = {}

    def done(self) -> None:
        """Whoever waits goes on, all in one pass of the loop."""
        gevent.get_hub().loop.run_callback(self._answer)

    def _answer(self) -> None:
        for waiter in self.waiters:
            waiter.switch(None)


class GroupCommit:
    """Calls ``write(changes)`` for one group after the other; it returns the changes that were refused.

    ``between()`` is called after each group and whenever somebody calls ``wake``; as long as it returns True
    it is called again. ``pause()`` is after how many seconds to wake up by itself, None: never.
    ``gather_seconds`` is waited for before every commit, ``apart_seconds`` lie between the beginnings of two
    while not enough wait. ``tell(changes, then)`` is called with what was written, and calls
    ``then`` when those who wait may know.
    """

    def __init__(
        self,
        write: Callable[[Changes], Refused],
        *,
        between: Callable[[], bool] = lambda: False,
        pause: Callable[[], float | None] = lambda: None,
        gather_seconds: float = 0,
        apart_seconds: float = APART,
        tell: Callable[[Changes, Callable[[], None]], None] | None = None,
    ) -> None:
        self._tell = tell
        self._write = write
        self._between = between
        self._pause = pause
        self._gather_seconds = gather_seconds
        self._apart = apart_seconds
        self._next = _Batch()
        self._under_way = _Batch()
        self._began = -math.inf
        self._alarm = Alarm()
        self._greenlet: gevent.Greenlet[[], None] | None = None

    def commit(self, upserts: Sequence[Binding], deletes: Sequence[Binding]) -> None:
        """Return when both have been written. Raises what ``write`` raised, or refused for one of
        ``upserts``.
        """
        if not upserts and not deletes:
            return
        batch = self._next
        changes = batch.changes
        for binding in deletes:
            changes[binding.ruid] = None
        for binding in upserts:
            changes[binding.ruid] = binding
        waiter: Waiter[None] = Waiter()
        batch.waiters.append(waiter)
        count = len(batch.waiters)
        if count == 1:
            batch.since = time.monotonic()
        if count in (1, ENOUGH_WHEN_FAST, ENOUGH):
            self._alarm.set(self._early(batch))
        waiter.get()
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
        self._alarm.set(0)

    def stop(self) -> None:
        """End when everybody who waits has been answered."""
        while self._greenlet is not None and (batch := self._unfinished()) is not None:
            waiter: Waiter[None] = Waiter()
            batch.waiters.append(waiter)
            waiter.get()
        if self._greenlet is not None:
            self._greenlet.kill()
            self._greenlet = None

    @property
    def unfinished(self) -> Iterable[str]:
        """The ruids for which somebody waits."""
        return [*self._under_way.changes, *self._next.changes]

    # ---------------------------------------------------------------------------------------------- internals

    def _run(self) -> None:
        more = False
        while True:
            if not more:
                batch = self._next
                self._alarm.wait(self._early(batch) if batch.waiters else self._pause())
            if self._next.changes:
                self._commit_next()
            more = self._between()

    def _early(self, batch: _Batch) -> float:
        """For how many seconds this batch is not to be written yet."""
        now = time.monotonic()
        moment = batch.since + self._gather_seconds
        count = len(batch.waiters)
        if count < ENOUGH_WHEN_FAST or (count < ENOUGH and now > self._began + FAST):
            moment = max(moment, self._began + self._apart)
        return moment - now

    def _commit_next(self) -> None:
        batch = self._under_way = self._next
        self._next = _Batch()
        self._began = time.monotonic()
        written = False
        try:
            batch.refused = self._write(batch.changes)
            written = True
        except StorageError as error:
            batch.failure = error
        except Exception as fault:  # noqa: BLE001 - a fault of ours must not leave everybody waiting
            batch.failure = StorageError(f"bindings cannot be written: {fault!r}")
            gevent.get_hub().handle_error(self, *sys.exc_info())
        finally:
            self._under_way = _Batch()
            if written and self._tell is not None:
                news = {name: each for name, each in batch.changes.items() if name not in batch.refused}
                self._tell(news, batch.done)
            else:
                batch.done()

    def _unfinished(self) -> _Batch | None:
        return next((batch for batch in (self._under_way, self._next) if batch.changes), None)
