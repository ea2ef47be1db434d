"""Locations: order, expiry to the second, loading; and bounded memory."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.registrar.binding import PERMANENT, Binding
from appliance.registrar.locations import Locations
from appliance.sip.hop import Hop
from appliance.sip.uri import AddressOfRecord

TEN = AddressOfRecord("10", "example.org")
ELEVEN = AddressOfRecord("11", "example.org")


NAMES = st.sampled_from("abcdef")
QS = st.sampled_from([None, 0.0, 0.3, 0.7, 1.0])


def binding(
    ruid: str,
    aor: AddressOfRecord = TEN,
    *,
    deadline: float = 1000.0,
    q: float | None = None,
    modified: float = 0.0,
    socket: str = "udp:192.0.2.9:5060",
    received: str | None = None,
) -> Binding:
    contact = f"sip:{ruid}@192.0.2.1"
    return Binding(
        aor, contact, deadline, "call", 1, q, "", received, socket=socket, ruid=ruid, modified=modified
    )


def names(bindings: object) -> list[str]:
    return [one.ruid for one in bindings]


def test_the_best_comes_first_then_the_newest() -> None:
    locations = Locations()
    for ruid, q in [("a", 0.5), ("b", None), ("c", 1.0), ("d", 0.1), ("e", 0.5)]:
        locations.put(binding(ruid, q=q))
    assert names(locations.lookup(TEN, 0.0)) == ["c", "b", "e", "a", "d"]
    # A refresh makes a binding the newest of its q, and another q moves it.
    locations.put(binding("a", q=0.5))
    locations.put(binding("d", q=1.0))
    assert names(locations.lookup(TEN, 0.0)) == ["d", "c", "b", "a", "e"]


def test_the_order_of_live_registrations_does_not_ask_the_wall_clock() -> None:
    locations = Locations()
    locations.put(binding("before", modified=2_000_000_000.0))
    locations.put(binding("after", modified=1_000_000_000.0))
    assert names(locations.lookup(TEN, 0.0)) == ["after", "before"]


def test_what_was_loaded_stands_by_its_age() -> None:
    locations = Locations()
    for ruid, modified in [("old", 1.0), ("newest", 3.0), ("new", 2.0)]:
        assert locations.restore(binding(ruid, modified=modified))
    assert names(locations.lookup(TEN, 0.0)) == ["newest", "new", "old"]


def test_a_binding_lives_to_its_second_and_not_longer() -> None:
    locations = Locations()
    locations.put(binding("a", deadline=1000.5))
    assert names(locations.lookup(TEN, 1000.4)) == ["a"]
    assert locations.lookup(TEN, 1000.5) == []
    # It is swept in the second in which it ends, and only once.
    assert locations.expire(1000.9) == []
    assert len(locations) == locations.users == 1
    assert names(locations.expire(1001.0)) == ["a"]
    assert locations.expire(1002.0) == []
    assert len(locations) == locations.users == 0


def test_a_refreshed_binding_does_not_expire_when_it_first_would_have() -> None:
    locations = Locations()
    locations.put(binding("a", deadline=100.0))
    locations.put(binding("a", deadline=200.0))
    assert locations.expire(150.0) == []
    locations.put(binding("a", deadline=160.0))
    assert names(locations.expire(160.0)) == ["a"]


def test_a_permanent_binding_never_expires() -> None:
    locations = Locations()
    locations.put(binding("a", deadline=PERMANENT))
    assert locations.expire(1e12) == []
    assert names(locations.lookup(TEN, 1e12)) == ["a"]
    assert locations.drop("a") is not None
    assert len(locations) == 0


def test_one_that_comes_when_it_is_over_already_is_swept_too() -> None:
    locations = Locations()
    locations.expire(5000.0)
    locations.put(binding("a", deadline=10.0))
    assert locations.lookup(TEN, 5000.0) == []
    assert names(locations.expire(5001.0)) == ["a"]


def test_expiry_costs_what_expires_and_not_what_lives() -> None:
    locations = Locations()
    for number in range(2000):
        locations.put(binding(f"r{number}", AddressOfRecord(str(number), "h"), deadline=1000.0 + number))
    locations.expire(999.0)
    looked_at = 0

    def counting(frame: object, event: str, argument: object) -> None:
        nonlocal looked_at
        looked_at += event == "call"

    sys.setprofile(counting)
    try:
        expired = locations.expire(1000.0)
    finally:
        sys.setprofile(None)
    assert names(expired) == ["r0"]
    assert looked_at < 20


def test_a_phone_that_registers_all_the_time_takes_no_more_memory() -> None:
    locations = Locations()
    for number in range(5000):
        locations.put(binding("a", deadline=10_000.0 - number * 1.7 if number % 2 else 500.0 + number))
    assert len(locations) == 1
    assert sum(len(bucket) for bucket in locations._due.values()) == len(locations._due) == 1


def test_a_user_in_another_spelling_is_another_unless_told_otherwise() -> None:
    upper = AddressOfRecord("Alice", "example.org")
    lower = AddressOfRecord("alice", "example.org")
    strict, lenient = Locations(), Locations(case_sensitive=False)
    for locations in (strict, lenient):
        locations.put(binding("a", upper))
    assert strict.lookup(lower, 0.0) == []
    assert names(lenient.lookup(lower, 0.0)) == names(lenient.lookup(upper, 0.0)) == ["a"]
    lenient.put(binding("b", lower))
    assert lenient.users == 1
    assert lenient.drop_aor(AddressOfRecord("ALICE", "example.org"))
    assert len(lenient) == lenient.users == 0


def test_bindings_are_counted_by_transport() -> None:
    locations = Locations()
    locations.put(binding("a"))
    locations.put(binding("b", ELEVEN, socket="tcp:192.0.2.9:5060"))
    assert dict(locations.by_transport) == {"udp": 1, "tcp": 1}
    locations.put(binding("a", socket="tcp:192.0.2.9:5060"))
    locations.drop("b")
    assert dict(locations.by_transport) == {"udp": 0, "tcp": 1}


def test_while_rows_are_loaded_memory_knows_better() -> None:
    locations = Locations()
    locations.loading = True
    assert not locations.knows(TEN)
    locations.complete(TEN, [binding("row", modified=1.0)])
    assert locations.knows(TEN)
    assert not locations.knows(ELEVEN)
    # The phone takes its binding away; the loader comes later with a row that it had read before.
    locations.drop("row")
    assert not locations.restore(binding("row", modified=1.0))
    assert locations.lookup(TEN, 0.0) == []
    assert locations.restore(binding("other", ELEVEN))
    locations.loading = False
    assert locations.knows(ELEVEN)
    assert locations.knows(AddressOfRecord("nobody", "h"))


def test_a_row_does_not_replace_what_a_phone_has_said_since() -> None:
    locations = Locations()
    fresh = binding("a", deadline=7200.0)
    locations.put(fresh)
    assert not locations.restore(binding("a", deadline=60.0))
    assert locations.get("a") is fresh


def test_one_name_in_rows_of_two_users_leaves_no_ghost() -> None:
    locations = Locations()
    locations.put(binding("same", TEN))
    locations.put(binding("same", ELEVEN))
    assert locations.lookup(TEN, 0.0) == []
    assert names(locations.lookup(ELEVEN, 0.0)) == ["same"]
    assert len(locations) == locations.users == 1


def test_dropping_what_is_not_there_changes_nothing() -> None:
    locations = Locations()
    locations.put(binding("a"))
    assert locations.drop("b") is None
    assert locations.drop_aor(ELEVEN) == []
    assert len(locations) == 1


def test_going_through_all_does_not_mind_changes() -> None:
    locations = Locations()
    for ruid in "abc":
        locations.put(binding(ruid))
    for one in locations:
        locations.drop(one.ruid)
    assert len(locations) == 0
    assert locations.addresses() == []


@pytest.mark.parametrize("hop", [None, Hop("udp", "192.0.2.1", 5060)])
def test_a_binding_has_at_most_one_place(hop: Hop | None) -> None:
    locations = Locations()
    one = binding("a")
    one.hop = hop
    for _ in range(3):
        locations.put(one)
    assert names(locations.bindings(TEN)) == ["a"]
    assert dict(locations.by_transport) == {"udp": 1}


@given(st.lists(st.tuples(NAMES, QS, st.floats(0, 10)), max_size=12))
def test_putting_back_gives_the_order_of_age(rows: list[tuple[str, float | None, float]]) -> None:
    locations = Locations()
    newest: dict[str, Binding] = {}
    for name, q, modified in rows:
        newest[name] = binding(name, q=q, modified=modified)
        locations.put_back(newest[name])
    expected = sorted(newest.values(), key=lambda one: (-one.preference, -one.modified))
    found = locations.lookup(TEN, 0.0)
    assert [(one.preference, one.modified) for one in found] == [
        (one.preference, one.modified) for one in expected
    ]


def test_all_is_forgotten_but_what_is_on_its_way() -> None:
    locations = Locations()
    for ruid, aor in [("a", TEN), ("b", TEN), ("c", ELEVEN)]:
        locations.put(binding(ruid, aor, deadline=10.0))
    locations.forget_all(["b", "gone"])
    assert names(locations) == ["b"]
    assert (locations.users, locations.by_transport["udp"]) == (1, 1)
    assert locations.get("a") is None
    assert names(locations.expire(11.0)) == ["b"]
    assert names(locations.expire(12.0)) == []


def test_the_newest_are_those_that_were_put_last() -> None:
    locations = Locations()
    for number in range(30):
        locations.put(binding(f"r{number}", modified=100.0 + number))
    locations.put(binding("r3", modified=200.0))
    locations.drop("r29")
    assert names(locations.newest()) == ["r3", *(f"r{number}" for number in range(28, 19, -1))]


def test_the_newest_of_what_was_read_back_are_known_too() -> None:
    locations = Locations()
    locations.loading = True
    for number in (7 * number % 1000 for number in range(1000)):
        locations.restore(binding(f"r{number}", modified=100.0 + number))
    assert names(locations.newest()) == [f"r{n}" for n in range(999, 989, -1)]
    locations.put(binding("r5", modified=5000.0))
    assert names(locations.newest())[:2] == ["r5", "r999"]
    locations.forget_all()
    assert locations.newest() == []


class Sources(dict[str, int]):
    """How many bindings there are from each host."""

    def add(self, host: str) -> None:
        self[host] = self.get(host, 0) + 1

    def discard(self, host: str) -> None:
        self[host] -= 1

    def forget_all(self) -> None:
        self.clear()


def test_a_replica_of_a_phone_that_moves_is_known_at_its_new_place_only() -> None:
    locations, sources = Locations(), Sources()
    locations.watch_sources(sources)
    locations.put(binding("r1", received="sip:198.51.100.7:40000"))
    locations.put(binding("r1", received="sip:198.51.100.8:40000", modified=2.0))
    assert sources == {"198.51.100.7": 0, "198.51.100.8": 1}
    locations.drop("r1")
    assert sources == {"198.51.100.7": 0, "198.51.100.8": 0}
