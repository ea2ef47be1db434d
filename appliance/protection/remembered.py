"""A number for each source, for as many sources as there is room for.

Two dictionaries, of which the older one is let go when the younger one is full: whoever comes again moves
into the younger one. So a flood of made-up senders pushes out those that have been silent for longest, costs
nothing beyond a dictionary access each, and never more memory than the room.
"""

from __future__ import annotations


class Remembered:
    """At least ``room`` sources are remembered, never more than twice as many."""

    __slots__ = ("_older", "_room", "_younger")

    def __init__(self, room: int) -> None:
        self._room = room
        self._younger: dict[str, float] = {}
        self._older: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._younger) + len(self._older)

    def get(self, source: str) -> float:
        """Its number; 0.0 when nothing is remembered."""
        number = self._younger.get(source)
        if number is None:
            return self._older.get(source, 0.0)
        return number

    def put(self, source: str, number: float) -> None:
        younger = self._younger
        if len(younger) >= self._room and source not in younger:
            self._older = younger
            self._younger = younger = {}
        younger[source] = number

    def forget(self, source: str) -> None:
        self._younger.pop(source, None)
        self._older.pop(source, None)

    def clear(self) -> None:
        self._younger, self._older = {}, {}
