"""The management interface's values: what a command is given, what it answers, and the answer's text.

OpenSER 1.2 answers with a code, a reason and a tree of nodes. As text::

    200 OK
    Domain:: location table=512 records=1 max_slot=1
    \tAOR:: 10@127.0.0.1
    \t\tContact:: sip:10@127.0.0.1:5999 Q=
    (an empty line)

What the commands mean and how the text travels is not known here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from appliance.telemetry.trace_format import harmless

INDENT = "\t"


class Argument(NamedTuple):
    """One argument of a command; most have no name."""

    value: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """A line of a reply and the lines below it; a node with a name prints it even when the value is empty."""

    value: str = ""
    name: str | None = None
    attributes: tuple[tuple[str, str], ...] = ()
    children: tuple[Node, ...] = ()

    def lines(self, depth: int = 0) -> Iterator[str]:
        head = "" if self.name is None else f"{self.name}:: "
        tail = "".join(f" {name}={_shown(value)}" for name, value in self.attributes)
        yield f"{INDENT * depth}{head}{_shown(self.value)}{tail}\n"
        for child in self.children:
            yield from child.lines(depth + 1)


def _shown(value: str) -> str:
    """What phones and strangers wrote, with nothing in it that acts on a terminal. A value of several lines
    is the headers of a message, and keeps their ends."""
    if value.isprintable():
        return value
    return "\r\n".join(map(harmless, value.split("\r\n")))


@dataclass(frozen=True, slots=True)
class Tree:
    """A complete reply; its text ends with an empty line."""

    nodes: tuple[Node, ...] = ()
    code: int = 200
    reason: str = "OK"

    @property
    def text(self) -> str:
        body = "".join(line for node in self.nodes for line in node.lines())
        return f"{self.code} {self.reason}\n{body}\n"


class CommandRefused(Exception):
    """A command says no in the words that OpenSER's clients know; ``tree`` is the reply."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}")
        self.tree = Tree(code=code, reason=reason)


def wrong_count() -> CommandRefused:
    """Another number of arguments than the command takes."""
    return CommandRefused(400, "Too few or too many arguments")


def bad_parameter() -> CommandRefused:
    """An argument that is no number, or no q value."""
    return CommandRefused(400, "Bad parameter")


# What the transport itself answers has no empty line at its end.


def not_available(command: str) -> str:
    return f"500 command '{command}' not available\n"


def parse_error(command: str) -> str:
    return f"400 parse error in command '{command}'\n"


def failed(command: str) -> str:
    return f"500 command '{command}' failed\n"


ASYNCHRONOUS_FAILED = "500 command failed\n"
