"""Where in a TOML text a key stands, so that an error can name the line.

tomllib forgets lines as it reads. This walks over a text that tomllib has accepted already, so it trusts the
syntax and only keeps count: tables, arrays of tables, dotted and quoted keys, inline tables, arrays over
several lines and multi-line strings (TOML 1.0). Must not know what the keys mean.
"""

from __future__ import annotations

import re

KeyPath = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]+|#[^\n]*)*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SCALAR = re.compile(r"[^,\]}#\r\n]+")
_STRINGS = (
    re.compile(r'"""(?:\\.|(?!""").)*"{3,5}', re.DOTALL),
    re.compile(r"'''(?:(?!''').)*'{3,5}", re.DOTALL),
    re.compile(r'"((?:\\.|[^"\\])*)"'),
    re.compile(r"'([^']*)'"),
)


def lines_of(text: str) -> dict[KeyPath, int]:
    """The line, counted from 1, of every key and every array element of ``text``: ``("sip", "listen", 0) ->
    3``.
    """
    walk = _Walk(text)
    walk.document()
    return walk.lines


def line_of(text: str, path: KeyPath) -> int | None:
    """The line of ``path``, or of the nearest thing around it; None when ``text`` has neither."""
    lines = lines_of(text)
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return None


class _Walk:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.lines: dict[KeyPath, int] = {}
        self._elements: dict[KeyPath, int] = {}  # arrays of tables: how many so far

    def document(self) -> None:
        table: KeyPath = ()
        while self._skip_blank():
            if self._take("[["):
                table = self._array_table(self._keys())
                self._take("]]")
            elif self._take("["):
                table = self._note(self._inside_last(()), self._keys())
                self._take("]")
            else:
                self._assignment(table)

    def _assignment(self, table: KeyPath) -> None:
        path = self._note(table, self._keys())
        self._take("=")
        self._value(path)

    def _value(self, path: KeyPath) -> None:
        self._skip_blank()
        if self._take("["):
            index = 0
            while self._skip_blank() and not self._take("]"):
                self._note(path, [index])
                self._value((*path, index))
                index += 1
                self._skip_blank()
                self._take(",")
        elif self._take("{"):
            while self._skip_blank() and not self._take("}"):
                self._assignment(path)
                self._skip_blank()
                self._take(",")
        elif self._string() is None:
            self._match(_SCALAR)

    def _keys(self) -> list[str | int]:
        keys: list[str | int] = []
        while True:
            self._skip_blank()
            quoted = self._string()
            keys.append(self._match(_BARE_KEY) if quoted is None else quoted)
            self._skip_blank()
            if not self._take("."):
                return keys

    def _note(self, table: KeyPath, keys: list[str | int]) -> KeyPath:
        """Remember this line for each new part of table.keys; what is below an array is in its last table."""
        line = self.text.count("\n", 0, self.at) + 1
        path = table
        for key in keys:
            path = (*path, key)
            self.lines.setdefault(path, line)
            path = self._inside_last(path)
        return path

    def _array_table(self, keys: list[str | int]) -> KeyPath:
        outer = self._note((), keys[:-1])
        array = (*outer, keys[-1])
        index = self._elements[array] = self._elements.get(array, -1) + 1
        self.lines.setdefault(array, self.text.count("\n", 0, self.at) + 1)
        return self._note(array, [index])

    def _inside_last(self, path: KeyPath) -> KeyPath:
        return (*path, self._elements[path]) if path in self._elements else path

    def _string(self) -> str | None:
        for pattern in _STRINGS:
            found = pattern.match(self.text, self.at)
            if found:
                self.at = found.end()
                return found.group(found.lastindex or 0)
        return None

    def _match(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.at)
        if (
            found is None
        ):  # never in a text that tomllib has read; a character forward, so that a walk always ends
            self.at += 1
            return ""
        self.at = found.end()
        return found.group()

    def _skip_blank(self) -> bool:
        """Over blanks and comments; whether anything is left."""
        found = _BLANK.match(self.text, self.at)
        if found:
            self.at = found.end()
        return self.at < len(self.text)

    def _take(self, mark: str) -> bool:
        if self.text.startswith(mark, self.at):
            self.at += len(mark)
            return True
        return False
