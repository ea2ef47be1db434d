"""Bindings that every worker knows: what one has written, the others hear before its 200 OK leaves.

News are numbered. Who hears one says so; the worker that told waits for that at most 20 ms. A worker that was
late is not waited for until it has said that it knows all again; it notices that itself, by the time that
stands in what it hears, and looks for a row when a binding is not there (``behind``). One that finds a number
missing has lost something: it reads all rows again, as after a start.

Of two that changed one binding, the later change counts, whoever hears what first. Must not know sockets.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import gevent

from appliance.registrar.binding import Binding
from appliance.registrar.binding_note import binding_of, note_of
from appliance.registrar.locations import Locations
from appliance.sip.hop import Hop
from appliance.workers.frames import News

WAIT_SECONDS = 0.02
# After late news, so long a row is looked for when a binding is not here.
_BEHIND_SECONDS = 1.0
_CROSSED_SECONDS = 1.0
# Bindings in one packet, which has at most some 200 KB then.
_IN_ONE = 50
# Where a note has its binding's name.
_RUID = 17
# No process has this number.
_NOBODY = (-1, 0)


class Telling:
    """Tells the others what has changed here.

    ``process`` is a number that no other process has. ``say(news)`` sends it, and gives the workers that it
    has reached.
    """

    def __init__(
        self,
        process: int,
        say: Callable[[News], Iterable[int]],
        clock: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        self.process = process
        self.number = 0
        self.late: set[int] = set()  # who was not in time, and has not caught up
        self._say = say
        self._clock = clock
        self._wall = wall
        self._waiting: deque[_Wait] = deque()

    def changed(self, changes: Mapping[str, Binding | None], then: Callable[[], None]) -> None:
        """Tells of bindings, by ruid (None: gone); ``then()`` is called when all know, or after 20 ms."""
        if not changes:
            then()
            return
        items = list(changes.items())
        wall = self._wall()
        reached: set[int] = set()
        for first in range(0, len(items), _IN_ONE):
            part = items[first : first + _IN_ONE]
            notes = [note_of(binding) for _, binding in part if binding is not None]
            gone = [(ruid, wall) for ruid, binding in part if binding is None]
            reached.update(self._tell(notes, gone))
        reached -= self.late
        if not reached:
            then()
            return
        self._waiting.append(_Wait(self.number, reached, then, self._over))

    def flows(self, opened: list[Hop], closed: list[Hop]) -> None:
        """Tells of connections; nobody waits for that."""
        self._tell([], [], opened, closed)

    def heard(self, worker: int, number: int) -> None:
        """A worker knows all up to ``number``."""
        if number >= self.number:
            self.late.discard(worker)
        self._without(worker, number)

    def lost(self, worker: int) -> None:
        """Nobody waits for a worker that is gone."""
        self.late.discard(worker)
        self._without(worker, self.number)

    def _tell(
        self,
        notes: list[list[Any]],
        gone: list[tuple[str, float]],
        opened: Sequence[Hop] = (),
        closed: Sequence[Hop] = (),
    ) -> Iterable[int]:
        self.number += 1
        return self._say(
            News(self.process, self.number, self._clock(), notes, gone, list(opened), list(closed))
        )

    def _without(self, worker: int, number: int) -> None:
        for wait in self._waiting:
            if wait.number > number:
                break
            wait.workers.discard(worker)
        self._answer()

    def _over(self, wait: _Wait) -> None:
        self.late |= wait.workers
        wait.workers.clear()
        self._answer()

    def _answer(self) -> None:
        # Not in their order only: one that everybody knows need not wait for one before it.
        if any(not wait.workers for wait in self._waiting):
            done = [wait for wait in self._waiting if not wait.workers]
            self._waiting = deque(wait for wait in self._waiting if wait.workers)
            for wait in done:
                wait.end()


class _Wait:
    """Some news that not everybody knows yet."""

    __slots__ = ("_then", "_timer", "number", "workers")

    def __init__(
        self, number: int, workers: set[int], then: Callable[[], None], over: Callable[[_Wait], None]
    ) -> None:
        self.number = number
        self.workers = workers
        self._then = then
        self._timer = gevent.get_hub().loop.timer(WAIT_SECONDS)
        self._timer.start(over, self)

    def end(self) -> None:
        self._timer.stop()
        self._timer.close()
        self._then()


class Hearing:
    """Takes in what the others tell.

    ``removed(ruids)`` and ``read_again()`` are the storage's: rows that a reading under way must not bring
    back, and that all rows have to be read. ``overheard(puts, gone)`` passes on what was told to other nodes.
    """

    def __init__(
        self,
        locations: Locations,
        removed: Callable[[Iterable[str]], None],
        read_again: Callable[[], None],
        clock: Callable[[], float],
        overheard: Callable[[Sequence[Binding], Sequence[str]], None] | None = None,
    ) -> None:
        self._overheard = overheard
        self._locations = locations
        self._removed = removed
        self._read_again = read_again
        self._clock = clock
        self._last: dict[int, tuple[int, int]] = {}  # process and number of what was heard last
        self._behind_until = 0.0

    @property
    def behind(self) -> bool:
        """Whether something that was told may not be known here yet."""
        return self._behind_until > self._clock()

    def last(self, worker: int) -> tuple[int, int]:
        """The process of a worker that was heard last, and the number of its last news."""
        return self._last.get(worker, _NOBODY)

    def meets(self, worker: int, process: int, told: int) -> bool:
        """A worker says how much it has told; False when some of that has not been heard.

        Of a process that is met for the first time nothing can be missing: what it has told before, the rows
        say that are read at our start.
        """
        known, number = self._last.get(worker, _NOBODY)
        if known == process and number >= told:
            return True
        self._last[worker] = (process, told)
        if known == process:
            self.missed()
            return False
        return True

    def hears(self, worker: int, news: News) -> bool:
        """Takes in news; False when others before it are missing."""
        now = self._clock()
        if now - news.when > WAIT_SECONDS:
            self._behind_until = now + _BEHIND_SECONDS
        known, number = self._last.get(worker, _NOBODY)
        self._last[worker] = (news.process, news.number)
        for note in news.bindings:
            self._put(note)
        if self._overheard is not None and (news.bindings or news.gone):
            found = (self._locations.get(note[_RUID]) for note in news.bindings if len(note) > _RUID)
            gone = [ruid for ruid, _ in news.gone]
            self._overheard([binding for binding in found if binding is not None], gone)
        for ruid, when in news.gone:
            self._drop(ruid, when)
        if known == news.process and number != news.number - 1:
            self.missed()
            return False
        return True

    def missed(self) -> None:
        """Something was told that cannot be known."""
        self._behind_until = self._clock() + _BEHIND_SECONDS
        self._read_again()

    def _put(self, note: list[Any]) -> None:
        try:
            binding = binding_of(note)
        except (TypeError, ValueError):
            self.missed()  # another version's
            return
        known = self._locations.get(binding.ruid)
        if known is None or not _crossed(known.modified, binding.modified):
            self._locations.put(binding)

    def _drop(self, ruid: str, when: float) -> None:
        known = self._locations.get(ruid)
        if known is None or not _crossed(known.modified, when):
            self._removed([ruid])
            self._locations.drop(ruid)


def _crossed(mine: float, theirs: float) -> bool:
    """Whether what another worker tells is from just before what is known here, and crossed it on its way.

    What looks much older is newer all the same: somebody has set the clock.
    """
    return 0 < mine - theirs < _CROSSED_SECONDS
