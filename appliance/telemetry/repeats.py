"""What is told again and again is told once, and then how often: "and 132 more of these in the last minute".

The first is told at once. What follows within a minute with the same words is only counted, and the count is
told at the end of the minute; while it goes on, that is one line a minute. Of one kind so many different
words are told in a minute, and whatever else comes of it is counted together, so that nobody fills the
journal by saying something else each time. Must not know where lines are written, nor what they mean.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

WINDOW_SECONDS: Final = 60.0
#: So many different words of one kind are told in a window.
DIFFERENT: Final = 50


class Sum(NamedTuple):
    """``times`` more in the last ``seconds``, with these words and the fields of the last one; ``words`` are
    None, and the fields none, where they were different ones."""

    kind: str
    level: str
    words: str | None
    times: int
    seconds: float
    fields: dict[str, Any]


class _Known:
    """Words that were told ``since`` a moment, and how often they came again."""

    __slots__ = ("count", "fields", "level", "since")

    def __init__(self, level: str, since: float, count: int) -> None:
        self.level = level
        self.since = since
        self.count = count
        self.fields: dict[str, Any] = {}


class Repeats:
    """What was told within the last ``window`` seconds; empty while nothing fails."""

    def __init__(self, window: float = WINDOW_SECONDS, different: int = DIFFERENT) -> None:
        self._window = window
        self._different = different
        self._known: dict[tuple[str, str | None], _Known] = {}
        self._of_kind: dict[str, int] = {}
        self._due = 0.0

    def again(self, kind: str, level: str, words: str, fields: dict[str, Any], now: float) -> bool:
        """Whether it was told a moment ago: then it is counted, and must not be told."""
        known = self._known.get((kind, words))
        if known is None:
            told = self._of_kind.get(kind, 0)
            if told < self._different:
                self._of_kind[kind] = told + 1
                self._remember((kind, words), _Known(level, now, 0))
                return False
            known = self._known.get((kind, None))
            if known is None:
                self._remember((kind, None), _Known(level, now, 1))
                return True
            known.count += 1
            return True
        known.count += 1
        known.fields = fields
        return True

    def over(self, now: float) -> list[Sum]:
        """The sums of those whose window has ended; what came not again is forgotten."""
        return self._sums(now, now - self._window) if self._known and now >= self._due else []

    def rest(self, now: float) -> list[Sum]:
        """The sums of all, and all is forgotten: nothing is told later."""
        sums = self._sums(now, now)
        self._known.clear()
        self._of_kind.clear()
        return sums

    def _remember(self, key: tuple[str, str | None], known: _Known) -> None:
        if not self._known:
            self._due = known.since + self._window
        self._known[key] = known

    def _sums(self, now: float, until: float) -> list[Sum]:
        sums: list[Sum] = []
        due = now + self._window
        for key, known in list(self._known.items()):
            if known.since > until:
                due = min(due, known.since + self._window)
            elif known.count:
                kind, words = key
                sums.append(Sum(kind, known.level, words, known.count, now - known.since, known.fields))
                known.since, known.count, known.fields = now, 0, {}
            else:
                self._forget(key)
        self._due = due
        return sums

    def _forget(self, key: tuple[str, str | None]) -> None:
        self._known.pop(key, None)
        kind, words = key
        if words is not None:
            self._of_kind[kind] -= 1
