from __future__ import annotations

from functools import partial

import pytest

from appliance.neighbours.frames import Card
from appliance.neighbours.membership import LEAST_ROOM, Fitness, Membership, fitness
from tests.unit.neighbours.made import Node, Time, Wire

MEMBERS = {"node-1": "192.0.2.1", "node-2": "192.0.2.2", "node-3": "192.0.2.3"}


class Boxes:
    """Two of three boxes."""

    def __init__(self) -> None:
        self.wire = Wire(Time())
        self.nodes = [Node(self.wire, number) for number in (1, 2)]
        self.cards = [Card("1.0", "aaaa"), Card("1.0", "aaaa")]
        self.members = []
        for place, node in enumerate(self.nodes):
            card = partial(self.card, place)
            node.replication.introduce(card)
            self.members.append(
                Membership(
                    MEMBERS,
                    f"node-{place + 1}",
                    "192.0.2.9",
                    card,
                    node.replication,
                )
            )

    def card(self, place: int) -> Card:
        return self.cards[place]


@pytest.fixture
def boxes() -> Boxes:
    return Boxes()


def test_each_box_knows_all(boxes: Boxes) -> None:
    one = boxes.members[0]
    assert one.states() == {"node-1": "this", "node-2": "never", "node-3": "never"}
    alone = [one.alone]
    boxes.wire.run(2)
    assert one.states() == {"node-1": "this", "node-2": "alive", "node-3": "never"}
    alone.append(one.alone)
    assert dict(one.counts()) == {"alive": 2, "never": 1}
    del boxes.wire.nodes[boxes.nodes[1].address]
    boxes.wire.run(7)
    assert one.states()["node-2"] == "silent"
    assert [*alone, one.alone] == [True, False, True]


def test_who_holds_the_address_and_what_differs(boxes: Boxes) -> None:
    boxes.cards = [Card("1.0", "aaaa", holds=True), Card("1.1", "bbbb", holds=True)]
    boxes.wire.run(2)
    for member in boxes.members:
        assert sorted(member.holders()) == ["node-1", "node-2"]
        assert member.differences() == ["version", "settings"]
    told = boxes.members[0].describe()
    assert [each["state"] for each in told["members"]] == ["this", "alive", "never"]
    assert told["members"][1]["version"] == "1.1"
    assert "version" not in told["members"][2]


def test_a_box_that_is_silent_holds_nothing(boxes: Boxes) -> None:
    boxes.cards = [Card(), Card(holds=True)]
    boxes.wire.run(2)
    assert boxes.members[0].holders() == ["node-2"]
    del boxes.wire.nodes[boxes.nodes[1].address]
    boxes.wire.run(7)
    assert boxes.members[0].holders() == []


WELL = {"loading": False, "room": 1 << 30, "database": True, "quorum": "", "alone": False}


@pytest.mark.parametrize(
    ("wrong", "must_not", "better_not"),
    [
        ({}, "", ""),
        ({"alone": True}, "", ""),
        ({"quorum": "yes"}, "", ""),
        ({"quorum": "no", "alone": True}, "it may be cut off", ""),
        ({"quorum": "no"}, "", "no majority"),
        ({"loading": True}, "", "has not been read"),
        ({"room": LEAST_ROOM - 1}, "", "disk is full"),
        ({"database": False}, "", "does not answer"),
    ],
)
def test_who_may_hold_the_address(wrong: dict[str, object], must_not: str, better_not: str) -> None:
    told = fitness(**{**WELL, **wrong})  # type: ignore[arg-type]
    assert isinstance(told, Fitness)
    assert (must_not in told.must_not, bool(told.must_not)) == (True, bool(must_not))
    assert (better_not in told.better_not, bool(told.better_not)) == (True, bool(better_not))
