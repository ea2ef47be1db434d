"""Who sent a traced message to whom, for programs that show packets. Must not know their formats."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

from appliance.telemetry.trace import Entry

Address = IPv4Address | IPv6Address


class Ends(NamedTuple):
    """``reliable``: it came over a stream (TCP, TLS, WebSocket)."""

    source: Address
    source_port: int
    target: Address
    target_port: int
    reliable: bool


def ends_of(entry: Entry) -> Ends | None:
    """The two ends of a message that was received or sent; None when they are not known, as for a note."""
    transport, peer, peer_port = _split(entry.peer)
    _, local, local_port = _split(entry.local)
    if entry.kind == "note" or peer is None:
        return None
    if local is None or local.version != peer.version or local.is_unspecified:
        local = ip_address("::" if peer.version == 6 else "0.0.0.0")  # noqa: S104 - "somewhere here"
    reliable = transport != "udp"
    if entry.kind == "received":
        return Ends(peer, peer_port, local, local_port, reliable)
    return Ends(local, local_port, peer, peer_port, reliable)


def _split(text: str) -> tuple[str, Address | None, int]:
    """``udp:192.0.2.1:5060`` and ``tcp:[2001:db8::1]:5060`` in their parts."""
    transport, _, rest = text.partition(":")
    host, _, port = rest.rpartition(":")
    try:
        return transport, ip_address(host.strip("[]")), int(port)
    except ValueError:
        return transport, None, 0
