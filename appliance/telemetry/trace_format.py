"""How a traced message looks: as in OpenSER's log, requests on green, replies on cyan.

A message comes from strangers and goes to a terminal, so nothing in it may act there: every character that is
not printable is shown as an escape (``\\x1b``), line ends apart. Must not know where entries come from or go
to.
"""

from __future__ import annotations

import re
from datetime import datetime

from appliance.telemetry.trace import Entry

# OpenSER's $Cbg and $Cbc, with black ink instead of blue, which cannot be read on today's palettes; $Crx;
# $Cxx.
_PAPER = {"green": "\x1b[30;42m", "cyan": "\x1b[30;46m"}
_INK = {"red": "\x1b[31m", "green": "\x1b[32m", "yellow": "\x1b[33m", "blue": "\x1b[34m", "cyan": "\x1b[36m"}
_FAINT = "\x1b[2m"
_DEFAULT = "\x1b[39;49m"
_NOT_FAINT = "\x1b[22m"

_LINE_END = re.compile(r"\r\n|\n")
_SUSPECT = re.compile(r"[^\t\x20-\x7e]")


def format_entry(entry: Entry, colour: bool = True) -> str:
    """The lines that show ``entry``, ended: who to whom, ``0(PID) REGISTER``, the message.

    Each line has its colour for itself, so that a pager or a scrolling terminal does not let it run.
    """
    headline = f"{entry.worker}({entry.pid}) "
    if entry.kind == "note":
        return headline + painted(harmless(entry.headline), entry.colour, colour) + "\n\n"
    lines = [headline + harmless(entry.headline)]
    paper = _PAPER.get(entry.colour)
    lines += [_painted(line, paper, colour) for line in _message_lines(entry.text)]
    way = f"{datetime.fromtimestamp(entry.time).astimezone():%H:%M:%S.%f}"[:-3] + " " + _way(entry)
    if colour:
        way = f"{_FAINT}{way}{_NOT_FAINT}"
    return "\n".join([way, *lines, "", ""])


def harmless(text: str) -> str:
    """``text`` with everything that could act on a terminal, or hide in it, shown as an escape."""
    if text.isprintable():
        return text
    return _SUSPECT.sub(lambda found: found[0] if found[0].isprintable() else _escape(found[0]), text)


def _message_lines(text: str) -> list[str]:
    return [harmless(line) for line in _LINE_END.split(text.rstrip("\r\n"))]


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that was no UTF-8
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"


def painted(text: str, ink: str, colour: bool) -> str:
    """``text`` in an ink that has a name here (red, green, yellow, blue, cyan), if colours are wished."""
    return _painted(text, _INK.get(ink), colour)


def _painted(text: str, code: str | None, colour: bool) -> str:
    return f"{code}{text}{_DEFAULT}" if colour and code and text else text


def _way(entry: Entry) -> str:
    """Said in words too: of a message that the server sends itself, both ends are the same."""
    peer, local = harmless(entry.peer), harmless(entry.local) or "us"
    return f"received {peer} -> {local}" if entry.kind == "received" else f"sent {local} -> {peer}"
