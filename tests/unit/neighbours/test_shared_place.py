"""Nodes that hold one address in turn: whose phones there are, and what becomes of those of a dead one."""

from __future__ import annotations

import pytest

from appliance.neighbours.frames import Card
from appliance.registrar.binding import OWNED_ELSEWHERE
from appliance.sip.hop import Hop
from tests.unit.neighbours.made import Node, Time, Wire

SHARED = ("udp:192.0.2.9:5060", "tls:192.0.2.9:5061")


@pytest.fixture
def wire() -> Wire:
    return Wire(Time())


@pytest.fixture
def nodes(wire: Wire) -> tuple[Node, Node]:
    pair = Node(wire, 1, shared=SHARED), Node(wire, 2, shared=SHARED)
    wire.run(2)
    return pair


def test_a_phone_on_udp_there_is_everybodys(wire: Wire, nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    made = one.register(nated=True, socket=SHARED[0])
    wire.carry()
    known = two.locations.get("r1")
    assert known is not None
    assert (known.socket, known.path, known.nated) == (SHARED[0], None, True)
    assert known.hop == made.hop._replace(listener=-1)  # type: ignore[union-attr]
    assert one.replicas.is_ours(made)
    assert not two.replicas.is_ours(known)


def test_it_moves_to_whoever_it_registers_at(wire: Wire, nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    one.register(nated=True, socket=SHARED[0])
    wire.carry()
    wire.time.now += 1
    moved = two.register(nated=True, socket=SHARED[0])
    wire.carry()
    assert two.replicas.is_ours(moved)
    assert not one.replicas.is_ours(one.locations.get("r1"))  # type: ignore[arg-type]
    wire.time.now += 1
    two.deregister()
    wire.carry()
    assert one.knows() == set()


def test_a_connection_there_is_its_own_nodes(wire: Wire, nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    hop = Hop("tls", "198.51.100.7", 40000, 2, 17)
    one.open.add(hop)
    one.register(socket=SHARED[1], hop=hop)
    wire.carry()
    known = two.locations.get("r1")
    assert known is not None
    assert (known.hop, known.path) == (None, f"<sip:192.0.2.1:5060{OWNED_ELSEWHERE}r1>")


def test_a_row_that_was_read_becomes_the_owners(wire: Wire, nodes: tuple[Node, Node]) -> None:
    """Both read one table: what it says of a connection is true at one of them."""
    one, two = nodes
    hop = Hop("tls", "198.51.100.7", 40000, 2, 17)
    one.open.add(hop)
    made = one.register(socket=SHARED[1], hop=hop)
    two.locations.put(made)
    wire.carry()
    known = two.locations.get("r1")
    assert known is not None
    assert OWNED_ELSEWHERE in (known.path or "")


def test_of_a_node_that_is_away(wire: Wire, nodes: tuple[Node, Node]) -> None:
    """UDP is called from the shared address, connections are lost; once it is back, it has its phones."""
    one, two = nodes
    one.register("r1", nated=True)
    one.register("r2", nated=True, socket=SHARED[0])
    hop = Hop("tls", "198.51.100.8", 40001, 2, 17)
    one.open.add(hop)
    one.register("r3", socket=SHARED[1], hop=hop)
    wire.carry()
    assert two.knows() == {"r1", "r2", "r3"}
    del wire.nodes[one.address]
    wire.run(7)
    assert two.knows() == {"r1", "r2"}
    taken = two.locations.get("r1")
    assert taken is not None
    assert (taken.socket, taken.path, taken.nated) == (SHARED[0], None, True)
    assert taken.hop == Hop("udp", "198.51.100.7", 40000, -1)
    wire.nodes[one.address] = one
    wire.run(3)
    back = two.locations.get("r1")
    assert back is not None
    assert (back.socket, back.hop) == (one.socket, None)
    assert two.knows() == {"r1", "r2", "r3"}


def test_without_a_shared_address_they_are_lost(wire: Wire) -> None:
    one, two = Node(wire, 1), Node(wire, 2)
    wire.run(2)
    one.register("r1", nated=True)
    wire.carry()
    del wire.nodes[one.address]
    wire.run(7)
    assert two.knows() == set()


def test_whoever_is_given_the_address_of_a_silent_node_does_not_wait(
    wire: Wire, nodes: tuple[Node, Node]
) -> None:
    one, two = nodes
    one.replication.introduce(lambda: Card(holds=True))
    one.register("r1", nated=True)
    wire.run(2)
    two.replication.succeeds()
    wire.run(2)
    assert two.replication.states == {"node-1": True}, "it is heard"
    del wire.nodes[one.address]
    two.replication.succeeds()
    wire.run(0.4)
    assert two.replication.states == {"node-1": True}, "it was heard just now"
    wire.run(1.6)
    assert two.replication.states == {"node-1": False}
    assert two.locations.get("r1").socket == SHARED[0]  # type: ignore[union-attr]
