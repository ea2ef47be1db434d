"""One writing for each IP address, so that two of them compare as texts.

An address can be written in many ways that lead to the same machine: with zeros before the numbers (which
some read as octal), as an IPv6 address that stands for an IPv4 one (RFC 4291 §2.5.5), through a translator
(RFC 6052), with capitals. Whoever looks for a certain address looks here first. Must not know what for.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from appliance.sip.hosts import is_ipv4

_BROADCAST = IPv4Address("255.255.255.255")
# Behind these, the last 32 bits are an IPv4 address that the packet gets to.
_TRANSLATED = (IPv6Network("64:ff9b::/96"), IPv6Network("::/96"))


@lru_cache(maxsize=8192)
def plain_address(host: str) -> str:
    """The address in its shortest writing, an IPv4 one as such; a host that is no address as it is.

    ``host`` has no brackets. Zeros before a decimal number are passed over: ``192.0.2.009`` is
    ``192.0.2.9``.
    """
    if ":" not in host:
        parts = host.split(".")
        if len(parts) != 4 or not all(part.isascii() and part.isdigit() and len(part) < 4 for part in parts):
            return host
        return ".".join(str(int(part)) for part in parts)
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return host
    return str(_embedded(address) if isinstance(address, IPv6Address) else address)


def _embedded(address: IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that this one stands for, if it does."""
    found = address.ipv4_mapped or address.sixtofour
    if found is not None:
        return found
    low = int(address) & 0xFFFFFFFF
    # Below, there are the unspecified address and the loopback one.
    if low > 0xFFFF and any(address in network for network in _TRANSLATED):
        return IPv4Address(low)
    return address


@lru_cache(maxsize=4096)
def wire_address(host: str) -> str | None:
    """The address as it is handed to a socket, None when ``host`` is none.

    What a socket would read in its own way (zeros, an IPv4 address within an IPv6 one) is written plainly, so
    that a packet goes where it was looked at. What only looks like an address would be looked up where it is
    sent, and hold everybody up.
    """
    if ":" not in host:
        return plain_address(host) if is_ipv4(host) else None
    try:
        address = ip_address(host)
    except ValueError:
        return host
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return str(mapped or address)


@lru_cache(maxsize=4096)
def is_loopback(host: str) -> bool:
    """Whether an IP literal is this machine's loopback, in any writing."""
    plain = plain_address(host)
    return plain == "::1" or (plain.startswith("127.") and is_ipv4(plain))


@lru_cache(maxsize=4096)
def is_one_host(host: str) -> bool:
    """Whether an IP literal is one host's. Multicast and broadcast are not, and reach many who never asked;
    0.0.0.0 and :: are nobody's, and reach ourselves."""
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return True
    return not (address.is_multicast or address.is_unspecified or address == _BROADCAST)
