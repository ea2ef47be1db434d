"""Where a user is, in the order to try; never 'nowhere' when nobody knows."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from appliance.errors import DatabaseUnavailable
from appliance.proxy.target import Target
from appliance.proxy.targets import TargetSet, in_groups, numbered
from appliance.registrar.binding import Binding, ruid_of
from appliance.registrar.location_service import LocationService
from appliance.registrar.locations import Locations
from appliance.sip.hop import Hop
from appliance.sip.uri import AddressOfRecord

ALICE = AddressOfRecord("alice", "example.org")


class AwayStore:
    """A database that is away."""

    def commit(self, upserts: Sequence[Binding], deletes: Sequence[Binding]) -> None:
        raise DatabaseUnavailable("away")

    def fetch(self, aor: AddressOfRecord) -> list[Binding]:
        raise DatabaseUnavailable("away")


def binding(contact: str, q: float | None = None, hop: Hop | None = None) -> Binding:
    return Binding(ALICE, contact, 100.0, "call", 1, q=q, hop=hop, ruid=ruid_of(ALICE, contact))


def test_bindings_become_targets_best_first() -> None:
    locations = Locations()
    flow = Hop("tcp", "192.0.2.9", 40000)
    locations.put(binding("sip:a@192.0.2.1", q=0.5))
    locations.put(binding("sip:a@192.0.2.2", hop=flow))
    targets = TargetSet(LocationService(locations, AwayStore()), lambda: 10.0)
    assert targets.lookup(ALICE) == [
        Target("sip:a@192.0.2.2", flow, None, 1.0, aor=ALICE),
        Target("sip:a@192.0.2.1", None, None, 0.5, aor=ALICE),
    ]
    assert targets.lookup(AddressOfRecord("bob", "example.org")) == []


def test_nobody_is_called_unknown_while_nobody_can_know() -> None:
    locations = Locations()
    locations.loading = True
    with pytest.raises(DatabaseUnavailable):
        TargetSet(LocationService(locations, AwayStore()), lambda: 10.0).lookup(ALICE)


def test_what_the_spool_told_is_enough_to_be_called() -> None:
    locations = Locations()
    locations.loading = True
    assert locations.restore(binding("sip:a@192.0.2.1"))
    targets = TargetSet(LocationService(locations, AwayStore()), lambda: 10.0)
    assert [target.uri for target in targets.lookup(ALICE)] == ["sip:a@192.0.2.1"]
    with pytest.raises(DatabaseUnavailable):
        targets.lookup(AddressOfRecord("bob", "example.org"))


def test_groups_of_equal_preference_up_to_the_cap() -> None:
    targets = [Target("a"), Target("b"), Target("c", q=0.5), Target("d", q=0.5)]
    assert [[target.uri for target in group] for group in in_groups(targets, 3)] == [["a", "b"], ["c"]]


def test_copies_are_numbered_by_where_they_go() -> None:
    targets = [Target(f"sip:a@192.0.2.{number}") for number in range(1, 13)]
    numbers = {target.uri: number for number, target in numbered(targets)}
    assert len(set(numbers.values())) == 12
    assert {target.uri: number for number, target in numbered(targets[::-1])} == numbers


def test_numbers_that_are_taken_are_not_given_again() -> None:
    target = Target("sip:a@192.0.2.1")
    ((first, _),) = numbered([target])
    assert [number for number, _ in numbered([target, target], [first])] == [first + 1, first + 2]
    ((last, _),) = numbered([target], set(range(0x10000)) - {7})
    assert last == 7
