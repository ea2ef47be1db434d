"""What a process remembers of its nonces, as it is written down for the next one.

Must not know what a nonce is made of.
"""

from __future__ import annotations

from typing import NamedTuple


class UsedNonce(NamedTuple):
    """A nonce that was used with a count: the highest, and a bit for each of those just below it."""

    serial: int
    expiry: int
    highest: int
    bits: int


class NonceMemory(NamedTuple):
    """What a process remembers of its nonces. Whoever goes on with it must be the only one who does."""

    boot: int
    serial: int
    forgotten: int
    used: list[UsedNonce]
