"""A trace as a ladder: everybody who takes part has a column, a message is an arrow between two of them.

Columns are made as peers appear; sipbox has the second one, so that a caller stands at its left and those who
are called at its right. A peer that comes later gets a column at the end, and the heads are shown again. Must
not know where entries come from.
"""

from __future__ import annotations

from datetime import datetime

from appliance.telemetry.trace import Entry
from appliance.telemetry.trace_format import harmless, painted

WIDTH = 32
_US = "sipbox"
_MOST_COLUMNS = 8


class Ladder:
    """``lines(entry)`` shows one entry; times are those since the first one of its call."""

    def __init__(self, colour: bool = True, width: int = WIDTH) -> None:
        self._colour = colour
        self._width = width
        self._columns: list[str] = []
        self._begun: dict[str, float] = {}

    def lines(self, entry: Entry) -> str:
        """The lines that show it, ended."""
        since = self._since(entry)
        if entry.kind == "note":
            words = painted(harmless(entry.headline), entry.colour or "yellow", self._colour)
            return f"{since}  {' ' * self._middle(1)}· {words}\n"
        peer = harmless(entry.peer)
        shown = "" if peer in self._columns else self._heads(peer)
        here, there = 1, self._columns.index(peer)
        start, end = (there, here) if entry.kind == "received" else (here, there)
        return f"{shown}{since}  {self._arrow(start, end, entry)}\n"

    def _since(self, entry: Entry) -> str:
        first = self._begun.setdefault(entry.call_id, entry.time)
        if len(self._begun) > 10_000:
            self._begun.clear()
        clock = f"{datetime.fromtimestamp(entry.time).astimezone():%H:%M:%S.%f}"[:-3]
        return f"{clock} {f'+{entry.time - first:.3f}':>9}"

    def _heads(self, peer: str) -> str:
        if len(self._columns) >= _MOST_COLUMNS:
            self._columns.clear()
        if self._columns:
            self._columns.append(peer)
        else:
            self._columns += [peer, _US]
        heads = "".join(f"{column[: self._width - 1]:^{self._width}}" for column in self._columns)
        return f"\n{' ' * 24}{heads.rstrip()}\n"

    def _middle(self, column: int) -> int:
        return column * self._width + self._width // 2

    def _arrow(self, start: int, end: int, entry: Entry) -> str:
        left, right = sorted((self._middle(start), self._middle(end)))
        room = right - left - 1
        words = harmless(_subject(entry))[: room - 5]
        line = f" {words} ".center(room - 1, "─")
        line = f"{line}▶" if start < end else f"◀{line}"
        inked = painted(line, _ink(entry), self._colour)
        before = "".join("│" if at in self._bars() else " " for at in range(left))
        after = "".join("│" if at in self._bars() else " " for at in range(right + 1, self._bars()[-1] + 1))
        return f"{before}│{inked}│{after}"

    def _bars(self) -> list[int]:
        return [self._middle(column) for column in range(len(self._columns))]


def _subject(entry: Entry) -> str:
    """``INVITE 11@example.org``, ``180 Ringing``: the start line, as far as it says something new."""
    first = entry.text.lstrip("\r\n").partition("\r\n")[0].split(" ", 2)
    if first[0] == "SIP/2.0":
        return f"{' '.join(first[1:])} ({entry.method})"
    if len(first) < 2:
        return entry.headline
    return f"{first[0]} {first[1].partition(':')[2].partition(';')[0]}"


def _ink(entry: Entry) -> str:
    if entry.text.startswith("SIP/2.0 "):
        status = entry.text[8:11]
        return "cyan" if status[:1] in "123" or status in ("401", "407") else "red"
    return "green"
