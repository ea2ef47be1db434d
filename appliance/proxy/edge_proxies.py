"""Edge proxies: those before us whose Path is believed for every phone (RFC 3327), known by their address.

They may say by which way a phone is reached, and nothing else: a call that comes by one of them has to prove
who makes it. A peer that is trusted altogether (``trusted``, ``address``) may as well. Must not know
registrations.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address, ip_network

from appliance.proxy.incoming import Incoming
from appliance.proxy.plain_address import plain_address
from appliance.proxy.pstn.trusted import Peers


class EdgeProxies:
    """``networks`` are addresses or networks of the settings."""

    def __init__(self, networks: Sequence[str], peers: Peers) -> None:
        self._networks = [ip_network(each, strict=False) for each in networks]
        self._peers = peers

    def sent(self, incoming: Incoming) -> bool:
        """Whether a request came by one of them."""
        if self._networks:
            try:
                address = ip_address(plain_address(incoming.hop.host))
            except ValueError:
                return False
            if any(address in network for network in self._networks):
                return True
        peer = self._peers.sender(incoming.request, incoming.hop)
        return peer is not None and peer.trusted
