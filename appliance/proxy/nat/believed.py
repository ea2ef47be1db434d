"""Which addresses in a session description are believed.

A private one that was sent from elsewhere is not, nor one of this very machine, to which a stranger could
have rtpengine send what he likes. Must not know which calls are relayed.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv6Address, ip_address

from appliance.proxy.nat.detection import is_private
from appliance.sip.sdp import with_addresses


def believed(data: bytes, host: str, nated: bool) -> bytes:
    """A description that came from ``host``, with that in the place of addresses that mean nothing to us."""
    # In a private network, whoever says another address of it may well have that too.
    believes_private = is_private(host) and not nated

    def meant(address: str) -> str:
        if address in (host, "0.0.0.0", "::"):  # noqa: S104 - so a call is held (RFC 3264 §8.4)
            return address
        if _leads_nowhere(address):
            return host if (":" in host) == (":" in address) else "::" if ":" in address else "0.0.0.0"  # noqa: S104
        if is_private(address) and not believes_private and (":" in host) == (":" in address):
            return host
        return address

    return with_addresses(data, meant)


@lru_cache(maxsize=4096)
def _leads_nowhere(address: str) -> bool:
    """Whether this is an address of whoever reads it, or of many at once."""
    try:
        read = ip_address(address)
    except ValueError:
        return False
    plain = (read.ipv4_mapped or read) if isinstance(read, IPv6Address) else read
    if plain.version == 4 and plain.packed[0] == 0:
        return True  # "this network": Linux takes some of it for itself
    return plain.is_loopback or plain.is_multicast or plain.is_reserved or plain.is_unspecified
