"""NAPTR records (RFC 3403) as ENUM uses them (RFC 6116): which of them name a SIP address for a number, and
what that is.

The rule of a record is written by whoever owns the number, so it is a stranger's regular expression. What is
taken of it (POSIX ERE, RFC 3402 §3.2) has a bounded cost: few places have a choice, and none repeats a
group. Must not know how records are looked up.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

_MOST_CHOICES = 5  # quantifiers and alternatives: a text of n signs is tried in less than n^5/100 ways
_QUANTIFIERS = "*+?{"
_CLASSES = {
    "digit": "0-9",
    "alpha": "A-Za-z",
    "alnum": "0-9A-Za-z",
    "upper": "A-Z",
    "lower": "a-z",
    "xdigit": "0-9A-Fa-f",
}


class Naptr(NamedTuple):
    """One record; ``replacement`` is the next name to look up, "" when there is none."""

    order: int
    preference: int
    flags: str
    service: str
    regexp: str
    replacement: str = ""


class UnreadableRule(ValueError):
    """A regexp that is none, or one that would cost too much."""


def number_name(number: str, suffix: str) -> str:
    """The name that belongs to a number: ``+4912`` under ``e164.arpa`` is ``2.1.9.4.e164.arpa`` (RFC 6116
    §3.2)."""
    return ".".join([*reversed(number.removeprefix("+")), suffix])


def sip_addresses(records: Iterable[Naptr], number: str) -> Iterator[str]:
    """The SIP URIs that records give for ``+NUMBER``, the one to be tried first first.

    Records for other services, with other flags, or with a rule that cannot be applied are passed over.
    """
    for record in sorted(records, key=lambda each: (each.order, each.preference)):
        if record.flags.lower() != "u" or not _is_for_sip(record.service):
            continue
        try:
            uri = apply_rule(record.regexp, number)
        except UnreadableRule:
            continue
        if uri.lower().startswith(("sip:", "sips:")) and uri.isprintable() and not set(uri) & set(' <>"'):
            yield uri


def apply_rule(regexp: str, text: str) -> str:
    """What the rule ``!ERE!replacement!flags`` makes of ``text``; "" when it does not fit. Raises
    UnreadableRule."""
    pattern, replacement, flags = _parts(regexp)
    if flags not in ("", "i", "I"):
        raise UnreadableRule(f"flags {flags!r}")
    try:
        found = re.compile(_python_pattern(pattern), re.IGNORECASE if flags else 0).search(text)
    except re.error as error:
        raise UnreadableRule(str(error)) from None
    return "" if found is None else _filled_in(replacement, found)


def _is_for_sip(service: str) -> bool:
    """``E2U+sip``, perhaps among others (``E2U+voice:tel+sip``); the order of RFC 2916 was ``sip+E2U``."""
    words = service.lower().split("+")
    if words[0] == "e2u":
        return any(word.partition(":")[0] == "sip" for word in words[1:])
    return words == ["sip", "e2u"]


def _parts(regexp: str) -> tuple[str, str, str]:
    """The pattern, the replacement and the flags between the delimiters; ``\\!`` is none of them."""
    delimiter = regexp[:1]
    if not delimiter or delimiter in "123456789\\iI":
        raise UnreadableRule("it has no delimiter")
    parts = [""]
    at = 1
    while at < len(regexp):
        if regexp[at] == "\\" and at + 1 < len(regexp):
            parts[-1] += delimiter if regexp[at + 1] == delimiter else regexp[at : at + 2]
            at += 2
            continue
        if regexp[at] == delimiter:
            parts.append("")
        else:
            parts[-1] += regexp[at]
        at += 1
    if len(parts) != 3:
        raise UnreadableRule("it has not three parts")
    return parts[0], parts[1], parts[2]


def _filled_in(replacement: str, found: re.Match[str]) -> str:
    """The replacement with ``\\1`` to ``\\9`` filled in; another sign after a backslash is itself."""
    made = ""
    at = 0
    while at < len(replacement):
        sign = replacement[at]
        if sign == "\\" and at + 1 < len(replacement):
            at += 1
            sign = replacement[at]
            if sign in "123456789":
                if int(sign) > len(found.groups()):
                    raise UnreadableRule(f"there is no group {sign}")
                sign = found.group(int(sign)) or ""
        made += sign
        at += 1
    return made


def _python_pattern(ere: str) -> str:
    """The same pattern as Python writes it. Raises UnreadableRule for what could cost too much."""
    made = ""
    choices = 0
    before = ""  # what a quantifier would stand behind: "atom", "group" or nothing
    at = 0
    while at < len(ere):
        sign = ere[at]
        if sign in _QUANTIFIERS:
            text = _quantifier(ere, at)
            choices += 1
            if before != "atom":
                raise UnreadableRule(f"{text!r} stands where it may not")
            made += text
            before = ""
            at += len(text)
            continue
        if sign == "[":
            text, at = _bracketed(ere, at)
            made += text
            before = "atom"
            continue
        if sign == "\\":
            at += 1
            if at == len(ere) or ere[at].isalnum():
                raise UnreadableRule("a backslash before nothing that it could mean")
            made += re.escape(ere[at])
            before = "atom"
        elif sign in "()|^$":
            choices += sign == "|"
            made += "(" if sign == "(" else r"\Z" if sign == "$" else sign
            before = "group"
        else:
            made += "." if sign == "." else re.escape(sign)
            before = "atom"
        at += 1
    if choices > _MOST_CHOICES:
        raise UnreadableRule("it has too many choices")
    return made


def _quantifier(ere: str, at: int) -> str:
    if ere[at] != "{":
        return ere[at]
    found = re.match(r"\{[0-9]{1,2}(?:,[0-9]{0,2})?\}", ere[at:])
    if found is None:
        raise UnreadableRule("a { without numbers")
    return found[0]


def _bracketed(ere: str, at: int) -> tuple[str, int]:
    """A bracket expression as Python writes it, and where it ends; a backslash in it is a backslash."""
    made = "["
    at += 1
    if ere[at : at + 1] == "^":
        made += "^"
        at += 1
    first = True
    while at < len(ere):
        sign = ere[at]
        if sign == "]" and not first:
            return made + "]", at + 1
        first = False
        if ere[at : at + 2] == "[:":
            name, mark, _ = ere[at + 2 :].partition(":]")
            if not mark or name not in _CLASSES:
                raise UnreadableRule("a class that is not known")
            made += _CLASSES[name]
            at += len(name) + 4
            continue
        if ere[at : at + 2] in ("[.", "[="):
            raise UnreadableRule("a class that is not known")
        made += sign if sign == "-" else re.escape(sign)
        at += 1
    raise UnreadableRule("a [ without its ]")
