"""Requests that come again or too late, limits, extensions, and the way back to the phone."""

from __future__ import annotations

import pytest

from appliance.registrar.binding import PERMANENT, Binding
from appliance.sip.hop import Hop
from appliance.sip.uri import AddressOfRecord
from tests.unit.registrar.phones import TEN, Desk, contacts_of, kinds_of

A, B, C = "sip:10@192.0.2.1", "sip:10@192.0.2.2", "sip:10@192.0.2.3"


def test_the_same_once_more_changes_nothing() -> None:
    desk = Desk()
    desk.register(f"<{A}>", cseq=5, Expires="600")
    desk.now += 10
    outcome = desk.register(f"<{A}>", cseq=5, Expires="600")
    assert (outcome.status, contacts_of(outcome), outcome.changes) == (200, [f"<{A}>;expires=590"], ())
    assert desk.register("*", cseq=5, Expires="0").status == 200
    assert desk.bound() == {A: 590}
    assert len(desk.store.commits) == 1


@pytest.mark.parametrize("contact", [f"<{A}>", f"<{A}>;expires=0", f"<{B}>, <{A}>", "*"])
def test_what_came_too_late_is_an_error_and_changes_nothing(contact: str) -> None:
    desk = Desk()
    desk.register(f"<{A}>", cseq=5)
    outcome = desk.register(contact, cseq=4, Expires="0" if contact == "*" else "600")
    assert (outcome.status, outcome.reason) == (500, "CSeq Out of Order")
    assert desk.bound() == {A: 3600}


def test_openser_answers_what_came_too_late_with_200() -> None:
    desk = Desk(profile="openser12")
    desk.register(f"<{A}>", cseq=5, Expires="600")
    outcome = desk.register(f"<{A}>;expires=0", cseq=4)
    assert (outcome.status, list(outcome.headers)) == (200, [f"Contact: <{A}>;expires=600"])
    assert desk.bound() == {A: 600}


def test_a_phone_that_started_again_begins_to_count_again() -> None:
    desk = Desk()
    desk.register(f"<{A}>", cseq=500)
    assert kinds_of(desk.register(f"<{A}>", cseq=1, call_id="after the reboot")) == [("refreshed", A)]
    assert kinds_of(desk.register(f"<{A}>;expires=0", cseq=1, call_id="yet another")) == [("removed", A)]


def test_the_order_is_asked_only_of_the_same_contact() -> None:
    desk = Desk()
    desk.register(f"<{A}>", cseq=5)
    assert kinds_of(desk.register(f"<{B}>", cseq=4)) == [("added", B)]


def test_one_that_expired_is_no_longer_there_for_anybody() -> None:
    desk = Desk()
    desk.register(f"<{A}>", cseq=5, Expires="60")
    desk.now += 60
    assert contacts_of(desk.register()) == []
    assert kinds_of(desk.register(f"<{A}>", cseq=1)) == [("added", A)]


def test_there_are_no_more_contacts_than_allowed() -> None:
    desk = Desk(max_contacts=2)
    desk.register(f"<{A}>, <{B}>;expires=600")
    desk.now += 100
    outcome = desk.register(f"<{C}>", cseq=2)
    assert (outcome.status, outcome.reason) == (503, "Too Many Contacts")
    assert list(outcome.headers) == ["Retry-After: 500"]  # when B expires
    assert list(desk.bound()) == [B, A]
    # A refresh is never one too many, and one for another is not either.
    assert desk.register(f"<{A}>", cseq=3).status == 200
    assert desk.register(f"<{C}>, <{A}>;expires=0", cseq=4).status == 200
    assert list(desk.bound()) == [C, B]
    assert desk.register(f"<{A}>", f"<{B}>", f"<{C}>", aor=AddressOfRecord("11", "h")).status == 503


def test_who_has_more_than_is_allowed_now_keeps_them() -> None:
    desk = Desk(max_contacts=1)
    for number, contact in enumerate((A, B)):
        desk.locations.put(Binding(TEN, contact, PERMANENT, "mi", 1, ruid=str(number)))
    refused = desk.register(f"<{C}>")
    assert (refused.status, list(refused.headers)) == (503, [])  # they stay for good
    assert desk.register(f"<{A}>").status == 200
    assert list(desk.register(f"<{C}>").headers) == ["Retry-After: 3600"]


def test_openser_says_in_a_header_what_was_wrong() -> None:
    desk = Desk(profile="openser12", max_contacts=1)
    desk.register(f"<{A}>")
    assert list(desk.register(f"<{B}>", cseq=2).headers) == ["P-Registrar-Error: Too Many Contacts"]
    assert list(desk.register("*", cseq=2).headers) == ["P-Registrar-Error: Contact * Needs Expires 0"]


@pytest.mark.parametrize("require", ["gruu", "path, gruu", "X"])
def test_an_extension_that_is_not_known_is_refused(require: str) -> None:
    outcome = Desk().register(f"<{A}>", Require=require)
    unknown = ", ".join(option for option in require.split(", ") if option != "path")
    assert (outcome.status, outcome.reason) == (420, "Bad Extension")
    assert list(outcome.headers) == [f"Unsupported: {unknown}"]


def test_an_extension_that_is_known_is_not() -> None:
    assert Desk().register(f"<{A}>", Require="path").status == 200


def test_contacts_that_are_equal_are_one_binding() -> None:
    desk = Desk()
    desk.register("<sip:10@phone.example;transport=UDP;line=1>")
    outcome = desk.register("<sip:%310@PHONE.example;line=1;transport=udp>", cseq=2)
    assert [kind for kind, _ in outcome.changes] == ["refreshed"]
    # §19.1.4: a parameter that only one of the two has does not count; the row of the former name goes.
    outcome = desk.register("<sip:10@phone.example;transport=udp>", cseq=3)
    assert [kind for kind, _ in outcome.changes] == ["refreshed"]
    assert list(desk.bound()) == ["sip:10@phone.example;transport=udp"]
    assert list(desk.store.rows) == [desk.one().ruid]


def test_of_two_values_for_one_contact_the_later_counts() -> None:
    desk = Desk()
    outcome = desk.register(f"<{A}>;expires=100, <{A}>;expires=200")
    assert (kinds_of(outcome), desk.bound()) == ([("added", A)], {A: 200})
    outcome = desk.register(f"<{A}>;expires=100, <{A}>;expires=0", cseq=2)
    assert (kinds_of(outcome), desk.bound(), desk.store.rows) == ([("removed", A)], {}, {})
    outcome = desk.register(f"<{A}>;expires=100, <{A}>;expires=0", cseq=3)
    assert (kinds_of(outcome), desk.bound()) == ([], {})
    desk.register(f"<{A}>", cseq=4)
    outcome = desk.register(f"<{A}>;expires=0, <{A}>;expires=100", cseq=5)
    assert (kinds_of(outcome), desk.bound()) == ([("refreshed", A)], {A: 100})


def test_the_spelling_of_a_user_matters_unless_told_otherwise() -> None:
    for case_sensitive, users in ((True, 2), (False, 1)):
        desk = Desk(case_sensitive=case_sensitive)
        for user in ("Alice", "alice"):
            desk.register(f"<{A}>", aor=AddressOfRecord(user, "h"), call_id=user)
        assert desk.locations.users == len(desk.store.rows) == users


def test_a_call_id_beyond_its_column_is_refused() -> None:
    assert Desk().register(f"<{A}>", call_id="c" * 256).reason == "Call-ID Too Long"


def test_methods_are_kept() -> None:
    desk = Desk()
    desk.register(f"<{A}>", Allow="INVITE, ACK")
    assert desk.one().methods == 5
    desk.register(f"<{A}>", cseq=2)
    assert desk.one().methods is None


@pytest.mark.parametrize(
    ("hop", "nated", "path", "way", "received"),
    [
        (Hop("udp", "203.0.113.5", 1024), False, None, None, None),
        (
            Hop("udp", "203.0.113.5", 1024),
            True,
            None,
            Hop("udp", "203.0.113.5", 1024),
            "sip:203.0.113.5:1024",
        ),
        (
            Hop("udp", "2001:db8::5", 1024),
            True,
            None,
            Hop("udp", "2001:db8::5", 1024),
            "sip:[2001:db8::5]:1024",
        ),
        # The number of the connection goes with it: the address may be another phone's tomorrow.
        (
            Hop("tcp", "203.0.113.5", 1024, 1, 171),
            False,
            None,
            Hop("tcp", "203.0.113.5", 1024, 1, 171),
            "sip:203.0.113.5:1024;transport=tcp;flow=ab",
        ),
        (
            Hop("tcp", "203.0.113.5", 1024, 1, 7),
            True,
            None,
            Hop("tcp", "203.0.113.5", 1024, 1, 7),
            "sip:203.0.113.5:1024;transport=tcp;flow=7",
        ),
        (Hop("tcp", "203.0.113.5", 1024, 1, 7), True, "<sip:edge;lr>", None, None),
    ],
)
def test_the_way_back_to_the_phone(
    hop: Hop, nated: bool, path: str | None, way: Hop | None, received: str | None
) -> None:
    desk = Desk()
    desk.register(
        f"<{A}>", hop=hop, nated=nated, **({} if path is None else {"Path": path, "Supported": "path"})
    )
    assert (desk.one().hop, desk.one().received, desk.one().path) == (way, received, path)
    assert desk.one().cflags == (64 if nated and path is None else 0)


def test_the_path_is_told_to_phones_that_know_it() -> None:
    desk = Desk()
    told = desk.register(f"<{A}>", Path="<sip:p1;lr>, <sip:p2;lr>", Supported="gruu, path")
    assert "Path: <sip:p1;lr>, <sip:p2;lr>" in told.headers
    untold = desk.register(f"<{A}>", cseq=2, Path="<sip:p1;lr>", edge=True)
    assert not [line for line in untold.headers if line.startswith("Path")]
    assert desk.one().path == "<sip:p1;lr>"
    assert desk.register(f"<{A}>", cseq=3, Path="<sip:p1").reason == "Bad Path"
