"""The sockets as the core sees them where there are several workers: one network, whoever has a connection.

A datagram leaves by the worker's own socket, which has the same address as all others'. What goes over a
stream leaves by the worker that has the connection. Must not know messages.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from appliance.proxy.connection_alias import UseAgain
from appliance.sip.hop import Hop
from appliance.transport.resolver import Resolver
from appliance.workers.other_workers import OtherWorkers


class Network(Protocol):
    """The sockets of this worker."""

    @property
    def listeners(self) -> Sequence[tuple[str, str, int]]: ...
    @property
    def local_for(self) -> Callable[[Hop], Hop]: ...
    @property
    def names(self) -> Resolver: ...
    def send(self, data: bytes, hop: Hop) -> None: ...
    def connect(self, hop: Hop) -> None: ...
    def is_open(self, hop: Hop) -> bool: ...
    def reaches(self, hop: Hop) -> bool: ...
    def sent(self, data: bytes, hop: Hop) -> None: ...
    @property
    def use_again(self) -> UseAgain: ...


class SharedNetwork:
    """This worker's sockets, and the others' connections."""

    def __init__(self, network: Network, others: OtherWorkers) -> None:
        self._network = network
        self._others = others
        self.listeners = network.listeners
        self.names = network.names
        self.local_for = network.local_for
        self.use_again = network.use_again

    def send(self, data: bytes, hop: Hop) -> None:
        """Sends to a hop whose flow is there, here or at another worker; raises OSError when it is not."""
        network = self._network
        if hop.transport != "udp" and not network.reaches(hop) and self._others.send_by_owner(data, hop):
            network.sent(data, hop)
            return
        network.send(data, hop)

    def connect(self, hop: Hop) -> None:
        """Makes sure that ``send`` finds a flow to this hop; as ``Flows.connect``."""
        network = self._network
        if hop.reliable and not network.reaches(hop) and self._others.flows.find(hop) is not None:
            return
        network.connect(hop)

    def is_open(self, hop: Hop) -> bool:
        """Whether the very connection that the hop names is there, here or at another worker."""
        return self._network.is_open(hop) or (
            bool(hop.connection) and self._others.flows.find(hop) is not None
        )
