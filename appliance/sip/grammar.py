"""The small productions that all else is made of: tokens, quoted strings, lists, parameters (RFC 3261 §25.1).

Each function takes text that is already unfolded. Every one looks at each character a bounded number of
times: the patterns use possessive quantifiers, and a search never starts again inside what it has passed. The
usual form of a value (no quotes, no brackets) is split by ``str`` methods, which is several times faster than
looking at it character by character; the general form stands behind it.
"""

from __future__ import annotations

import re

from appliance.errors import MalformedMessage
from appliance.sip.auth_params import parse_auth_params
from appliance.sip.hosts import is_hostname, is_ipv4, is_ipv6_reference, parse_host_port
from appliance.sip.names import display_of, key_of

# With those that have a file of their own, this is the whole grammar for those who read it elsewhere.
__all__ = [
    "Params",
    "delta_seconds",
    "display_of",
    "end_of_quoted",
    "find_outside",
    "find_param",
    "format_params",
    "has_param",
    "is_hostname",
    "is_ipv4",
    "is_ipv6_reference",
    "is_token",
    "key_of",
    "parse_auth_params",
    "parse_host_port",
    "parse_params",
    "quote",
    "read_params",
    "split_list",
    "split_outside",
    "split_params",
    "unfold",
    "unquote",
]

Params = tuple[tuple[str, str | None], ...]

_TOKEN = re.compile(r"[A-Za-z0-9\-.!%*_+`'~]++").fullmatch
# Only single character classes are repeated possessively. Repeated groups are not: CPython before 3.11.5
# (Debian 12 has 3.11.2) goes wrong there, and where no two alternatives begin alike, nothing is tried again.
_QUOTED = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*"', re.DOTALL)
_QUOTED_PAIR = re.compile(r"\\(.)", re.DOTALL)
# What stands before the next separator: plain text, whole quoted strings, whole angle brackets.
_ITEM = {
    separator: re.compile(rf"""(?:[^"<{separator}]++|"[^"\\]*+(?:\\.[^"\\]*+)*"|<[^>]*+>)*""", re.DOTALL)
    for separator in ",;"
}


def is_token(text: str) -> bool:
    """True for ``1*(alphanum / "-" / "." / "!" / "%" / "*" / "_" / "+" / "`" / "'" / "~")``."""
    return _TOKEN(text) is not None


def unfold(text: str) -> str:
    """Replace each fold (line end and the blanks around it) by one space (§7.3.1)."""
    if "\n" not in text:
        return text
    return " ".join([piece.strip(" \t\r") for piece in text.split("\n")])


def quote(text: str) -> str:
    """A quoted-string that means ``text``."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def unquote(text: str) -> str:
    """What a quoted-string means; text that is not quoted is returned as it is."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        return text
    inner = text[1:-1]
    return _QUOTED_PAIR.sub(r"\1", inner) if "\\" in inner else inner


def end_of_quoted(text: str, start: int) -> int:
    """The index behind the quoted-string that begins at ``start``; MalformedMessage when it never ends."""
    match = _QUOTED.match(text, start)
    if match is None:
        raise MalformedMessage("a quoted string is not closed")
    return match.end()


def find_outside(text: str, separator: str, start: int = 0) -> int:
    """The index of the first ``separator`` (a comma or a semicolon) outside quotes and ``<>``, or -1.

    MalformedMessage when a quote or an angle bracket before it is not closed. One bracket within another is
    none: a URI may hold neither.
    """
    match = _ITEM[separator].match(text, start)
    end = match.end() if match is not None else start
    if end == len(text):
        return -1
    if text[end] != separator:
        raise MalformedMessage("a quoted string or an angle bracket is not closed")
    return end


def split_outside(text: str, separator: str) -> list[str]:
    """Split at each ``separator`` outside quotes and ``<>``; the pieces keep their blanks."""
    pieces = []
    start = 0
    while (end := find_outside(text, separator, start)) >= 0:
        pieces.append(text[start:end])
        start = end + 1
    pieces.append(text[start:])
    return pieces


def split_list(text: str) -> list[str]:
    """The items of ``value *(COMMA value)``, stripped; empty ones are left out, as RFC 2616 §2.1 has it."""
    if "," not in text:
        item = text.strip(" \t")
        return [item] if item else []
    pieces = split_outside(text, ",") if '"' in text or "<" in text else text.split(",")
    return [item for piece in pieces if (item := piece.strip(" \t"))]


class _ParamNames(dict[str, str]):
    """Spelling of a parameter's name -> lower case. Few names are ever seen, so each is looked at once."""

    def __missing__(self, spelling: str) -> str:
        name = spelling.strip(" \t")
        if not _TOKEN(name):
            raise MalformedMessage(f"not a parameter name: {name[:40]!r}")
        name = name.lower()
        if len(spelling) <= 40 and len(self) < 1024:
            self[spelling] = name
        return name


_PARAM_NAMES = _ParamNames()


def split_params(text: str) -> list[str]:
    """What stands before the first semicolon, then each parameter: ``a;b=c`` -> ``["a", "b=c"]``."""
    return split_outside(text, ";") if '"' in text or "<" in text else text.split(";")


def read_params(pieces: list[str]) -> Params:
    """The parameters of split_params: names in lower case, values as written (quotes kept) or None.

    ``["LR", "q=0.5"]`` -> ``(("lr", None), ("q", "0.5"))``. Empty parameters are passed over;
    MalformedMessage when a name is no token.
    """
    # A loop: up to Python 3.11 a comprehension costs a call, more than it saves for a few parameters.
    pairs: list[tuple[str, str | None]] = []
    for piece in pieces:
        if piece:
            name, equals, value = piece.partition("=")
            pairs.append((_PARAM_NAMES[name], value.strip(" \t") if equals else None))
    return tuple(pairs)


def parse_params(text: str) -> Params:
    """``;lr;q=0.5`` -> ``(("lr", None), ("q", "0.5"))``, as read_params does.

    MalformedMessage also when the text does not begin with a semicolon.
    """
    before, *pieces = split_params(text)
    if before and not before.isspace():
        raise MalformedMessage(f"a parameter without semicolon: {text[:40]!r}")
    return read_params(pieces)


def find_param(params: Params, name: str, default: str | None = None) -> str | None:
    """The first value of the parameter (lower case); "" when it has none, ``default`` when it is absent."""
    for key, value in params:
        if key == name:
            return "" if value is None else value
    return default


def has_param(params: Params, name: str) -> bool:
    """True when the parameter is there, with a value or without."""
    return find_param(params, name) is not None


def format_params(params: Params) -> str:
    """``;name=value;name`` again, the reverse of parse_params."""
    return "".join([f";{name}" if value is None else f";{name}={value}" for name, value in params])


def delta_seconds(text: str) -> int | None:
    """``1*DIGIT`` as seconds, at most 2**32 - 1 (§20.19); None when it is no number."""
    digits = text.strip(" \t")
    if not (digits.isascii() and digits.isdigit()):
        return None
    return min(int(digits), 0xFFFFFFFF) if len(digits) <= 10 else 0xFFFFFFFF
