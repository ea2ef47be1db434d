"""Traced messages as a capture file, for Wireshark, tshark and sngrep.

Each message is one packet of raw IP (pcap 2.4, link type 101). What came over a stream, encrypted or not,
stands there as a datagram too, so that every message is whole and can be read; its addresses are the true
ones. Must not know where the file is.
"""

from __future__ import annotations

import struct
from ipaddress import IPv4Address

from appliance.telemetry.ends import Ends, ends_of
from appliance.telemetry.trace import Entry

_RAW_IP = 101
_LONGEST = 262_144
_UDP = 17
# What fits into one packet of IPv4 with its headers.
_MOST = 65_535 - 20 - 8

HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, _LONGEST, _RAW_IP)


def packet(entry: Entry) -> bytes:
    """The record of a message; nothing for a note."""
    ends = ends_of(entry)
    if ends is None:
        return b""
    data = entry.text.encode("utf-8", "surrogateescape")[:_MOST]
    whole = _ip(ends, _udp(ends, data))
    seconds, fraction = divmod(entry.time, 1)
    return struct.pack("<IIII", int(seconds), int(fraction * 1_000_000), len(whole), len(whole)) + whole


def _udp(ends: Ends, data: bytes) -> bytes:
    header = struct.pack("!HHHH", ends.source_port, ends.target_port, 8 + len(data), 0)
    pseudo = ends.source.packed + ends.target.packed
    if isinstance(ends.source, IPv4Address):
        pseudo += struct.pack("!BBH", 0, _UDP, len(header) + len(data))
    else:
        pseudo += struct.pack("!IHBB", len(header) + len(data), 0, 0, _UDP)
    total = _checksum(pseudo + header + data) or 0xFFFF
    return header[:6] + struct.pack("!H", total) + data


def _ip(ends: Ends, payload: bytes) -> bytes:
    if not isinstance(ends.source, IPv4Address):
        start = struct.pack("!IHBB", 6 << 28, len(payload), _UDP, 64)
        return start + ends.source.packed + ends.target.packed + payload
    addresses = ends.source.packed + ends.target.packed
    start = struct.pack("!BBHHHBB", 0x45, 0, 20 + len(payload), 0, 0, 64, _UDP)
    total = _checksum(start + b"\0\0" + addresses)
    return start + struct.pack("!H", total) + addresses + payload


def _checksum(data: bytes) -> int:
    """The internet checksum (RFC 1071)."""
    padded = data + b"\0" * (len(data) % 2)
    total = sum(int.from_bytes(padded[at : at + 2], "big") for at in range(0, len(padded), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF
