"""Who counts as one sender: an IPv4 address, or the /64 of IPv6 that one household has."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_network

Network = IPv4Network | IPv6Network


def source_of(host: str) -> str:
    """The source that an IP literal without brackets belongs to: ``192.0.2.7``, ``2001:db8:0:1::/64``.

    What is no address is a source of its own.
    """
    return host if ":" not in host else _household(host)


@lru_cache(maxsize=8192)
def _household(host: str) -> str:
    try:
        address = IPv6Address(host.partition("%")[0].partition("/")[0])
    except ValueError:
        return host
    mapped = address.ipv4_mapped
    return str(IPv6Network((address, 64), strict=False)) if mapped is None else str(mapped)


def named_source(text: str) -> str:
    """An address or a network as somebody has typed it, in the one way in which it is kept.

    An address of IPv6 is its /64; a network of one address is that address. Raises ValueError.
    """
    network = ip_network(text.strip(), strict=False)
    if isinstance(network, IPv6Network):
        return str(network if network.prefixlen < 64 else network.supernet(new_prefix=64))
    return str(network.network_address) if network.prefixlen == 32 else str(network)


def is_network(source: str) -> bool:
    """Whether it is more than one source of ``source_of``."""
    return "/" in source and not source.endswith("::/64")
