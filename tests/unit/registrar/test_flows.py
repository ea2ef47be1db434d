"""Phones that say who they are: +sip.instance and reg-id (RFC 5626 §6, RFC 5627)."""

from __future__ import annotations

import pytest

from tests.unit.registrar.phones import Desk, contacts_of, kinds_of

ONE = '+sip.instance="<urn:uuid:1>"'
TWO = '+sip.instance="<urn:uuid:2>"'
A, B = "sip:10@192.0.2.1:5060", "sip:10@192.0.2.1:1024"
ELSEWHERE = "sip:10@198.51.100.7:5060"


def test_both_are_kept_and_told() -> None:
    desk = Desk()
    outcome = desk.register(f"<{A}>;{ONE};reg-id=1;q=0.5")
    assert contacts_of(outcome) == [f'<{A}>;q=0.5;+sip.instance="<urn:uuid:1>";reg-id=1;expires=3600']
    assert (desk.one().instance, desk.one().reg_id) == ("<urn:uuid:1>", 1)


def test_a_flow_is_the_same_binding_wherever_its_contact_is() -> None:
    desk = Desk()
    desk.register(f"<{A}>;{ONE};reg-id=1")
    ruid = desk.one().ruid
    outcome = desk.register(f"<{ELSEWHERE}>;{ONE};reg-id=1", call_id="after the reboot")
    assert kinds_of(outcome) == [("refreshed", ELSEWHERE)]
    assert desk.one().ruid == ruid
    assert list(desk.store.rows) == [ruid]


def test_two_flows_of_one_phone_are_two_bindings_even_by_one_contact() -> None:
    desk = Desk()
    desk.register(f"<{A}>;{ONE};reg-id=1")
    desk.register(f"<{A}>;{ONE};reg-id=2", call_id="second flow")
    desk.register(f"<{A}>;{TWO};reg-id=1", call_id="another phone")
    assert len(desk.locations) == 3
    desk.register(f"<{A}>;{ONE};reg-id=2;expires=0", call_id="second flow", cseq=2)
    assert len(desk.locations) == 2


def test_a_late_request_of_a_flow_is_an_error() -> None:
    desk = Desk()
    desk.register(f"<{A}>;{ONE};reg-id=1", cseq=7)
    assert desk.register(f"<{B}>;{ONE};reg-id=1", cseq=6).status == 500


def test_a_phone_that_begins_or_stops_to_number_its_flows_is_not_bound_twice() -> None:
    desk = Desk()
    desk.register(f"<{A}>")
    desk.register(f"<{A}>;{ONE};reg-id=1", cseq=2)
    assert len(desk.locations) == len(desk.store.rows) == 1
    assert desk.one().reg_id == 1
    desk.register(f"<{A}>", cseq=3)
    assert len(desk.locations) == len(desk.store.rows) == 1
    assert desk.one().reg_id is None


def test_a_phone_that_started_again_leaves_no_dead_binding_behind() -> None:
    desk = Desk()
    desk.register(f"<{A}>;{ONE}")
    outcome = desk.register(f"<{B}>;{ONE}", call_id="after the reboot")
    assert sorted(kinds_of(outcome)) == [("added", B), ("removed", A)]
    assert list(desk.bound()) == [B]
    assert list(desk.store.rows) == [desk.one().ruid]


@pytest.mark.parametrize(
    "second",
    [
        {"contact": f"<{B}>;{ONE}", "call_id": "call-1"},  # the same boot: two contacts on purpose
        {"contact": f"<{B}>;{TWO}", "call_id": "other"},  # another phone
        {"contact": f"<{ELSEWHERE}>;{ONE}", "call_id": "other"},  # another network of the same phone
        {"contact": f"<{B};transport=tcp>;{ONE}", "call_id": "other"},  # another transport
        {"contact": f"<{B}>", "call_id": "other"},  # nobody says that it is the same
        {"contact": f"<{B}>;{ONE};reg-id=1", "call_id": "other"},
    ],
)
def test_a_second_contact_of_a_phone_is_not_mistaken_for_a_reboot(second: dict[str, str]) -> None:
    desk = Desk()
    desk.register(f"<{A}>;{ONE}")
    desk.register(second["contact"], call_id=second["call_id"], cseq=2)
    assert len(desk.locations) == 2
