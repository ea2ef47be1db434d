"""What a nonce is, and whether it may be used (RFC 7616 §3.3, §3.4, §5.5).

A nonce carries all that is needed to judge it, signed, so that a challenge leaves no state behind and nobody
can fill our memory by asking for challenges::

    expiry (4 bytes)  boot (4)  worker (2)  serial (6)  receiver (3)  MAC (11)     in base64: 40 characters

The receiver is a hash of the address that the nonce was sent to. A phone may answer from another address, and
is let in; but only who answers from the same one has shown that it is his own, and no datagram was forged.

Only a nonce that was *used* with a nonce count is remembered, as the highest count and a bit for each of the
counts just below it: phones with two transactions under way send theirs in any order. The memory is bounded;
when the oldest nonce has to go, every nonce as old as it is answered STALE from then on, so that forgetting
never makes a replay possible.

The expiry is wall time, because nonces outlive a restart. Must not know users, requests or responses.
"""

from __future__ import annotations

import hmac
from binascii import a2b_base64, b2a_base64
from collections import deque
from enum import Enum
from hashlib import blake2b
from struct import Struct

from appliance.auth.nonce_memory import NonceMemory, UsedNonce

_FIELDS = Struct(">QQ")  # expiry << 32 | boot, worker << 48 | serial
_RECEIVER = 3
_SIGNED = _FIELDS.size + _RECEIVER
_MAC = 11
_LENGTH = 40  # characters
_SERIALS = 0xFFFF_FFFF_FFFF
_32_BITS = 0xFFFF_FFFF

# How far behind the highest count another may still arrive.
WINDOW = 64
_WINDOW_MASK = (1 << WINDOW) - 1


class NonceVerdict(Enum):
    """What may be done with a nonce."""

    VALID = "valid"
    STALE = "stale"  # ours, but too old, of another boot, or no longer remembered
    FORGED = "forged"  # not signed with our key
    REPLAYED = "replayed"  # this nonce count was used before


class NonceSource:
    """Issues nonces and judges them.

    ``key`` signs (at most 64 bytes; shared by all workers and kept over restarts), ``lifetime`` is in
    seconds, ``worker`` and ``boot`` say who issues, ``tracked`` bounds how many used nonces are remembered.
    """

    def __init__(self, key: bytes, lifetime: float, worker: int, boot: int, tracked: int) -> None:
        if len(key) < 16:
            raise ValueError("a nonce key needs at least 16 bytes")
        if tracked < 1 or lifetime < 1:
            raise ValueError("nonces need a lifetime and room for at least one")
        self._mac = blake2b(key=key, digest_size=_MAC, person=b"sipbox nonce")
        self._receiver = blake2b(key=key, digest_size=_RECEIVER, person=b"sipbox to whom")
        self._lifetime = lifetime
        self._boot = boot & _32_BITS
        self._worker = worker & 0xFFFF
        self._serial = 0
        self._tracked = tracked
        # Serial -> highest count << WINDOW | bits, of which bit n stands for the count n below the highest.
        self._counts: dict[int, int] = {}
        self._by_first_use: deque[tuple[int, int]] = deque()  # serial, expiry
        self._forgotten = 0  # whether a nonce with this serial or a lower one was used, is not known any more
        # The nonce that was opened last: 'use' follows 'check', mostly at once.
        self._opened: tuple[str, tuple[int, int] | None] = ("", None)

    def __len__(self) -> int:
        """How many used nonces are remembered."""
        return len(self._counts)

    def issue(self, wall_now: float, receiver: str = "") -> str:
        """A new nonce that is valid until ``wall_now`` plus the lifetime, for somebody at an address."""
        by_first_use = self._by_first_use
        if by_first_use and by_first_use[0][1] < wall_now:
            # What has expired needs no memory. One goes for each that comes: nobody waits for a sweep.
            self._forget_oldest()
        self._serial = serial = (self._serial + 1) & _SERIALS
        expiry = int(wall_now + self._lifetime) & _32_BITS
        signed = _FIELDS.pack(expiry << 32 | self._boot, self._worker << 48 | serial) + self._hash_of(
            receiver
        )
        mac = self._mac.copy()
        mac.update(signed)
        return b2a_base64(signed + mac.digest(), newline=False).decode("ascii")

    def check(self, nonce: str, nc: int | None, wall_now: float) -> NonceVerdict:
        """Judge a nonce and its count without using it up.

        ``nc`` None is a client without qop (RFC 2069): its nonce is good until it expires, whoever of us
        issued it. A count is judged only by the worker that issued the nonce, in the boot in which it did.
        """
        fields = self._open(nonce)
        if fields is None:
            return NonceVerdict.FORGED
        when, who = fields
        # A nonce that lasts longer than any we issue comes from before a jump of the clock.
        if not wall_now <= when >> 32 <= wall_now + self._lifetime:
            return NonceVerdict.STALE
        if nc is None:
            return NonceVerdict.VALID
        if when & _32_BITS != self._boot or who >> 48 != self._worker:
            return NonceVerdict.STALE
        return self._judge_count(who & _SERIALS, nc)

    def use(self, nonce: str, nc: int | None) -> NonceVerdict:
        """Use up the count ``nc`` of a nonce that ``check`` found valid, once its response has verified.

        VALID when it was still free. Judged again, because a lookup may have waited between the two.
        """
        if nc is None:
            return NonceVerdict.VALID
        fields = self._open(nonce)
        if fields is None:
            return NonceVerdict.FORGED
        when, who = fields
        serial = who & _SERIALS
        verdict = self._judge_count(serial, nc)
        if verdict is NonceVerdict.VALID:
            self._record(serial, when >> 32, nc)
        return verdict

    def issuer_of(self, nonce: str) -> tuple[int, int] | None:
        """The worker and boot that issued a nonce of ours, or None for any other."""
        fields = self._open(nonce)
        if fields is None:
            return None
        when, who = fields
        return who >> 48, when & _32_BITS

    def was_given_to(self, nonce: str, receiver: str) -> bool:
        """Whether a nonce of ours was sent to that address."""
        if self._open(nonce) is None:
            return False
        return a2b_base64(nonce)[_FIELDS.size : _SIGNED] == self._hash_of(receiver)

    @property
    def boot(self) -> int:
        """By which our nonces are known from those of an earlier process with our number."""
        return self._boot

    def remains(self) -> NonceMemory:
        """What the next process has to know to let phones go on with the nonces that they have."""
        used = [
            UsedNonce(serial, expiry, self._counts[serial] >> WINDOW, self._counts[serial] & _WINDOW_MASK)
            for serial, expiry in self._by_first_use
        ]
        return NonceMemory(self._boot, self._serial, self._forgotten, used)

    def go_on(self, memory: NonceMemory) -> None:
        """Issues and judges from here on as the process that has left ``memory``; to be called before the
        first nonce is issued."""
        self._boot, self._serial, self._forgotten = memory.boot & _32_BITS, memory.serial, memory.forgotten
        for serial, expiry, highest, bits in memory.used[-self._tracked :]:
            self._counts[serial] = highest << WINDOW | bits
            self._by_first_use.append((serial, expiry))
        for lost in memory.used[: -self._tracked]:
            self._forgotten = max(self._forgotten, lost.serial)

    def _hash_of(self, receiver: str) -> bytes:
        made = self._receiver.copy()
        made.update(receiver.encode("utf-8", "surrogateescape"))
        return made.digest()

    def _open(self, nonce: str) -> tuple[int, int] | None:
        """The two numbers in a nonce whose MAC is right."""
        if nonce == self._opened[0]:
            return self._opened[1]
        if len(nonce) != _LENGTH:
            return None
        try:
            raw = a2b_base64(nonce)
        except ValueError:
            return None
        mac = self._mac.copy()
        mac.update(raw[:_SIGNED])
        if not hmac.compare_digest(mac.digest(), raw[_SIGNED:]):
            return None
        fields: tuple[int, int] = _FIELDS.unpack_from(raw)
        self._opened = (nonce, fields)
        return fields

    def _judge_count(self, serial: int, nc: int) -> NonceVerdict:
        if nc < 1:
            return NonceVerdict.REPLAYED
        state = self._counts.get(serial)
        if state is None:
            return NonceVerdict.STALE if serial <= self._forgotten else NonceVerdict.VALID
        behind = (state >> WINDOW) - nc
        if behind < 0:
            return NonceVerdict.VALID
        if behind >= WINDOW or state >> behind & 1:
            return NonceVerdict.REPLAYED
        return NonceVerdict.VALID

    def _record(self, serial: int, expiry: int, nc: int) -> None:
        state = self._counts.get(serial)
        if state is None:
            if len(self._by_first_use) >= self._tracked:
                self._forget_oldest()
            self._by_first_use.append((serial, expiry))
            self._counts[serial] = nc << WINDOW | 1
            return
        highest = state >> WINDOW
        bits = state & _WINDOW_MASK
        if nc > highest:
            # Behind a jump further than the window nothing is left of the old bits; the bound keeps the
            # number small.
            bits = (bits << min(nc - highest, WINDOW) | 1) & _WINDOW_MASK
            highest = nc
        else:
            bits |= 1 << highest - nc
        self._counts[serial] = highest << WINDOW | bits

    def _forget_oldest(self) -> None:
        serial, _ = self._by_first_use.popleft()
        del self._counts[serial]
        self._forgotten = max(self._forgotten, serial)
