"""The raw header lines of a message, found and changed by the key of their name (RFC 3261 §7.3).

A line is only ever replaced as a whole or where an item of a list is taken out: what a proxy does not touch
stays as it came. Knows nothing of what the headers mean.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from appliance.errors import MalformedMessage
from appliance.sip.grammar import find_outside, split_list, unfold
from appliance.sip.names import LIST_HEADERS, display_of, key_of


class HeaderLines:
    """``keys[i]`` is the canonical name of ``lines[i]``: the whole line with its name and folds, not its end.

    Both lists run in parallel; ``firsts`` has the first line of each key, for what is asked most. They may be
    read freely, and are changed by the methods only.
    """

    __slots__ = ("firsts", "keys", "lines")

    keys: list[str]
    lines: list[str]
    firsts: dict[str, str]

    def has(self, key: str) -> bool:
        """True when there is a header with this key."""
        return key in self.firsts

    def first(self, key: str) -> str | None:
        """The value of the first line with this key, unfolded and stripped; None when there is none."""
        line = self.firsts.get(key)
        return None if line is None else value_of(line)

    def all(self, key: str) -> list[str]:
        """The value of each line with this key, in their order."""
        return [value_of(line) for k, line in zip(self.keys, self.lines, strict=True) if k == key]

    def items(self, key: str) -> list[str]:
        """Each item, when the header's grammar is a comma list (§7.3.1), else each line's value.

        MalformedMessage when a quote or an angle bracket is not closed.
        """
        values = self.all(key)
        if key not in LIST_HEADERS:
            return values
        return [item for value in values for item in split_list(value)]

    def number(self, key: str, most: int) -> int | None:
        """The header's value as a number, None when it is absent; MalformedMessage beyond ``most``."""
        line = self.firsts.get(key)
        if line is None:
            return None
        number = _number_of(line)
        if number is None or number > most:
            raise MalformedMessage(f"not a {display_of(key)}: {value_of(line)[:40]!r}")
        return number

    def add(self, name: str, value: str) -> None:
        """Append a header line."""
        key, line = key_of(name), line_of(name, value)
        self.lines.append(line)
        self.keys.append(key)
        self.firsts.setdefault(key, line)

    def prepend(self, name: str, value: str) -> None:
        """Put a header line before all others, as a Via or Record-Route is (§16.6)."""
        key, line = key_of(name), line_of(name, value)
        self.lines.insert(0, line)
        self.keys.insert(0, key)
        self.firsts[key] = line
        self._changed(key)

    def remove(self, key: str) -> None:
        """Take out all lines with this key."""
        keys = self.keys
        while key in keys:
            index = keys.index(key)
            del keys[index], self.lines[index]
        self.firsts.pop(key, None)
        self._changed(key)

    def take_out(self, index: int) -> None:
        """Take out one line."""
        key = self.keys.pop(index)
        del self.lines[index]
        self._find_first(key)

    def replace(self, key: str, value: str) -> None:
        """Give the first line with this key another value, or append such a line."""
        line = line_of(display_of(key), value)
        if key in self.firsts:
            self._put_first(key, line)
        else:
            self.lines.append(line)
            self.keys.append(key)
            self.firsts[key] = line

    def rewrite(self, change: Callable[[str], str]) -> None:
        """Make each line what ``change(line)`` gives; it must keep its name."""
        self.lines = [change(line) for line in self.lines]
        for key in self.firsts:
            self._find_first(key)

    def remove_first_item(self, key: str) -> None:
        """Take the first item out of a comma list that may run over several lines; or nothing."""
        line = self.firsts.get(key)
        if line is None:
            return
        rest = line[end_of_first_item(line) + 1 :].strip(" \t\r\n")
        if rest:
            self._put_first(key, f"{line[: line.index(':') + 1]} {rest}")
        else:
            self.take_out(self.keys.index(key))

    def _put_first(self, key: str, line: str) -> None:
        """Let another line take the place of the first one with this key, which is there."""
        self.lines[self.keys.index(key)] = self.firsts[key] = line
        self._changed(key)

    def _find_first(self, key: str) -> None:
        """The first line with this key may be another one now, or none."""
        if key in self.keys:
            self.firsts[key] = self.lines[self.keys.index(key)]
        else:
            del self.firsts[key]
        self._changed(key)

    def _changed(self, key: str) -> None:
        """Called when the first line with this key is another one now."""


def first_lines(keys: list[str], lines: list[str]) -> dict[str, str]:
    """The first line of each key."""
    firsts: dict[str, str] = {}
    for key, line in zip(keys, lines, strict=True):
        if key not in firsts:
            firsts[key] = line
    return firsts


def value_of(line: str) -> str:
    """What follows the name in a header line, unfolded and stripped."""
    value = line[line.find(":") + 1 :].strip(" \t")
    return unfold(value).strip(" \t") if "\n" in value else value


def line_of(name: str, value: str) -> str:
    """A header line. A line end within the value would start a header of somebody else's choice: ValueError.

    Nothing that was read out of a message holds one, so it is a mistake in our own code.
    """
    if "\n" in value or "\r" in value:
        raise ValueError(f"a line end in the value of {name}")
    return f"{name}: {value}"


def end_of_first_item(line: str) -> int:
    """Where the first item of a header line's comma list ends; empty items before it belong to it."""
    if "," not in line:
        return len(line)
    start = line.index(":") + 1
    while (end := find_outside(line, ",", start)) >= 0:
        if line[start:end].strip(" \t\r\n"):
            return end
        start = end + 1
    return len(line)


# "Content-Length: 0" and "Max-Forwards: 70" come in nearly every message.
@lru_cache(maxsize=4096)
def _number_of(line: str) -> int | None:
    """The number that is a header line's value; None when it is none, or absurdly long."""
    value = value_of(line) if len(line) < 128 else ""
    # isdigit alone takes digits of any script, and int() signs and underscores.
    return int(value) if value.isascii() and value.isdigit() else None
