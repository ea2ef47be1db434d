"""Traced messages as HEP version 3 (EEP), which Homer and ``sngrep -L`` understand.

A packet is ``HEP3``, its length, and chunks of vendor (0), type, length and value. A note is sent as a log
line of its call, which Homer shows between the messages. Must not know sockets.
"""

from __future__ import annotations

import struct
from ipaddress import IPv4Address

from appliance.telemetry.ends import Ends, ends_of
from appliance.telemetry.trace import Entry

_SIP, _LOG = 1, 100
_FAMILY, _PROTOCOL, _SECONDS, _MICROSECONDS, _KIND, _AGENT = 1, 2, 9, 10, 11, 12
_SOURCE_PORT, _TARGET_PORT, _PAYLOAD, _CORRELATION = 7, 8, 15, 17
# A datagram of UDP, less than its most by what the chunks take.
_MOST = 65_000
_NOWHERE = Ends(IPv4Address(0), 0, IPv4Address(0), 0, False)


def packet(entry: Entry, agent: int = 1) -> bytes:
    """One packet; ``agent`` is the number by which the receiver tells boxes apart."""
    note = entry.kind == "note"
    ends = ends_of(entry) or _NOWHERE
    four = isinstance(ends.source, IPv4Address)
    seconds, fraction = divmod(entry.time, 1)
    text = entry.headline if note else entry.text
    chunks = [
        _chunk(_FAMILY, struct.pack("!B", 2 if four else 10)),
        _chunk(_PROTOCOL, struct.pack("!B", 6 if ends.reliable else 17)),
        _chunk(3 if four else 5, ends.source.packed),
        _chunk(4 if four else 6, ends.target.packed),
        _chunk(_SOURCE_PORT, struct.pack("!H", ends.source_port)),
        _chunk(_TARGET_PORT, struct.pack("!H", ends.target_port)),
        _chunk(_SECONDS, struct.pack("!I", int(seconds))),
        _chunk(_MICROSECONDS, struct.pack("!I", int(fraction * 1_000_000))),
        _chunk(_KIND, struct.pack("!B", _LOG if note else _SIP)),
        _chunk(_AGENT, struct.pack("!I", agent)),
        _chunk(_PAYLOAD, text.encode("utf-8", "surrogateescape")[:_MOST]),
    ]
    if entry.call_id:
        chunks.append(_chunk(_CORRELATION, entry.call_id.encode("utf-8", "surrogateescape")[:255]))
    body = b"".join(chunks)
    return b"HEP3" + struct.pack("!H", 6 + len(body)) + body


def _chunk(kind: int, value: bytes) -> bytes:
    return struct.pack("!HHH", 0, kind, 6 + len(value)) + value
