"""Bindings of another server's, taken by the running one."""

from __future__ import annotations

from typing import Any

import pytest

from appliance.errors import ControlError, DatabaseUnavailable
from appliance.operations.coming_bindings import ComingBindings
from appliance.registrar.binding import PERMANENT
from appliance.sip.uri import AddressOfRecord
from tests.unit.operations.conftest import NOW, WALL, Bench

TEN = AddressOfRecord("10", "example.org")
CONTACT = "sip:10@192.0.2.5:5060"


def row(contact: str = CONTACT, **values: Any) -> dict[str, Any]:
    return {
        "aor": ["10", "Example.ORG"],
        "contact": contact,
        "expires": WALL + 600,
        "call_id": "a call",
        "cseq": 7,
        "q": None,
        "user_agent": "A phone",
        "received": None,
        "path": None,
        "socket": None,
        "methods": None,
        "instance": None,
        "reg_id": None,
        "cflags": 0,
        "modified": WALL - 60,
        **values,
    }


def test_they_are_durable_and_found(bench: Bench) -> None:
    rows = [row(), row("sip:10@192.0.2.6", expires=None), row("sip:10@192.0.2.7", expires=WALL)]
    assert ComingBindings(bench.box).take(rows) == {"taken": 2, "here": 1, "refused": []}
    (upserts, deletes), *more = bench.store.commits
    assert (len(upserts), deletes, more) == (2, [], [])
    found = {each.contact: each for each in bench.locations.lookup(TEN, NOW)}
    assert found[CONTACT].deadline == NOW + 600
    assert (found[CONTACT].call_id, found[CONTACT].cseq, found[CONTACT].modified) == ("a call", 7, WALL - 60)
    assert found["sip:10@192.0.2.6"].deadline == PERMANENT


def test_what_is_newer_here_stays(bench: Bench) -> None:
    taking = ComingBindings(bench.box)
    assert taking.take([row(cseq=9)])["taken"] == 1
    assert taking.take([row(cseq=8)]) == {"taken": 0, "here": 1, "refused": []}
    assert taking.take([row(cseq=10, modified=WALL)])["taken"] == 1
    (binding,) = bench.locations.lookup(TEN, NOW)
    assert binding.cseq == 10


def test_what_is_not_durable_is_said_and_is_not_there(bench: Bench) -> None:
    bench.store.failure = DatabaseUnavailable("away")
    told = ComingBindings(bench.box).take([row()])
    assert told == {"taken": 0, "here": 0, "refused": [f"phone {CONTACT} of 10@example.org: away"]}
    assert not bench.locations.lookup(TEN, NOW)


@pytest.mark.parametrize("wrong", [{"contact": "nonsense"}, {"aor": ["10"]}, {"expires": "soon"}])
def test_no_binding_is_refused(bench: Bench, wrong: dict[str, Any]) -> None:
    with pytest.raises(ControlError, match="Bad binding"):
        ComingBindings(bench.box).take([row() | wrong])
    assert not bench.store.commits
