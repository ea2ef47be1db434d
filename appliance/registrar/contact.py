"""The Contact values of a REGISTER, read and checked before anything is changed (RFC 3261 §10.3, §20.10).

One value that cannot be used makes the whole request a 400: a bad URI that got into the bindings would break
the answer to every other phone of that user. Must not know bindings or time.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from appliance.errors import MalformedMessage
from appliance.registrar.binding import OWNED_ELSEWHERE
from appliance.sip.headers import NameAddr
from appliance.sip.message import Request
from appliance.sip.uri import Uri

# §20.10 and §20.19: what cannot be read counts as an hour; what is larger than 2**32-1, as that.
_UNREADABLE_EXPIRES = 3600
_MOST_EXPIRES = 0xFFFF_FFFF

_Q = re.compile(r"0?\.\d{1,9}|[01](?:\.\d{0,9})?").fullmatch
_REMEMBERED_LENGTH = 512
_REG_ID = re.compile(r"[1-9]\d{0,9}").fullmatch

# What the columns hold. Longer ones are refused; nothing is cut silently.
LONGEST_CONTACT = 2048
LONGEST_PATH = 2048
LONGEST_CALL_ID = 255
LONGEST_INSTANCE = 255


class Contact(NamedTuple):
    """One value: the URI as written, seconds (None: the request or we decide), and the parameters that we
    keep.
    """

    uri: str
    expires: int | None = None
    q: float | None = None
    instance: str | None = None
    reg_id: int | None = None


# ``Contact: *``: all bindings of the user (§10.2.2).
WILDCARD = Contact("*")


def read_contacts(request: Request) -> list[Contact]:
    """The Contact values in their order, ``[WILDCARD]``, or nothing when the request only asks (§10.2.3).

    MalformedMessage says with its ``reason`` what is wrong.
    """
    keys = request.keys
    if keys.count("contact") == 1:
        # One contact in one line is what nearly every phone sends.
        value = request.first("contact")
        if value and "," not in value and value != "*":
            return [read_contact(value)]
    elif "contact" not in keys:
        return []
    try:
        values = request.items("contact")
    except MalformedMessage as error:
        raise MalformedMessage(str(error), reason="Bad Contact") from None
    if "*" in values:
        if len(values) > 1:
            raise MalformedMessage("Contact: * beside others", reason="Contact * Must Stand Alone")
        if read_expires(request) != 0 or request.first("expires") is None:
            raise MalformedMessage("Contact: * without Expires: 0", reason="Contact * Needs Expires 0")
        return [WILDCARD]
    return [read_contact(value) for value in values]


def read_contact(value: str) -> Contact:
    """One Contact value, which a phone writes the same way each time: the latest few thousand are remembered.

    MalformedMessage when no request can be sent to its URI, or its q is no qvalue.
    """
    return _remembered(value) if len(value) <= _REMEMBERED_LENGTH else _read_contact(value)


def _read_contact(value: str) -> Contact:
    try:
        address = NameAddr.parse(value)
        uri_text, params = address.uri_text, address.params
        uri = Uri.parse(uri_text)
    except MalformedMessage as error:
        raise MalformedMessage(str(error), reason="Bad Contact") from None
    if not uri.host:
        raise MalformedMessage(
            f"a contact that is no SIP URI: {uri_text[:60]!r}", reason="Contact Is Not a SIP URI"
        )
    if uri.headers and "<" not in value:
        # §20.10: without brackets nobody can tell whose what stands behind the question mark is.
        raise MalformedMessage(f"headers in a URI without brackets: {value[:60]!r}", reason="Bad Contact")
    if len(uri_text) > LONGEST_CONTACT:
        raise MalformedMessage(f"a contact beyond {LONGEST_CONTACT} characters", reason="Contact Too Long")
    if not params:
        return Contact(uri_text)
    expires: int | None = None
    q: float | None = None
    instance: str | None = None
    reg_id: int | None = None
    for name, text in params:
        if name == "expires":
            expires = seconds(text)
        elif name == "q":
            q = _qvalue(text)
        elif name == "+sip.instance" and text:
            instance = text.strip('"')
            if len(instance) > LONGEST_INSTANCE:
                raise MalformedMessage("an instance id beyond the limit", reason="Instance ID Too Long")
        elif name == "reg-id" and text and _REG_ID(text):
            reg_id = int(text)
    # RFC 5626 §6: a reg-id means nothing without an instance.
    return Contact(uri_text, expires, q, instance or None, reg_id if instance else None)


_remembered = lru_cache(maxsize=8192)(_read_contact)


def read_expires(request: Request) -> int | None:
    """The Expires header in seconds, or None when there is none (§10.3 step 6)."""
    text = request.first("expires")
    return None if text is None else seconds(text)


@lru_cache(maxsize=256)
def seconds(text: str | None) -> int:
    """A delta-seconds (§20.19, §25.1): malformed ones count as an hour, large ones as 2**32-1."""
    # Some clients of 2003 put the number into quotes.
    text = text.strip('"') if text else ""
    if not (text.isascii() and text.isdigit()):
        return _UNREADABLE_EXPIRES
    return min(int(text), _MOST_EXPIRES) if len(text) < 20 else _MOST_EXPIRES


def read_path(request: Request) -> str | None:
    """The Path that requests to this contact go along, topmost first (RFC 3327 §5.3); None without.

    One to a binding of another node is refused: such Routes are ours to write, and we would sign it.
    """
    if not request.has("path"):
        return None
    try:
        items = request.items("path")
        for item in items:
            Uri.parse(NameAddr.parse(item).uri_text)
    except MalformedMessage as error:
        raise MalformedMessage(str(error), reason="Bad Path") from None
    path = ", ".join(items)
    if OWNED_ELSEWHERE in path:
        raise MalformedMessage("a Path to a binding of another node", reason="Bad Path")
    if len(path) > LONGEST_PATH:
        raise MalformedMessage(f"a Path beyond {LONGEST_PATH} characters", reason="Path Too Long")
    return path or None


def _qvalue(text: str | None) -> float:
    if text is None or not _Q(text):
        raise MalformedMessage(f"not a q value: {(text or '')[:20]!r}", reason="Bad q Value in Contact")
    q = round(float(text), 3)
    if q > 1:
        raise MalformedMessage(f"a q value above 1: {text[:20]!r}", reason="Bad q Value in Contact")
    return q
