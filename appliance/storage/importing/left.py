"""What could not be taken, and why: one line each. Must not know what the rows mean."""

from __future__ import annotations

#: Of each kind, so many lines are kept; the others are counted. A table may have a million rows.
MOST_LINES = 1000


class Left:
    """The lines, by what they are about: ``subscribers``, ``aliases`` …"""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self._lines: dict[str, str] = {}  # in their order, and what each is about

    def say(self, kind: str, what: str, why: str) -> None:
        """``what`` of this kind is not taken; the same words are said once."""
        line = f"{what}: {why}"
        if line in self._lines:
            return
        count = self.counts[kind] = self.counts.get(kind, 0) + 1
        if count <= MOST_LINES:
            self._lines[line] = kind

    @property
    def count(self) -> int:
        """How many there are."""
        return sum(self.counts.values())

    @property
    def lines(self) -> list[str]:
        """What was said, and how much more there was to say."""
        more = {kind: count - MOST_LINES for kind, count in self.counts.items() if count > MOST_LINES}
        return [
            *self._lines,
            *(f"{count} more {kind} are left, not named here" for kind, count in more.items()),
        ]
