"""The grammar of credentials and challenges: a scheme and ``name=value`` pairs (RFC 7616 §3.3, §3.4).

Only the text is read here; which parameters there must be, and what they prove, is the digest's business.
"""

from __future__ import annotations

import re
from functools import lru_cache

from appliance.errors import MalformedMessage

_TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]++").fullmatch
_STRING = re.compile(r'"([^"\\]*+(?:\\.[^"\\]*+)*)"', re.DOTALL)
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)

# Credentials longer than this are read without remembering anything, so that nobody fills the memory with
# them.
_REMEMBERED_LENGTH = 1024

_Bare = tuple[tuple[str, str], ...]


def parse_auth_params(text: str) -> tuple[str, dict[str, str]]:
    """``Digest username="10", qop=auth`` -> ``("Digest", {"username": "10", "qop": "auth"})``.

    Names are in lower case, values unquoted. A scheme alone has no parameters. MalformedMessage when the text
    is no list of parameters, or when one comes twice: two elements could each believe another of them.
    """
    scheme, _, rest = text.strip(" \t").partition(" ")
    # Every second piece stood between quotes. What stood outside of them (', realm=', ', qop=auth,
    # nc=00000001') is nearly always text that was met before: one look into a cache reads it. The comma in
    # front makes the first gap look like the others.
    pieces = ("," + rest).split('"') if "\\" not in rest else _split_escaped("," + rest)
    if not len(pieces) & 1:
        raise MalformedMessage("a quoted string in credentials is not closed")
    read = _remembered_gap if len(rest) <= _REMEMBERED_LENGTH else _read_gap
    tail = pieces.pop()
    params: dict[str, str] = {}
    expected = len(pieces) >> 1
    values = iter(pieces)
    for gap in values:
        bare, name = read(gap)
        if bare:
            params.update(bare)
            expected += len(bare)
        params[name] = next(values)
    if "" in params:
        raise MalformedMessage("a quoted string in credentials has no name")
    if tail:
        bare, name = read(tail)
        params.update(bare)
        expected += len(bare)
        if name:
            params[name] = ""
            expected += 1
    if expected != len(params):
        raise MalformedMessage("a parameter of credentials comes twice")
    return scheme, params


def _split_escaped(text: str) -> list[str]:
    """Like ``text.split('"')`` for text with escaped quotes: gap, value, gap, …, the values unescaped."""
    pieces = []
    position = 0
    while (start := text.find('"', position)) >= 0:
        match = _STRING.match(text, start)
        if match is None:
            raise MalformedMessage("a quoted string in credentials is not closed")
        pieces += [text[position:start], _QUOTED_PAIR.sub(r"\1", match[1])]
        position = match.end()
    pieces.append(text[position:])
    return pieces


def _read_gap(gap: str) -> tuple[_Bare, str]:
    """``, qop=auth, nc=00000001, cnonce=`` -> the bare parameters, and the name that still lacks a value."""
    opening, *params = gap.split(",")
    if opening.strip(" \t"):
        raise MalformedMessage(f"no comma before {opening[:40]!r}")
    bare: list[tuple[str, str]] = []
    pending = ""
    for param in params:
        if pending:
            # 'opaque=, realm=': an empty value that should have been quoted.
            bare.append((pending, ""))
            pending = ""
        name, equals, value = param.partition("=")
        name = name.strip(" \t").lower()
        value = value.strip(" \t")
        if not name and not equals:
            continue
        if not equals or not _TOKEN(name):
            raise MalformedMessage(f"not a parameter of credentials: {param[:40]!r}")
        # A bare value may be wider than a token ('uri=sip:192.0.2.1'), but it ends with the first blank.
        if " " in value or "\t" in value:
            raise MalformedMessage(f"no comma after {param[:40]!r}")
        if value:
            bare.append((name, value))
        else:
            pending = name
    return tuple(bare), pending


_remembered_gap = lru_cache(maxsize=512)(_read_gap)
