"""What this node tells of its own bindings: news as they happen, the last of them again, or everything.

Everything is told in parts, and of those that were lost each can be asked for by its number: of a million
bindings, in 250,000 packets, hardly ever all would come, and to begin anew would not end. An answer remembers
which bindings are in which part (some 8 MB for a million), for as long as parts of it may be missed.

A packet fits into one Ethernet frame, as far as bindings let it, since a lost fragment loses the whole. Must
not know sockets, nor who listens.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Final, TypeVar

from appliance.neighbours.frames import News, State, Whole
from appliance.registrar.binding import Binding
from appliance.registrar.binding_note import DEADLINE, note_of

#: Bindings in one packet: some 250 bytes each.
IN_ONE: Final = 4
#: Removals in one packet.
_GONE_IN_ONE: Final = 25
#: So many news can be told again; who lacks more is told everything.
KEPT: Final = 4096

_Each = TypeVar("_Each")


class Answer:
    """What is said to who has asked for all ``bindings``. Those that change meanwhile are in the news after
    ``told``; ``find`` gives a binding as it is by now, None when it is gone. ``kept_until`` is for whoever
    keeps it."""

    def __init__(
        self,
        query: int,
        told: int,
        bindings: Iterable[Binding],
        find: Callable[[str], Binding | None],
        offset: float,
    ) -> None:
        self.query = query
        self.kept_until = 0.0
        self._told = told
        self._bindings = iter(bindings)
        self._find = find
        self._offset = offset
        self._ruids: list[str] = []
        self._parts = 0
        self._read = False  # all parts were said once
        self._again: list[int] = []
        self._ended = False

    @property
    def over(self) -> bool:
        """Whether there is nothing to say now."""
        return self._ended

    def again(self, numbers: Iterable[int]) -> None:
        """These parts are to be said again, and how many there are."""
        if self._read:
            self._again = [number for number in numbers if 0 < number <= self._parts]
            self._ended = False

    def next(self) -> State | Whole:
        """What comes next; the end when nothing does."""
        if not self._read:
            part = list(islice(self._bindings, IN_ONE))
            if part:
                self._parts += 1
                self._ruids += [each.ruid for each in part]
                return State(self.query, self._parts, [_note(each, self._offset) for each in part])
            self._read = True
        if self._again:
            number = self._again.pop()
            ruids = self._ruids[(number - 1) * IN_ONE : number * IN_ONE]
            found = [each for each in map(self._find, ruids) if each is not None]
            return State(self.query, number, [_note(each, self._offset) for each in found])
        self._ended = True
        return Whole(self.query, self._parts, self._told)


class Outbox:
    """The news of this node, by their numbers."""

    def __init__(self) -> None:
        self.told = 0
        self._kept: OrderedDict[int, News] = OrderedDict()

    def news(
        self, puts: Iterable[Binding], gone: Iterable[tuple[str, float]], offset: float
    ) -> Iterator[News]:
        """What has changed, in packets; ``offset`` is wall minus monotonic seconds."""
        for bindings in _parts(list(puts), IN_ONE):
            yield self._next([_note(binding, offset) for binding in bindings], [])
        for removals in _parts(list(gone), _GONE_IN_ONE):
            yield self._next([], removals)

    def again(self, numbers: Iterable[int]) -> list[News]:
        """These news again, as far as they are kept."""
        return [self._kept[number] for number in numbers if number in self._kept]

    def _next(self, notes: list[list[object]], gone: list[tuple[str, float]]) -> News:
        self.told += 1
        news = News(self.told, notes, gone)
        self._kept[self.told] = news
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        return news


def _note(binding: Binding, offset: float) -> list[object]:
    note = note_of(binding)
    note[DEADLINE] = binding.deadline + offset
    return note


def _parts(items: list[_Each], size: int) -> Iterator[list[_Each]]:
    return (items[first : first + size] for first in range(0, len(items), size))
