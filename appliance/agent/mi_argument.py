"""The arguments of a request of the management interface, line by line, in OpenSER 1.2's grammar.

One is ``value``, ``name::value``, ``"value"`` or ``name::"value"``; blanks around each do not count. What
is quoted may span lines and keeps its blanks and line ends; in it ``\\"`` is a quote. Where the request
ends, and how much may be read, is not known here.
"""

from __future__ import annotations

from appliance.agent.mi import Argument


class Broken(Exception):
    """A quote where none may stand."""


class ArgumentReader:
    """Lines without their ends in, ``arguments`` out; it keeps the quoted value that is still open."""

    def __init__(self) -> None:
        self.arguments: list[Argument] = []
        self._name: str | None = None
        self._value: bytearray | None = None

    @property
    def open(self) -> bool:
        """Whether the next line belongs to a quoted value."""
        return self._value is not None

    def read(self, line: bytes) -> None:
        """Take the next line. Raises Broken."""
        if self._value is not None:
            self._quoted(self._value, line)
        elif text := line.lstrip():
            self._begin(text)

    def _begin(self, text: bytes) -> None:
        name: str | None = None
        if not text.startswith(b'"'):
            before, separator, after = text.partition(b"::")
            if separator:
                if b'"' in before:
                    raise Broken
                name = decoded(before.rstrip()) or None
                text = after.lstrip()
        if text.startswith(b'"'):
            self._name = name
            self._value = bytearray()
            self._quoted(self._value, text[1:])
        elif b'"' in text:
            raise Broken
        else:
            self.arguments.append(Argument(decoded(text.rstrip()), name))

    def _quoted(self, value: bytearray, text: bytes) -> None:
        """A quoted value's next line: up to its closing quote, after which only blanks may stand."""
        done = 0
        while True:
            quote = text.find(b'"', done)
            if quote < 0:
                value += text[done:] + b"\n"
                return
            if quote > done and text[quote - 1 : quote] == b"\\":
                value += text[done : quote - 1] + b'"'
                done = quote + 1
                continue
            if text[quote + 1 :].strip():
                raise Broken
            value += text[done:quote]
            self.arguments.append(Argument(decoded(bytes(value)), self._name))
            self._value = None
            return


def decoded(data: bytes) -> str:
    """Bytes as text, those that are no UTF-8 kept as surrogates: what was typed is passed on unchanged."""
    return data.decode("utf-8", "surrogateescape")
