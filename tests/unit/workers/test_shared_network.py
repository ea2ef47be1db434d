from __future__ import annotations

import pytest

from appliance.sip.hop import Hop
from appliance.workers.other_workers import OtherWorkers
from appliance.workers.shared_network import SharedNetwork
from tests.unit.workers.made import flow

UDP = Hop("udp", "192.0.2.9", 5060)


class Sockets:
    """This worker has the connection 1."""

    listeners = (("udp", "192.0.2.1", 5060), ("tcp", "192.0.2.1", 5060))

    def __init__(self) -> None:
        self.sent_here: list[Hop] = []
        self.traced: list[Hop] = []
        self.local_for = lambda hop: hop
        self.names = self.use_again = None

    def send(self, data: bytes, hop: Hop) -> None:
        if hop.reliable and not self.reaches(hop):
            raise ConnectionError("no connection")
        self.sent_here.append(hop)

    def connect(self, hop: Hop) -> None:
        if hop.reliable and not self.reaches(hop):
            raise ConnectionError("the connection is gone")

    def reaches(self, hop: Hop) -> bool:
        return hop.connection == 1

    is_open = reaches

    def sent(self, data: bytes, hop: Hop) -> None:
        self.traced.append(hop)


class Others(OtherWorkers):
    def __init__(self) -> None:
        super().__init__(1, {1: "/nowhere/1", 2: "/nowhere/2"}, lambda level, message: None)
        self.asked: list[Hop] = []
        self.flows.opened(2, [flow(7)])

    def send_by_owner(self, data: bytes, hop: Hop) -> bool:
        if self.flows.find(hop) is None:
            return False
        self.asked.append(hop)
        return True


def test_each_connection_is_used_by_its_owner() -> None:
    sockets, others = Sockets(), Others()
    network = SharedNetwork(sockets, others)
    for hop in (UDP, flow(1), flow(7)):
        network.connect(hop)
        network.send(b"x", hop)
    assert sockets.sent_here == [UDP, flow(1)]
    assert (others.asked, sockets.traced) == ([flow(7)], [flow(7)])
    assert [network.is_open(hop) for hop in (flow(1), flow(7), flow(8), flow(0))] == [
        True,
        True,
        False,
        False,
    ]


def test_a_connection_that_nobody_has_is_an_honest_error() -> None:
    network = SharedNetwork(Sockets(), Others())
    with pytest.raises(OSError, match="gone"):
        network.connect(flow(8))
    with pytest.raises(OSError, match="no connection"):
        network.send(b"x", flow(8))
