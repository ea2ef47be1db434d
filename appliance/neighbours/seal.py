"""Packets between nodes: signed, of now, and never believed twice.

A packet is a marker, a MAC (HMAC-SHA-256, RFC 2104, with the key that all nodes share) and an envelope. The
MAC is looked at before anything is read. Then the packet's time has to be near ours, and its number must not
have come before: of each node's present life the last 1024 numbers are remembered, as IPsec does (RFC 4303
§3.4.3). A life is the time of a start, so an older life's packets are old too. Must not know what is said.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Final

from appliance.neighbours.frames import Any_, Envelope, decode, encode

MARKER: Final = b"sipbox-1"
_MAC_BYTES: Final = 32
_WINDOW: Final = 1024
#: Why a packet is refused.
REASONS: Final = ("marker", "signature", "clock", "replayed", "name", "unreadable")


class Refused(Exception):
    """A packet that is not believed; the text is one of ``REASONS``."""


class Sealer:
    """Signs what ``node`` says in this ``life``; ``sip`` is where calls for its phones go."""

    def __init__(self, key: bytes, node: str, life: int, sip: str, wall: Callable[[], float]) -> None:
        self._key = key
        self._node, self._life, self._sip = node, life, sip
        self._wall = wall
        self._number = 0

    def begin(self, life: int) -> None:
        """Another life begins: this worker speaks for the box from now on."""
        self._life, self._number = life, 0

    def seal(self, frame: Any_) -> bytes:
        """The packet of a frame. Each is good for one receiver each, or for all, once."""
        self._number += 1
        body = encode(Envelope(self._node, self._life, self._number, self._wall(), self._sip, frame))
        return MARKER + hmac.digest(self._key, MARKER + body, "sha256") + body


class Opener:
    """Opens what others have sealed with the same key, up to ``window`` seconds off our own clock."""

    def __init__(self, key: bytes, node: str, life: int, window: float, wall: Callable[[], float]) -> None:
        self._key = key
        self._node, self._life = node, life
        self._window = window
        self._wall = wall
        self._started = wall()
        self._seen: dict[str, _Seen] = {}

    def begin(self, life: int) -> None:
        """We listen from now on, and seal in this life ourselves."""
        self._life, self._started = life, self._wall()

    def open(self, packet: bytes) -> Envelope | None:
        """What it says; None for one of our own, which multicast brings back. Raises Refused."""
        if not packet.startswith(MARKER):
            raise Refused("marker")
        start = len(MARKER)
        mac, body = packet[start : start + _MAC_BYTES], packet[start + _MAC_BYTES :]
        if not hmac.compare_digest(hmac.digest(self._key, MARKER + body, "sha256"), mac):
            raise Refused("signature")
        envelope = decode(body)
        if envelope is None:
            raise Refused("unreadable")
        if envelope.node == self._node:
            if envelope.life == self._life:
                return None
            raise Refused("name")
        now = self._wall()
        if not abs(envelope.when - now) <= self._window:
            raise Refused("clock")
        if envelope.when < self._started <= now <= self._started + self._window:
            raise Refused("replayed")  # of before our start we do not know what has come
        seen = self._seen.get(envelope.node)
        # What was sealed before a long silence is too old by now, whatever its life says: a node whose clock
        # was set back is believed again.
        if seen is None or envelope.life > seen.life or now - seen.when > 2 * self._window:
            seen = self._seen[envelope.node] = _Seen(envelope.life)
        if envelope.life != seen.life or not seen.is_new(envelope.number):
            raise Refused("replayed")
        seen.when = now
        return envelope


class _Seen:
    """The numbers that have come of one life of a node, and when the last of them did."""

    __slots__ = ("_bits", "_highest", "life", "when")

    def __init__(self, life: int) -> None:
        self.life = life
        self.when = 0.0
        self._highest = 0
        self._bits = 0

    def is_new(self, number: int) -> bool:
        """Whether this number has not come before; from now on it has."""
        behind = self._highest - number
        if behind >= _WINDOW or number < 1:
            return False
        if behind < 0:
            self._bits = ((self._bits << min(-behind, _WINDOW)) | 1) & ((1 << _WINDOW) - 1)
            self._highest = number
            return True
        if self._bits >> behind & 1:
            return False
        self._bits |= 1 << behind
        return True
