"""Traced entries, for tests of how they are shown."""

from __future__ import annotations

from typing import Any

from appliance.sip.hop import Hop
from appliance.telemetry.trace import Entry, Filter, Tracer

INVITE = (
    "INVITE sip:11@example.org SIP/2.0\r\nFrom: <sip:10@example.org>;tag=a\r\nTo: <sip:11@example.org>\r\n"
    "Call-ID: c1\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
)
RINGING = INVITE.replace("INVITE sip:11@example.org SIP/2.0", "SIP/2.0 180 Ringing")
FORBIDDEN = INVITE.replace("INVITE sip:11@example.org SIP/2.0", "SIP/2.0 403 Forbidden")


def entry(kind: Any, text: str, peer: str = "udp:192.0.2.10:5060", when: float = 1_700_000_000.25) -> Entry:
    """What the tracer makes of a message that our socket 192.0.2.1:5060 (or [2001:db8::1]:5060) handles."""
    tracer, told = Tracer(listeners=["udp:192.0.2.1:5060", "tls:[2001:db8::1]:5061"]), list[Entry]()
    tracer.subscribe(Filter(), told.append)
    transport, _, rest = peer.partition(":")
    host, _, port = rest.rpartition(":")
    hop = Hop(transport, host.strip("[]"), int(port), 1 if ":" in host else 0)
    tracer.message(kind, text.encode(), hop, now_wall=when)
    return told[0]


def note(words: str, when: float = 1_700_000_000.5) -> Entry:
    """A decision about that call."""
    return entry("received", INVITE, when=when)._replace(
        kind="note", headline=words, text="", peer="", local=""
    )
