"""What a check has found: one line that a person can act upon. Must not know what is checked."""

from __future__ import annotations

from typing import Literal, NamedTuple

State = Literal["ok", "off", "unknown", "wrong", "down"]

AS_ROOT = "Ask as root: sudo sipbox diagnose."


class Finding(NamedTuple):
    """``ok``, ``off`` (the settings do not want it), ``unknown`` (it cannot be seen from here), ``wrong``,
    or ``down``, which only the server is.

    ``what`` is what was seen. ``todo`` says what to do about it, in one line, with the command to type.
    ``because`` is the part whose fault explains this one; "": it is a cause itself.
    """

    state: State
    what: str
    todo: str = ""
    because: str = ""


class Unknown(Exception):
    """A check cannot be made: ``what`` says why, ``todo`` what would help."""

    def __init__(self, what: str, todo: str = "") -> None:
        self.what = what
        self.todo = todo
        super().__init__(what)


def few(names: list[str], most: int = 5) -> str:
    """The names, or the first of very many."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def count(number: float, one: str, several: str = "") -> str:
    """``1 call``, ``2 calls``."""
    return f"{number:.0f} {one if number == 1 else several or f'{one}s'}"


def waiting(number: float, what: str) -> str:
    """``1 change waits``, ``2 changes wait``."""
    return f"{count(number, what)} {'waits' if number == 1 else 'wait'}"


def span(seconds: float) -> str:
    """A time in the largest unit that it has two of: ``40 s``, ``12 min``, ``5 h``, ``3 days``."""
    for size, unit in ((86_400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"
