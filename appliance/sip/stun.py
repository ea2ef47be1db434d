"""STUN on the SIP port: what keeps a phone's flow over UDP alive (RFC 5626 §3.5.2, §8; RFC 8489).

The phone asks where its packets come from. As long as the answer stays the same, its NAT has kept the way
open. Nothing else of STUN is known here. Must not know sockets.
"""

from __future__ import annotations

from ipaddress import ip_address
from struct import Struct
from typing import Final

_HEAD = Struct(">HHI12s")  # type, length of what follows, magic cookie, transaction
_REQUEST: Final = 0x0001
_SUCCESS: Final = 0x0101
_COOKIE: Final = 0x2112A442
_ATTRIBUTE = Struct(">HHBBH")  # type, length, a zero, family, port
_XOR_MAPPED_ADDRESS: Final = 0x0020


def binding_answer(data: bytes, host: str, port: int) -> bytes | None:
    """The answer to a Binding request from that IP literal and port; None when ``data`` is none."""
    if len(data) < _HEAD.size or data[:2] != b"\0\1":
        return None
    _, length, cookie, transaction = _HEAD.unpack_from(data)
    if cookie != _COOKIE or length % 4 or length != len(data) - _HEAD.size:
        return None
    address = ip_address(host.partition("%")[0]).packed
    mask = _COOKIE.to_bytes(4, "big") + transaction
    masked = bytes(one ^ other for one, other in zip(address, mask, strict=False))
    family = 1 if len(address) == 4 else 2
    mapped = _ATTRIBUTE.pack(_XOR_MAPPED_ADDRESS, 4 + len(masked), 0, family, port ^ (_COOKIE >> 16)) + masked
    return _HEAD.pack(_SUCCESS, len(mapped), _COOKIE, transaction) + mapped
