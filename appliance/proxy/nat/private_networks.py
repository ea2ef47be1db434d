"""Nothing is sent on into private networks (SER 2.1's ``onsend_route``), where a provider asks for that.

A stranger's Contact, a forwarding, a Route or a name in the DNS may say an address of the provider's own
inner network, which phones of the internet cannot have. Looked at is the address that a request would be sent
to, whatever led there; a phone behind a NAT is called at its flow, which is a public one. Replies go back to
where their request came from, and are not asked. Must not know why a request goes where it goes.
"""

from __future__ import annotations

from collections.abc import Callable

from appliance.proxy.forward import Connections
from appliance.proxy.locating import Unroutable
from appliance.proxy.nat.detection import is_private
from appliance.sip.hop import Hop


class PublicConnections:
    """Connections that lead into no private network; ``on_refusal()`` counts those that would have."""

    def __init__(self, connections: Connections, on_refusal: Callable[[], None]) -> None:
        self._connections = connections
        self._on_refusal = on_refusal

    def local_for(self, hop: Hop) -> Hop:
        """As ``Connections``; raises Unroutable for a private address."""
        if is_private(hop.host):
            self._on_refusal()
            raise Unroutable(f"{hop.host} is an address of a private network", 403)
        return self._connections.local_for(hop)

    def connect(self, hop: Hop) -> None:
        self._connections.connect(hop)
