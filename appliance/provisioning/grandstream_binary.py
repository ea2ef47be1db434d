"""Grandstream's binary ``cfgMAC``: a header of 16 bytes, then ``P47=...&P35=...&gnkey=0b82``.

::

    0-3    length of the whole file in 16-bit words, big-endian
    4-5    what makes the sum of all 16-bit big-endian words 0 modulo 65536
    6-11   the MAC address
    12-15  CR LF CR LF
    16-    the parameters in the order in which they are given, padded with zeros to whole words
"""

from __future__ import annotations

import struct

HEADER = struct.Struct(">IH6s4s")
_END = b"\r\n\r\n"
_KEY = "gnkey=0b82"


def encode(mac: str, parameters: str) -> bytes:
    """The file for the phone ``mac`` from lines ``P47=value``, values URL-encoded; # begins a comment."""
    lines = (line.strip() for line in parameters.splitlines())
    body = "&".join([*(line for line in lines if line and not line.startswith("#")), _KEY]).encode("ascii")
    body += b"\0" * (len(body) % 2)
    words = (HEADER.size + len(body)) // 2
    unsummed = HEADER.pack(words, 0, bytes.fromhex(mac), _END) + body
    return HEADER.pack(words, -word_sum(unsummed) & 0xFFFF, bytes.fromhex(mac), _END) + body


def word_sum(data: bytes) -> int:
    """The sum of the 16-bit big-endian words of ``data`` (of even length), modulo 65536."""
    total: int = sum(word for (word,) in struct.iter_unpack(">H", data))
    return total & 0xFFFF
