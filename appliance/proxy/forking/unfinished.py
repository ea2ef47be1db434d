"""What is under way when the process stops, as one text: the next process goes on with it.

A restart falls into the middle of calls that ring. What the records hold is what a response context and its
transactions hold: the request as it was sent on, the copies and their answers so far, the targets that are
still to be tried, the time that is left. Messages stand in them as text, so somebody who looks for a fault
can read them. Must not know where the text is kept, nor how a request is taken up again (``takeover``).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from appliance.auth.nonce_memory import NonceMemory
from appliance.proxy.preferences.forwarded import FailureRoute, Forwarded
from appliance.proxy.target import Target
from appliance.sip.hop import Hop
from appliance.sip.uri import AddressOfRecord
from appliance.transaction.machine import Remains

# Another layout is another number: a process reads its own and no other.
_VERSION = 1


class Unreadable(Exception):
    """The text is not one that this version wrote; the message says why, for the log."""


class SentCopy(Struct, frozen=True, kw_only=True):
    """A client transaction: ``data`` is what it sends again, ``cancel`` the headers of a wanted CANCEL."""

    data: str
    hop: Hop
    branch: str
    transaction: Remains
    cancel: list[tuple[str, str]] | None = None


class UnfinishedBranch(Struct, frozen=True, kw_only=True):
    """One copy: ``sent`` None is one that has not left yet, or whose transaction is over; ``servers`` as in
    ``Branch``."""

    number: int
    target: Target
    proceeding: bool
    final: tuple[int, str | None] | None
    sent: SentCopy | None
    servers: list[Hop] = []


class UnfinishedForwarding(Struct, frozen=True, kw_only=True):
    """Who has forwarded a request, and whose phones ring now; each as user and domain."""

    visited: list[tuple[str, str]]
    callee: tuple[str, str] | None
    ring_seconds: float
    noted: int = 0


class Unfinished(Struct, frozen=True, kw_only=True):
    """One request that was sent on, or whose copies are not over yet. ``age``, ``ring_left`` and
    ``timer_c_left`` are in seconds; the rest as in ``Incoming``.
    """

    request: str
    hop: Hop
    came_as: tuple[str, list[str] | None]
    age: float
    server: Remains
    last_status: int
    response: str
    groups: list[list[Target]]
    branches: list[UnfinishedBranch]
    breadth: int | None
    cancelled: bool
    done: bool
    ring_left: float
    timer_c_left: float
    account: str = ""
    outside: bool = False
    forwarded: UnfinishedForwarding | None = None
    nated: bool = False
    peer_nated: bool = False
    marks: str = ""


class AnsweredCall(NamedTuple):
    """A call that is up, for the line that tells of its end; ``age`` is seconds since it was answered."""

    call_id: str
    caller: str
    callee: str
    age: float


class Leftovers(Struct, frozen=True, kw_only=True):
    """All that is under way. ``stopped`` is UTC seconds; hops number the listeners by ``listeners``."""

    version: int
    stopped: float
    listeners: list[tuple[str, str, int]]
    requests: list[Unfinished]
    calls: list[AnsweredCall]
    nonces: NonceMemory


def write(
    stopped: float,
    listeners: Sequence[tuple[str, str, int]],
    requests: list[Unfinished],
    calls: list[AnsweredCall],
    nonces: NonceMemory,
) -> bytes:
    """The text of all that is under way."""
    leftovers = Leftovers(
        version=_VERSION,
        stopped=stopped,
        listeners=list(listeners),
        requests=requests,
        calls=calls,
        nonces=nonces,
    )
    # Not msgspec's own JSON: messages hold bytes that are no UTF-8 as surrogates, which only this one writes.
    return json.dumps(msgspec.to_builtins(leftovers), separators=(",", ":")).encode("ascii")


def read(data: bytes) -> Leftovers:
    """What ``write`` has written; raises Unreadable."""
    try:
        content: Any = json.loads(data)
    except (ValueError, RecursionError):
        raise Unreadable("it cannot be read") from None
    if not isinstance(content, dict) or content.get("version") != _VERSION:
        raise Unreadable("another version wrote it")
    try:
        return msgspec.convert(content, Leftovers)
    except msgspec.ValidationError as error:
        raise Unreadable(f"something is wrong in it: {error}") from None


def text_of(data: bytes) -> str:
    """Bytes as the text that messages are inside the program: nothing is lost."""
    return data.decode("utf-8", "surrogateescape")


def bytes_of(text: str) -> bytes:
    """The bytes again."""
    return text.encode("utf-8", "surrogateescape")


def lasting(hop: Hop) -> Hop:
    """The hop as another process knows it: a connection's number means nothing there, its peer does."""
    return hop._replace(connection=0) if hop.connection else hop


def lasting_forwarded(forwarded: Forwarded | None) -> UnfinishedForwarding | None:
    if forwarded is None:
        return None
    callee = forwarded.callee
    return UnfinishedForwarding(
        visited=[(user, domain) for user, domain in forwarded.visited],
        callee=None if callee is None else (callee.username, callee.domain),
        ring_seconds=forwarded.ring_seconds,
        noted=forwarded.noted,
    )


def forwarded_of(record: UnfinishedForwarding | None, route: FailureRoute | None) -> Forwarded | None:
    """What the request remembers of forwarding, in the next process."""
    if record is None:
        return None
    forwarded = Forwarded([AddressOfRecord(*each) for each in record.visited])
    forwarded.callee = None if record.callee is None else AddressOfRecord(*record.callee)
    forwarded.ring_seconds, forwarded.noted = record.ring_seconds, record.noted
    forwarded.failure_route = route
    return forwarded


def lasting_target(target: Target) -> Target:
    return target if target.hop is None else target._replace(hop=lasting(target.hop))
