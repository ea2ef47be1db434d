"""Registrations through an administrator's hands."""

from __future__ import annotations

import dataclasses
from typing import Any

import gevent
import msgspec
import pytest

from appliance.errors import ControlError, DatabaseUnavailable
from appliance.operations.registrations import Registrations
from appliance.registrar.binding import PERMANENT, Binding
from appliance.sip.uri import AddressOfRecord
from tests.unit.operations.conftest import WALL, Bench

CONTACT = "sip:10@192.0.2.5:5060"


def rows(bench: Bench, aor: str | None = None) -> list[dict[str, Any]]:
    return [row for some in Registrations(bench.box).bindings(aor) for row in some]


def test_an_added_binding_is_durable_and_found(bench: Bench) -> None:
    told = Registrations(bench.box).add("10@Example.ORG", CONTACT, 600, 0.5, 128, 1, 4294967295)
    assert told == {
        "aor": "10@example.org",
        "contact": CONTACT,
        "expires": 600,
        "q": 0.5,
        "callid": "dfjrewr12386fd6-343@openser.mi",
        "cseq": 1,
        "user_agent": "OpenSER MI Server",
        "received": None,
        "path": None,
        "socket": None,
        "transport": "udp",
        "methods": 4294967295,
        "instance": None,
        "reg_id": None,
        "flags": 128,
        "cflags": 1,
        "ruid": told["ruid"],
        "modified": WALL,
        "state": "CS_SYNC",
    }
    (committed,) = bench.store.commits[0][0]
    assert (committed.contact, committed.ruid) == (CONTACT, told["ruid"])
    assert [b.contact for b in bench.locations.lookup(AddressOfRecord("10", "example.org"), bench.now)] == [
        CONTACT
    ]


def test_zero_seconds_are_for_ever(bench: Bench) -> None:
    assert Registrations(bench.box).add("10@example.org", CONTACT)["expires"] is None
    (binding,) = bench.locations
    assert binding.deadline == PERMANENT


def test_adding_again_takes_the_place(bench: Bench) -> None:
    registrations = Registrations(bench.box)
    registrations.add("10@example.org", CONTACT, 60)
    registrations.add("10@example.org", CONTACT, 600)
    assert [row["expires"] for row in rows(bench, "10@example.org")] == [600]


@pytest.mark.parametrize("aor", ["10", "@example.org", "10@", "sip:10"])
def test_an_address_of_record_has_a_user_and_a_domain(bench: Bench, aor: str) -> None:
    registrations = Registrations(bench.box)
    for refused in (
        registrations.bindings,
        registrations.remove,
        lambda aor: registrations.add(aor, CONTACT),
    ):
        with pytest.raises(ControlError, match="400 Domain missing in AOR"):
            refused(aor)


def test_a_contact_that_is_no_uri(bench: Bench) -> None:
    with pytest.raises(ControlError, match="400 Bad parameter"):
        Registrations(bench.box).add("10@example.org", "nonsense")
    assert bench.store.commits == []


def test_what_is_not_durable_is_not_there(bench: Bench) -> None:
    bench.store.failure = DatabaseUnavailable("away")
    with pytest.raises(DatabaseUnavailable):
        Registrations(bench.box).add("10@example.org", CONTACT)
    assert len(bench.locations) == 0


def test_removing_one_contact_or_all(bench: Bench) -> None:
    registrations = Registrations(bench.box)
    for port in (1, 2, 3):
        registrations.add("10@example.org", f"sip:10@192.0.2.5:{port}", 60)
    assert registrations.remove("10@example.org", "sip:10@192.0.2.5:2") == 1
    assert registrations.remove("10@example.org", "sip:10@192.0.2.5:2") == 0
    assert registrations.remove("10@example.org") == 2
    assert registrations.remove("10@example.org") == 0
    assert [len(deletes) for _, deletes in bench.store.commits[3:]] == [1, 2]
    assert len(bench.locations) == 0


def test_what_has_run_out_and_is_not_swept_is_shown_with_nothing_left(bench: Bench) -> None:
    registrations = Registrations(bench.box)
    registrations.add("10@example.org", CONTACT, 60)
    bench.now += 61
    assert [row["expires"] for row in rows(bench, "10@example.org")] == [0]


def test_many_are_told_without_holding_up_the_calls(bench: Bench) -> None:
    registrations = Registrations(bench.box)
    for number in range(450):
        registrations.add(f"{number}@example.org", CONTACT, 60)
    assert [len(some) for some in registrations.bindings()] == [200, 200, 50]


def test_the_state_says_whether_the_database_has_it(bench: Bench) -> None:
    registrations = Registrations(bench.box)
    first = registrations.add("10@example.org", CONTACT, 60)
    bench.unwritten = {str(first["ruid"])}
    assert [row["state"] for row in rows(bench)] == ["CS_DIRTY"]


def test_who_is_online(bench: Bench) -> None:
    registrations = Registrations(bench.box)
    for user in ("11", "10", "9"):
        registrations.add(f"{user}@example.org", CONTACT, 60)
    assert registrations.online() == ["10@example.org", "11@example.org", "9@example.org"]


def test_in_the_mode_database_the_table_is_read(bench: Bench) -> None:
    aor = AddressOfRecord("10", "example.org")
    settings = bench.box.settings
    registrar = msgspec.structs.replace(settings.registrar, location_mode="database")
    box = dataclasses.replace(
        bench.box,
        settings=msgspec.structs.replace(settings, registrar=registrar),
        rows=lambda: [Binding(aor, CONTACT, bench.now + 60, "c", 1)],
    )
    registrations = Registrations(box)
    assert [row["contact"] for some in registrations.bindings() for row in some] == [CONTACT]
    assert registrations.online() == ["10@example.org"]


def test_while_the_table_is_being_read_it_is_waited_for(bench: Bench) -> None:
    bench.locations.loading = True
    asking = gevent.spawn(Registrations(bench.box).online)
    gevent.idle()
    assert not asking.ready()
    bench.locations.loading = False
    assert asking.get(timeout=2) == []


def test_a_table_that_cannot_be_read_is_not_waited_for(bench: Bench) -> None:
    bench.locations.loading = True
    bench.database.available = False
    assert Registrations(bench.box).online() == []


def test_flush(bench: Bench) -> None:
    Registrations(bench.box).flush()
    assert bench.told == ["flush"]


def test_removing_all_contacts_of_several_users(bench: Bench) -> None:
    registrations = Registrations(bench.box)
    for user in ("10", "11", "12"):
        registrations.add(f"{user}@example.org", CONTACT)
    assert registrations.remove_all(["10@example.org", "12@example.org", "13@example.org"]) == 2
    assert [row["aor"] for row in rows(bench)] == ["11@example.org"]
