"""Bans and guesses at one box are known at the others, whatever the wire does to them."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping

import pytest

from appliance.neighbours.frames import Card
from appliance.neighbours.replication import TICK_SECONDS
from appliance.neighbours.strangers import Strangers
from appliance.protection.bans import Bans
from appliance.protection.familiar import Familiar
from appliance.protection.guesses import Guesses
from tests.unit.neighbours.made import Address, Node, Time, Wire

Packets = list[tuple[Address, Address, bytes]]
GUESSER, USER = "198.51.100.66", "10@example.org"


class Box:
    """A node and its bans."""

    def __init__(self, wire: Wire, number: int) -> None:
        self.node = Node(wire, number)
        self.time = wire.time
        self.passed_on: list[Mapping[str, int]] = []
        self.phones: set[str] = set()  # where some are registered
        self.start()

    def start(self) -> None:
        """With nothing in memory."""
        self.bans, self.guesses = Bans(300, 86_400, 1000), Guesses(1000)
        self.guesses.share()
        clock, wall = self.time.clock, self.time.wall
        known = self.phones.__contains__
        self.heard: list[tuple[str, str, float | None, str]] = []
        self.strangers = Strangers(
            self.bans, self.guesses, known, clock, wall, self.passed_on.append, self._hears
        )
        self.node.replication.watch(self.strangers)

    def _hears(self, node: str, source: str, seconds: float | None, reason: str) -> None:
        self.heard.append((node, source, seconds, reason))

    def bans_guesser(self) -> None:
        self.bans.strike(GUESSER, "guessing", self.time.now)

    def keeps_out(self, source: str = GUESSER) -> bool:
        return self.bans.holds(source, self.time.now)

    def guessed(self, times: int, user: str = USER) -> None:
        for _ in range(times):
            self.guesses.failed(user, GUESSER, True, self.time.now)
        self.node.replication.guessed(self.guesses.news())


@pytest.fixture
def wire() -> Wire:
    return Wire(Time())


@pytest.fixture
def boxes(wire: Wire) -> Iterator[tuple[Box, Box, Box]]:
    made = Box(wire, 1), Box(wire, 2), Box(wire, 3)
    wire.run(1.5)
    yield made
    assert all(sum(each.node.replication.refused.values()) == 0 for each in made)


def test_who_is_banned_at_one_box_is_banned_at_all(wire: Wire, boxes: tuple[Box, Box, Box]) -> None:
    one, two, three = boxes
    one.bans_guesser()
    wire.run(1.2)
    assert two.keeps_out() and three.keeps_out()
    (told,), (kept,) = two.bans.listed(wire.time.now), one.bans.listed(wire.time.now)
    assert told == pytest.approx(kept)
    assert two.bans.news.keys() == {GUESSER}, "its other workers read it from the list on disk"
    wire.time.now = kept.until - 0.5
    wire.run(1)
    assert not any(each.keeps_out() for each in boxes)
    assert two.bans.strike(GUESSER, "guessing", wire.time.now).times == 2, "it was not the first time"


def test_what_is_lifted_anywhere_is_lifted_everywhere(wire: Wire, boxes: tuple[Box, Box, Box]) -> None:
    one, two, three = boxes
    one.bans_guesser()
    wire.run(5)
    two.bans.lift(GUESSER)
    wire.run(30)
    assert not any(each.keeps_out() for each in boxes)
    three.bans_guesser()
    wire.run(1.2)
    assert one.keeps_out() and two.keeps_out()


def test_who_is_banned_again_right_after_it_was_lifted_is_banned_at_all(
    wire: Wire, boxes: tuple[Box, Box, Box]
) -> None:
    one, two, three = boxes
    one.bans_guesser()
    wire.run(5)
    one.bans.lift(GUESSER)
    while two.keeps_out():
        wire.run(TICK_SECONDS)
    one.bans_guesser()
    wire.run(3)
    assert one.keeps_out() and two.keeps_out() and three.keeps_out()
    two.bans.lift(GUESSER)
    wire.run(3)
    assert not any(each.keeps_out() for each in boxes)


def test_who_is_known_at_a_box_is_not_banned_there_because_he_is_elsewhere(
    wire: Wire, boxes: tuple[Box, Box, Box]
) -> None:
    one, two, three = boxes
    two.phones.add(GUESSER)
    one.bans_guesser()
    wire.run(5)
    assert three.keeps_out() and not two.keeps_out()
    assert one.keeps_out(), "nor does anybody take that for a ban that was lifted"
    two.phones.clear()
    wire.run(5)
    assert two.keeps_out()


def test_a_phone_behind_a_nat_is_known_at_all_boxes(wire: Wire, boxes: tuple[Box, Box, Box]) -> None:
    familiar = Familiar([], 100)
    one, two, _ = boxes
    two.node.locations.watch_sources(familiar)
    phone = one.node.register(nated=True)
    wire.run(1)
    assert phone.hop is not None and familiar.knows(phone.hop.host, wire.time.now)
    one.node.deregister()
    wire.run(1)
    assert not familiar.knows(phone.hop.host, wire.time.now)


def test_each_box_says_once_what_another_has_banned_and_lifted(
    wire: Wire, boxes: tuple[Box, Box, Box]
) -> None:
    one, two, three = boxes
    two.phones.add(GUESSER)
    one.bans_guesser()
    wire.run(20)
    one.bans.lift(GUESSER)
    wire.run(20)
    assert three.heard == [("node-1", GUESSER, 300, "guessing"), ("node-1", GUESSER, None, "")]
    assert one.heard == two.heard == []


def test_it_comes_through_a_wire_that_loses_most(wire: Wire, boxes: tuple[Box, Box, Box]) -> None:
    one, two, three = boxes
    chance = random.Random(7)
    wire.spoil = lambda packets: [each for each in packets[::-1] if chance.random() < 0.33]
    for number in range(30):
        one.bans.add(f"198.51.100.{number}", 3600, "administrator", wire.time.now)
    wire.run(90)
    assert len(two.bans) == len(three.bans) == 30


def test_who_was_away_learns_what_was_banned_and_what_was_lifted(
    wire: Wire, boxes: tuple[Box, Box, Box]
) -> None:
    one, two, three = boxes
    three.bans_guesser()
    two.bans.add("203.0.113.0/24", 3600, "administrator", wire.time.now)
    wire.run(5)
    away = wire.nodes.pop(three.node.address)
    wire.run(10)
    one.bans.lift(GUESSER)
    for number in range(100):
        one.bans.add(f"192.0.2.{number}", 3600, "administrator", wire.time.now)
    wire.run(5)
    assert three.keeps_out(), "nobody has told it"
    wire.nodes[three.node.address] = away
    wire.run(5)
    assert not any(each.keeps_out() for each in boxes)
    assert len(three.bans) == 101


def test_a_box_that_starts_learns_all(wire: Wire, boxes: tuple[Box, Box, Box]) -> None:
    one, _, three = boxes
    for number in range(100):
        one.bans.add(f"192.0.2.{number}", 3600, "administrator", wire.time.now)
    wire.run(5)
    three.start()
    wire.run(15)
    assert len(three.bans) == 100


def test_bans_that_push_one_another_out_are_not_remembered_for_a_day(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.neighbours.strangers._MOST", 40)
    box = Box(wire, 1)
    bans = Bans(300, 86_400, 20)
    said = Strangers(
        bans, box.guesses, lambda _: False, wire.time.clock, wire.time.wall, lambda _: None, box._hears
    )
    for number in range(200):
        bans.strike(f"192.0.2.{number}", "guessing", wire.time.now)
        list(said.says())
        wire.time.now += 0.1
    told = {row[0] for _ in range(100) for each in said.says() for row in each.bans}
    assert 20 <= len(told) <= 60
    assert {row.source for row in bans.listed(wire.time.now)} <= told


def test_a_story_of_nobody_or_of_another_time_is_refused(wire: Wire) -> None:
    box = Box(wire, 1)
    now = wire.time.wall()
    for source, since, until in (
        ("everybody", now, now + 10),
        ("0.0.0.0/0 ", now, now + 10),
        (GUESSER, now + 3600, now + 7200),
        (GUESSER, now, float("inf")),
        (GUESSER, float("nan"), now + 10),
    ):
        with pytest.raises(ValueError):
            box.strangers.hear("node-9", [(source, since, until, 1, "guessing")], {})
    assert len(box.bans) == 0


def test_the_longest_ban_of_a_box_whose_clock_is_as_wrong_as_may_be_is_believed(wire: Wire) -> None:
    box = Box(wire, 1)
    chance = random.Random(7)
    for number in range(1000):
        wall, now = wire.time.wall() + chance.uniform(0, 299), chance.uniform(0, 1_000_000)
        theirs = Bans(300, 31_536_000, 10)
        theirs.add(f"192.0.{number // 250}.{number % 250}", 31_536_000, "administrator", now)
        [(source, since, until, times, reason)] = theirs.rows(now, wall)
        box.strangers.hear("node-9", [(source, since, until, times, reason)], {})
    assert len(box.bans) == 1000


def test_guesses_at_one_user_are_counted_over_all_boxes(wire: Wire, boxes: tuple[Box, Box, Box]) -> None:
    one, two, three = boxes
    for box in boxes:
        box.guessed(6)
    assert all(each.guesses.is_open(USER, wire.time.now) for each in boxes)
    wire.run(1.2)
    one.guessed(3)  # twenty, and the last is no news
    wire.run(1.2)
    assert not any(each.guesses.is_open(USER, wire.time.now) for each in boxes)
    assert two.passed_on == [{USER: 6}, {USER: 6}, {USER: 2}], "its other workers hear of it too"
    assert three.guesses.news() == {}, "nobody tells what he was told"
    assert two.guesses.is_open("11@example.org", wire.time.now)


def test_of_many_users_those_come_first_who_are_guessed_at_most(
    wire: Wire, boxes: tuple[Box, Box, Box]
) -> None:
    one, two, _ = boxes
    for number in range(2000):
        one.guesses.failed(f"{number}@example.org", GUESSER, True, wire.time.now)
    one.guessed(21)
    wire.run(1.2)
    assert not two.guesses.is_open(USER, wire.time.now)


def test_no_packet_is_longer_than_an_ethernet_frame_whatever_names_strangers_invent(
    wire: Wire, boxes: tuple[Box, Box, Box]
) -> None:
    one, _, _ = boxes
    card = Card("1.0.0", "d" * 64, True, "it may be cut off: it hears no other box", 1_000_000, True, "yes")
    one.node.replication.introduce(lambda: card)
    for number in range(100):
        one.bans.add(f"2001:db8:1234:56{number:02}::/64", 3600, "administrator", wire.time.now)
        one.guessed(1, f"{number:02}" + "x" * 98)
    longest = 0

    def measure(packets: Packets) -> Packets:
        nonlocal longest
        longest = max([longest, *(len(packet) for _, _, packet in packets)])
        return packets

    wire.spoil = measure
    wire.run(5)
    assert 1000 < longest <= 1452, "IPv6 and UDP need 48 bytes"


def test_a_name_that_cannot_be_written_is_not_told(boxes: tuple[Box, Box, Box]) -> None:
    one, _, _ = boxes
    for name in ("\udcff@example.org", "x" * 200, "ß" * 100, "a\nb@example.org"):
        one.guesses.failed(name, GUESSER, True, 1.0)
    assert one.guesses.news() == {}
