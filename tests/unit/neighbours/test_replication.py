from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest

from appliance.neighbours import replication
from appliance.neighbours.frames import News
from appliance.neighbours.outbox import IN_ONE, KEPT
from appliance.neighbours.seal import Sealer
from appliance.registrar.binding import Binding
from appliance.registrar.binding_note import note_of
from tests.unit.neighbours.made import AOR, KEY, Address, Node, Time, Wire

Packets = list[tuple[Address, Address, bytes]]


@pytest.fixture
def wire() -> Wire:
    return Wire(Time())


@pytest.fixture
def nodes(wire: Wire) -> tuple[Node, Node]:
    """Two that have met."""
    made = Node(wire, 1), Node(wire, 2)
    wire.run(1.5)
    assert made[0].replication.complete
    assert made[1].replication.states == {"node-1": True}
    return made


def test_a_registration_is_known_at_once(wire: Wire, nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    made = one.register()
    wire.carry()  # no time goes by
    (replica,) = two.locations.lookup(AOR, wire.time.now)
    assert (replica.contact, replica.path, replica.socket) == (made.contact, None, one.socket)
    assert replica.deadline == pytest.approx(made.deadline)
    assert not two.replicas.is_ours(replica)
    assert two.replication.bindings == 1


def test_a_phone_behind_a_nat_is_reached_through_its_node(wire: Wire, nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    one.register(nated=True)
    wire.carry()
    (replica,) = two.locations.lookup(AOR, wire.time.now)
    assert (replica.path, replica.hop, replica.nated) == ("<sip:192.0.2.1:5060;lr;nb=r1>", None, False)
    assert replica.received == "sip:198.51.100.7:40000"


def test_a_deregistration_is_known_at_once(wire: Wire, nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    one.register()
    wire.carry()
    wire.time.now += 0.01
    one.deregister()
    wire.carry()
    assert two.knows() == set()
    assert two.lost == []


def test_a_phone_may_go_at_the_other_node(wire: Wire, nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    one.register()
    wire.carry()
    wire.time.now += 1
    two.deregister()
    wire.carry()
    assert one.knows() == set()
    assert one.lost == ["r1"], "its row has to go"


def test_a_phone_that_moves_is_the_other_nodes(wire: Wire, nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    one.register()
    wire.carry()
    wire.time.now += 1
    moved = two.register()
    wire.carry()
    assert one.locations.get("r1") is not None
    assert one.locations.get("r1").socket == two.socket  # type: ignore[union-attr]
    assert two.locations.get("r1") is moved
    assert one.lost == ["r1"]


def test_replicas_run_out_by_themselves(wire: Wire, nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    one.register(seconds=5)
    wire.carry()
    two.locations.expire(wire.time.now)
    assert two.knows() == {"r1"}
    wire.time.now += 6
    two.locations.expire(wire.time.now)
    assert two.knows() == set()


def test_the_order_of_packets_does_not_matter(wire: Wire, nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    one.register()
    wire.time.now += 0.01
    one.deregister()
    wire.time.now += 0.01
    one.register("r2")
    wire.spoil = lambda packets: packets[::-1]
    wire.carry()
    assert two.knows() == {"r2"}


def test_what_is_lost_is_told_again(wire: Wire, nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    for number in range(10):
        one.register(f"r{number}")
    wire.spoil = lambda packets: packets[::3]
    wire.carry()
    assert len(two.knows()) == 4
    wire.spoil = list
    wire.run(1.5)
    assert len(two.knows()) == 10
    assert two.replication.sent["want"] >= 1
    assert two.replication.sent["ask"] == 1, "not everything"
    assert two.replication.complete


def test_a_lost_last_one_is_noticed_by_the_next_sign_of_life(wire: Wire, nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    one.register()
    wire.spoil = lambda _: []
    wire.carry()
    wire.spoil = list
    wire.run(1.5)
    assert two.knows() == {"r1"}


def test_how_far_behind_a_neighbour_we_are(wire: Wire, nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    wire.run(1)
    assert two.replication.lags == {"node-1": pytest.approx(0, abs=0.01)}
    wire.spoil = lambda packets: [packet for packet in packets if b"Alive" in packet[2]]
    one.register()
    wire.run(5)
    assert two.replication.lags["node-1"] == pytest.approx(4.5, abs=1)
    wire.spoil = list
    wire.run(3)
    assert two.replication.lags["node-1"] < 0.1


def test_what_is_under_way_for_long_is_behind(wire: Wire, nodes: tuple[Node, Node]) -> None:
    _, two = nodes
    late: Packets = []

    def spoil(packets: Packets) -> Packets:
        late.extend(packets)
        return []

    wire.spoil = spoil
    wire.run(1.2)
    wire.time.now += 3
    wire.spoil = list
    wire.under_way = late
    wire.carry()
    assert two.replication.lags["node-1"] > 2


def test_a_wire_that_loses_a_third_of_all_and_doubles_and_reorders(
    wire: Wire, nodes: tuple[Node, Node]
) -> None:
    one, two = nodes
    count = 0

    def spoil(packets: Packets) -> Packets:
        nonlocal count
        kept = []
        for packet in packets:
            count += 1
            if count % 3:
                kept += [packet] * (1 + count % 2)
        return kept[::-1]

    wire.spoil = spoil
    for number in range(40):
        (one if number % 2 else two).register(f"r{number}")
        wire.run(0.1)
    one.deregister("r1")
    two.deregister("r2")
    wire.run(10)
    expected = {f"r{number}" for number in range(40)} - {"r1", "r2"}
    assert one.knows() == two.knows() == expected
    assert one.replication.refused["replayed"] > 0


def test_a_node_that_starts_asks_for_everything(wire: Wire, nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    for number in range(3 * IN_ONE + 1):
        one.register(f"r{number}")
    two.register("s1")
    wire.carry()
    wire.time.now += 1
    again = Node(wire, 2)  # with nothing in its memory
    wire.run(2)
    assert len(again.knows()) == 3 * IN_ONE + 1
    assert one.knows() == {f"r{number}" for number in range(3 * IN_ONE + 1)}, "what it had is gone"


def test_a_node_that_still_reads_its_rows_says_nothing_of_them(wire: Wire, nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    rows = [one.register(f"r{number}") for number in range(5)]
    wire.carry()
    wire.time.now += 1
    again = Node(wire, 1)
    again.locations.loading = True
    wire.run(3)
    assert len(two.knows()) == 5, "its phones are not gone because it does not know them yet"
    for row in rows[1:]:
        again.locations.restore(row)
    again.locations.loading = False
    wire.run(4)
    assert again.knows() == two.knows() == {"r1", "r2", "r3", "r4"}


def test_rows_that_are_read_again_are_no_others(wire: Wire) -> None:
    one = Node(wire, 1)
    made = [one.register(f"r{number}") for number in range(600)]
    two = Node(wire, 2)
    spoilt = wire.spoil

    def spoil(packets: Packets) -> Packets:
        if len(two.knows()) == 200:
            one.locations.loading = True
            one.locations.forget_all()
            for each in made:
                one.locations.restore(replace(each))
            one.locations.loading = False
        return spoilt(packets)

    wire.spoil = spoil
    wire.run(3)
    assert len(two.knows()) == 600


def test_an_answer_that_lost_a_part_is_asked_for_again(wire: Wire) -> None:
    one = Node(wire, 1)
    for number in range(20):
        one.register(f"r{number}")
    two = Node(wire, 2)
    lost: Packets = []

    def spoil(packets: Packets) -> Packets:
        kept = []
        for packet in packets:
            if packet[0] == one.address and len(packet[2]) > 300 and not lost:
                lost.append(packet)
            else:
                kept.append(packet)
        return kept

    wire.spoil = spoil
    wire.run(6)
    assert lost
    assert len(two.knows()) == 20
    assert two.replication.complete
    assert two.replication.sent["ask"] == 2
    assert one.replication.sent["state"] == 20 / IN_ONE + 1, "and nothing but that part is said again"


@pytest.mark.parametrize("lost_of", [4, 20])
def test_of_a_large_answer_what_is_lost_is_asked_for_and_nothing_else(wire: Wire, lost_of: int) -> None:
    one = Node(wire, 1)
    phones = {f"r{number}" for number in range(400 * IN_ONE)}
    for ruid in phones:
        one.register(ruid)
    chance = random.Random(7)
    two = Node(wire, 2)
    wire.spoil = lambda packets: [packet for packet in packets if chance.randrange(lost_of)]
    wire.run(30)
    assert two.knows() == phones
    assert two.replication.complete
    assert one.replication.sent["state"] < 400 * lost_of / (lost_of - 1) * 1.5


def test_a_node_that_goes_in_the_middle_of_an_answer_is_asked_for_all_when_it_is_back(wire: Wire) -> None:
    one = Node(wire, 1)
    for number in range(200 * IN_ONE):
        one.register(f"r{number}")
    two = Node(wire, 2)
    wire.run(1.2)
    wire.spoil = lambda _: []
    wire.run(70)
    wire.spoil = list
    one.deregister("r7")
    wire.run(5)
    assert len(two.knows()) == 200 * IN_ONE - 1
    assert two.replication.complete


def test_two_that_ask_at_once_are_both_told_everything(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """What all of it takes is longer than anybody waits in silence before he asks anew."""
    monkeypatch.setattr(replication, "_ANSWER_AT_ONCE", 2)
    one = Node(wire, 1)
    phones = {f"r{number}" for number in range(120 * IN_ONE)}
    for ruid in phones:
        one.register(ruid)
    two, three = Node(wire, 2), Node(wire, 3)
    wire.run(8)
    assert two.knows() == three.knows() == phones
    assert two.replication.complete and three.replication.complete
    wire.run(0.1)
    assert one.replication.sent["state"] == 2 * 120


def test_who_has_missed_too_much_asks_for_everything(wire: Wire, nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    wire.spoil = lambda _: []
    for number in range(KEPT + 10):
        one.register(f"r{number % 50}")
    one.deregister("r7")
    wire.carry()
    wire.spoil = list
    wire.time.now += 0.1
    wire.run(3)
    assert two.knows() == {f"r{number}" for number in range(50)} - {"r7"}
    assert two.replication.sent["ask"] == 2


def test_nobody_plants_a_binding(wire: Wire, nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    time = wire.time
    made = one.register("r9")
    wire.under_way.clear()
    forged = Sealer(b"x" * 32, "node-1", int(time.wall() * 1_000_000), "203.0.113.66:5060", time.wall)
    two.replication.receive(forged.seal(News(1, [note_of(made)], [])), ("203.0.113.66", 5065))
    two.replication.receive(b"REGISTER sip:example.org SIP/2.0\r\n\r\n", ("203.0.113.66", 5065))
    assert two.knows() == set()
    assert two.replication.refused["signature"] == two.replication.refused["marker"] == 1
    assert [line for line in two.said if "203.0.113.66 was refused" in line]


@pytest.mark.parametrize("note", [[], [1] * 19, [b"10", b"example.org", b"c", "soon", *[None] * 15]])
def test_a_note_of_another_version_is_refused(
    wire: Wire, nodes: tuple[Node, Node], note: list[object]
) -> None:
    _, two = nodes
    sealer = Sealer(KEY, "node-3", int(wire.time.wall() * 1_000_000), "192.0.2.3:5060", wire.time.wall)
    two.replication.receive(sealer.seal(News(1, [note], [])), ("192.0.2.3", 5065))
    assert two.replication.refused["unreadable"] == 1
    assert two.knows() == set()


def test_a_replayed_removal_takes_nothing_away(wire: Wire, nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    one.register()
    wire.carry()
    wire.time.now += 0.01
    one.deregister()
    recorded = list(wire.under_way)
    wire.carry()
    wire.time.now += 0.01
    one.register()
    wire.carry()
    wire.under_way = recorded
    wire.carry()
    assert two.knows() == {"r1"}
    assert two.replication.refused["replayed"] == len(recorded)


def test_a_silent_neighbour_is_told_of_and_comes_back(wire: Wire, nodes: tuple[Node, Node]) -> None:
    one, two = nodes
    two.register()
    two.register("r2", nated=True)
    wire.carry()
    assert one.knows() == {"r1", "r2"}
    del wire.nodes[two.address]
    wire.run(7)
    assert one.replication.states == {"node-2": False}
    assert "warning: nothing is heard of the neighbour node-2 any more" in one.said
    assert one.knows() == {"r1"}, "its phones may live still, and this one others reach too"
    wire.nodes[two.address] = two
    wire.run(1.5)
    assert one.replication.states == {"node-2": True}
    assert one.knows() == {"r1", "r2"}


def test_reading_all_rows_again_leaves_what_neighbours_have_told(
    wire: Wire, nodes: tuple[Node, Node]
) -> None:
    one, two = nodes
    one.register("r1")
    two.register("r2")
    wire.carry()
    two.locations.forget_all()
    assert two.knows() == {"r1"}


class Others:
    """The other workers of a box."""

    def __init__(self, *, leads: bool) -> None:
        self.leads = leads
        self.living = [1, 2]
        self.told: dict[str, Binding | None] = {}

    def changed(self, changes: Mapping[str, Binding | None], then: Callable[[], None]) -> None:
        self.told |= changes
        then()


def test_the_worker_that_leads_passes_on(wire: Wire) -> None:
    workers = Others(leads=True)
    one, two = Node(wire, 1), Node(wire, 2, workers=workers)
    wire.run(1.5)
    one.register()
    wire.carry()
    assert workers.told["r1"] is two.locations.get("r1")
    made = one.register("r5")  # as another worker of the second box has it
    made.socket = two.socket
    two.replication.overheard([made], ["r6"])
    wire.carry()
    assert one.locations.get("r5") is not None


def test_a_worker_that_does_not_lead_is_silent(wire: Wire) -> None:
    workers = Others(leads=False)
    one, two = Node(wire, 1), Node(wire, 2, workers=workers)
    two.register("r2")
    one.register()
    wire.run(2)
    assert one.knows() == {"r1"}
    assert two.knows() == {"r2"}
    assert workers.told["r2"] is not None
    workers.leads = True
    wire.run(2)
    assert one.knows() == two.knows() == {"r1", "r2"}


def test_a_worker_that_takes_over_is_believed_at_once(wire: Wire) -> None:
    one, later = Node(wire, 1), Others(leads=False)
    former = Node(wire, 2, workers=Others(leads=True))
    wire.run(1.5)
    # Another worker of the second box, which has begun before the one that leads.
    second = Node(wire, 2, workers=later)
    del wire.nodes[former.address]
    wire.run(1)
    wire.nodes[second.address] = second
    later.leads = True
    second.register("r3")
    wire.run(2)
    assert one.knows() == {"r3"}
    assert one.replication.refused["replayed"] == 0
    later.leads = False
    second.replication.tick()
    assert second.replication.states == {}


def test_a_worker_that_takes_over_learns_whose_its_replicas_are(wire: Wire) -> None:
    """The one that led has passed the binding on; who leads now knows what to do when that node goes."""
    one, leads = Node(wire, 1), Others(leads=True)
    two = Node(wire, 2, workers=leads)
    one.register("r1", nated=True)
    wire.carry()
    two.replication.tick()
    later = Node(wire, 2, workers=Others(leads=False))
    for binding in two.locations:
        later.locations.put(binding)
    later.replication._workers.leads = True  # type: ignore[union-attr,misc]
    wire.run(2)
    assert later.replication.bindings == 1
    del wire.nodes[one.address]
    wire.run(7)
    assert later.knows() == set(), "nobody but that node reaches this phone"
