"""Session descriptions (RFC 8866) as far as a proxy has to look into them: where one is, and its addresses.

A description is the body of a message, or one part of it (RFC 5621: beside it there may be the location of an
emergency call, or what a telephone exchange says). What is not asked for here stays byte for byte. Must not
know who relays what, nor whether an address can be reached.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from appliance.errors import MalformedMessage
from appliance.sip.grammar import split_outside, unquote
from appliance.sip.message import Message

_TYPE = "application/sdp"
# "c=IN IP4 192.0.2.1/127", "o=- 1 1 IN IP4 192.0.2.1", "a=rtcp:4001 IN IP4 192.0.2.1": what stands before the
# address, and the address.
_ADDRESS = re.compile(
    rb"^((?:[co]=(?:[^\r\n]*[ \t])?|a=rtcp:\d+[ \t]+)IN[ \t]+IP[46][ \t]+)([^\s/]+)",
    re.MULTILINE | re.IGNORECASE,
)


class Description(NamedTuple):
    """A session description: its bytes, and where in the body they begin and end."""

    data: bytes
    start: int
    end: int


def find_description(message: Message) -> Description | None:
    """The session description in a message, None when there is none that can be read."""
    body = message.body
    if not body or message.has("content-encoding"):
        return None
    try:
        kind, params = _media_type(message.first("content-type") or "")
    except MalformedMessage:
        return None
    if kind == _TYPE:
        return Description(body, 0, len(body))
    if kind.startswith("multipart/") and params.get("boundary"):
        return _part_of(body, params["boundary"].encode("utf-8", "surrogateescape"))
    return None


def replace_description(message: Message, found: Description, data: bytes) -> None:
    """Puts other bytes in the place of the description that ``find_description`` has found.

    A Content-Length is set right. A message that has none, as over UDP it need not, gets none.
    """
    message.body = message.body[: found.start] + data + message.body[found.end :]
    if message.has("content-length"):
        message.replace("content-length", str(len(message.body)))


def with_addresses(data: bytes, other: Callable[[str], str]) -> bytes:
    """The description with ``other(address)`` in the place of each address in ``c=``, ``o=`` and ``a=rtcp:``
    lines. The other one has to be of the same family; ports stay as they are."""

    def swap(found: re.Match[bytes]) -> bytes:
        return found[1] + other(_text(found[2])).encode("utf-8", "surrogateescape")

    return _ADDRESS.sub(swap, data)


def _part_of(body: bytes, boundary: bytes) -> Description | None:
    """The first part of a multipart body (RFC 2046 §5.1) that is a description."""
    mark = b"--" + boundary
    at = 0 if body.startswith(mark) else body.find(b"\r\n" + mark) + 2
    if at < 2 and not body.startswith(mark):
        return None
    while at >= 0:
        start = body.find(b"\r\n", at)
        next_one = body.find(b"\r\n" + mark, at)
        if start < 0 or next_one < 0:
            return None
        head, empty, _ = body[start:next_one].partition(b"\r\n\r\n")
        if empty and _is_description(head):
            start += len(head) + len(empty)
            return Description(body[start:next_one], start, next_one)
        at = next_one + 2
    return None


def _is_description(head: bytes) -> bool:
    """Whether the header lines of a part say that it is a session description."""
    for line in _text(head).split("\r\n"):
        name, _, value = line.partition(":")
        if name.strip().lower() == "content-type":
            return value.partition(";")[0].strip().lower() == _TYPE
    return False


def _media_type(value: str) -> tuple[str, dict[str, str]]:
    """A Content-Type in lower case, and its parameters."""
    kind, *pieces = split_outside(value, ";") if '"' in value else value.split(";")
    params: dict[str, str] = {}
    for piece in pieces:
        name, _, text = piece.partition("=")
        text = text.strip()
        params[name.strip().lower()] = unquote(text) if text[:1] == '"' else text
    return kind.strip().lower(), params


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
