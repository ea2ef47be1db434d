"""A request of our own, out of what an administrator typed (RFC 3261 §8.1.1).

What is missing and has only one right value is added: Call-ID, CSeq, the From tag, Max-Forwards,
Content-Length. What is missing and is the administrator's to say, or what contradicts itself, is refused in
OpenSER's words.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Sequence

from appliance.errors import ControlError, MalformedMessage
from appliance.sip.grammar import is_token
from appliance.sip.headers import CSeq, NameAddr
from appliance.sip.message import Request
from appliance.sip.names import key_of
from appliance.sip.uri import Uri

MAX_FORWARDS = 70
FIRST_SEQUENCE = 10

Header = tuple[str, str]


def uri_in(text: str, refusal: str) -> Uri:
    """A URI of the request; ``refusal`` is what is answered when it is none."""
    try:
        return Uri.parse(text)
    except MalformedMessage:
        raise ControlError(400, refusal) from None


def headers_in(block: str) -> list[Header]:
    """The headers in a block of lines, folds undone; an empty line ends it. Any line ends will do."""
    headers: list[Header] = []
    for line in re.split(r"\r\n|\n|\r", block):
        if not line:
            break
        if line[0] in " \t" and headers:
            name, value = headers[-1]
            headers[-1] = (name, f"{value} {line.strip()}".strip())
            continue
        name, colon, value = line.partition(":")
        if not colon or not is_token(name.rstrip(" \t")) or "\0" in value:
            raise ControlError(400, "Bad headers")
        headers.append((name.rstrip(" \t"), value.strip(" \t")))
    return headers


def compose(method: str, uri: str, headers: Sequence[Header], body: str | None) -> Request:
    """The request without its Via, the identifying headers first. Raises ControlError."""
    if not is_token(method):
        raise ControlError(400, "Invalid method")
    given = {key_of(name): value for name, value in reversed(headers)}
    content = (body or "").encode("utf-8", "surrogateescape")
    if content and "content-type" not in given:
        raise ControlError(400, "Content-Type missing")
    if content and "content-length" in given:
        raise ControlError(400, "Content-Length disallowed")
    identity = [
        ("Max-Forwards", given.get("max-forwards", str(MAX_FORWARDS))),
        ("To", _party(given, "To")),
        ("From", _with_tag(_party(given, "From"))),
        ("Call-ID", given.get("call-id") or f"{secrets.token_hex(12)}@sipbox"),
        ("CSeq", f"{_sequence(given.get('cseq'), method)} {method}"),
    ]
    return Request.create(method, uri, [*identity, *_others(headers, identity)], content)


def _party(given: dict[str, str], name: str) -> str:
    value = given.get(name.lower())
    if not value:
        raise ControlError(400, f"{name} missing")
    try:
        NameAddr.parse(value).uri  # noqa: B018 - reading it is the check
    except MalformedMessage:
        raise ControlError(400, f"Error in {name}") from None
    return value


def _with_tag(value: str) -> str:
    if NameAddr.parse(value).tag:
        return value
    return f"{value};tag={secrets.token_hex(8)}"


def _sequence(value: str | None, method: str) -> int:
    if value is None:
        return FIRST_SEQUENCE
    try:
        sequence = CSeq.parse(value)
    except MalformedMessage:
        raise ControlError(400, "Bad CSeq number") from None
    if sequence.method != method:
        raise ControlError(400, "CSeq method mismatch")
    return sequence.number


def _others(headers: Iterable[Header], identity: Iterable[Header]) -> list[Header]:
    written = {key_of(name) for name, _ in identity} | {"via", "content-length"}
    return [(name, value) for name, value in headers if key_of(name) not in written]
