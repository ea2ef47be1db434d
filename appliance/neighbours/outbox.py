"""What this node tells of its own bindings: news as they happen, the last of them again, or everything.

A packet fits into one Ethernet frame, as far as bindings let it, since a lost fragment loses the whole. Must
not know sockets, nor who listens.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
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

    def everything(self, query: int, bindings: Iterable[Binding], offset: float) -> Iterator[State | Whole]:
        """The answer to a question for all bindings. Those that change meanwhile are in the news."""
        told, parts = self.told, 0
        part: list[Binding] = []
        for binding in bindings:
            part.append(binding)
            if len(part) == IN_ONE:
                parts += 1
                yield State(query, [_note(each, offset) for each in part])
                part = []
        if part:
            parts += 1
            yield State(query, [_note(each, offset) for each in part])
        yield Whole(query, parts, told)

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
