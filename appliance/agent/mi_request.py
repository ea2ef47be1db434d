"""Reading requests of the management interface out of a stream of bytes, in OpenSER 1.2's format.

A request is a first line ``:COMMAND:REPLY_NAME``, any number of arguments, and an empty line::

    :t_uac_dlg:reply_4711
    OPTIONS
    name::value
    "a quoted value with \\"quotes\\", which may
    span lines"
    (an empty line)

Many clients write into one FIFO, and one of them may die half-way. Its successor must not suffer: a line
that ends as a first line does, with a command that is known and a reply FIFO that is there, begins a new
request wherever it stands. No argument looks like that by accident. Everything else is OpenSER's to the
byte: the limits, what is refused with an answer, and what is refused in silence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from enum import Enum, auto
from typing import NamedTuple

from appliance.agent.mi import Argument, not_available, parse_error
from appliance.agent.mi_argument import ArgumentReader, Broken, decoded

FIRST_LINE_BYTES = 1024
ARGUMENT_BYTES = 8192
FORBIDDEN_IN_NAME = frozenset("./\\\0")

_BEGINNING = re.compile(rb":(\w+):([^:./\\\s]+)[\r \t]*$")


class Request(NamedTuple):
    """A complete request; an empty ``reply_name`` wants no reply."""

    command: str
    reply_name: str
    arguments: tuple[Argument, ...] = ()


class Refusal(NamedTuple):
    """A request that is answered with ``text`` and not carried out."""

    reply_name: str
    text: str


class Ignored(NamedTuple):
    """Input that gets no answer: ``problem`` is for the log."""

    problem: str


class _State(Enum):
    FIRST = auto()
    ARGUMENTS = auto()
    CONSUME = auto()  # nothing counts until the empty line


class RequestReader:
    """Bytes in, requests out; it keeps the unfinished one.

    ``commands`` says which commands there are and whether they take arguments (the others ignore them,
    whatever they look like). ``reply_waits`` says whether a reply FIFO of that name is there.
    """

    def __init__(self, commands: Mapping[str, bool], reply_waits: Callable[[str], bool]) -> None:
        self._commands = commands
        self._reply_waits = reply_waits
        self._pending = bytearray()
        self._overlong = False
        self._forget()

    @property
    def unfinished(self) -> bool:
        """Whether part of a request has been read, and the rest is awaited."""
        return self._state is not _State.FIRST or bool(self._pending) or self._overlong

    def abandon(self) -> Ignored:
        """Give up the unfinished request: its writer has been silent for too long."""
        command = self._command
        self._pending.clear()
        self._overlong = False
        self._forget()
        return Ignored(f"unfinished request given up (command {command!r})")

    def feed(self, data: bytes) -> Iterator[Request | Refusal | Ignored]:
        """Take what was read and give what it completes."""
        pending = self._pending
        pending += data
        while True:
            end = pending.find(b"\n")
            if self._overlong:
                if end < 0:
                    del pending[:-FIRST_LINE_BYTES]
                    return
                # The end of a line whose beginning has been dealt with; it is not empty, whatever is left
                # of it.
                line = b" " + bytes(pending[max(end - FIRST_LINE_BYTES, 0) : end])
                del pending[: end + 1]
                self._overlong = False
            elif (len(pending) if end < 0 else end) > ARGUMENT_BYTES:
                line = bytes(pending[: ARGUMENT_BYTES + 1])
                del pending[: ARGUMENT_BYTES + 1]
                self._overlong = True
            elif end < 0:
                return
            else:
                line = bytes(pending[:end])
                del pending[: end + 1]
            yield from self._line(line)

    def _forget(self) -> None:
        self._state = _State.FIRST
        self._command = ""
        self._reply_name = ""
        self._arguments = ArgumentReader()
        self._used = 0
        self._runs_when_consumed = False

    def _line(self, line: bytes) -> Iterator[Request | Refusal | Ignored]:
        if self._state is _State.FIRST:
            yield from self._first(line)
            return
        beginning = self._beginning_in(line)
        if beginning is not None:
            yield Ignored(f"request given up half-way (command {self._command!r})")
            self._forget()
            yield from self._first(beginning)
        elif self._state is _State.CONSUME:
            if not line:
                if self._runs_when_consumed:
                    yield Request(self._command, self._reply_name)
                self._forget()
        elif line:
            yield from self._argument(line)
        elif self._arguments.open:
            # The empty line ends the request even inside quotes.
            yield Refusal(self._reply_name, parse_error(self._command))
            self._forget()
        else:
            yield Request(self._command, self._reply_name, tuple(self._arguments.arguments))
            self._forget()

    def _beginning_in(self, line: bytes) -> bytes | None:
        """The first line of another request that stands in (or at the end of) this line."""
        found = _BEGINNING.search(line)
        if found is None or found[1].decode("ascii", "replace") not in self._commands:
            return None
        return found[0] if self._reply_waits(decoded(found[2])) else None

    def _first(self, line: bytes) -> Iterator[Request | Refusal | Ignored]:
        trimmed = line.rstrip(b"\r \t")
        if not trimmed:
            return
        command, problem = "", ""
        if len(line) >= FIRST_LINE_BYTES:
            problem = "first line too long"
        elif len(trimmed) < 3 or not trimmed.startswith(b":"):
            problem = "a request begins with :command:reply_name"
        else:
            command, separator, reply_name = decoded(trimmed[1:]).partition(":")
            if not separator:
                problem = "the second colon is missing"
            elif not command:
                problem = "the command is empty"
            elif FORBIDDEN_IN_NAME.intersection(reply_name):
                problem = f"forbidden reply name {reply_name!r}"
            else:
                self._command, self._reply_name = command, reply_name
        if command not in self._commands or problem or ":" in self._reply_name:
            beginning = self._beginning_in(line)
            if beginning is not None and beginning != line:
                yield Ignored("half a request before another one")
                yield from self._first(beginning)
                return
        self._state = _State.CONSUME
        if problem:
            yield Ignored(f"{problem}: {line[:80]!r}")
        elif command not in self._commands:
            yield Refusal(self._reply_name, not_available(command))
        elif self._commands[command]:
            self._state = _State.ARGUMENTS
        else:
            self._runs_when_consumed = True

    def _argument(self, line: bytes) -> Iterator[Refusal]:
        self._used += len(line) + 1
        try:
            if self._used > ARGUMENT_BYTES:
                raise Broken
            self._arguments.read(line)
        except Broken:
            yield Refusal(self._reply_name, parse_error(self._command))
            self._state = _State.CONSUME
