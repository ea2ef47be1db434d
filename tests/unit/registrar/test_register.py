"""The rules of RFC 3261 §10.3, one by one, as a phone meets them."""

from __future__ import annotations

import pytest

from appliance.sip.uri import AddressOfRecord
from tests.unit.registrar.phones import SOCKET, WALL, Desk, contacts_of, kinds_of

A, B, C = "sip:10@192.0.2.1", "sip:10@192.0.2.2", "sip:10@192.0.2.3"


def test_a_registration_of_the_document_of_2007() -> None:
    desk = Desk(profile="openser12")
    outcome = desk.register(
        "<sip:10@192.168.1.10>", cseq=101, Expires="150", User_Agent="Grandstream BT110 1.0.8.33"
    )
    assert (outcome.status, outcome.reason) == (200, "OK")
    assert list(outcome.headers) == ["Contact: <sip:10@192.168.1.10>;expires=150"]
    assert kinds_of(outcome) == [("added", "sip:10@192.168.1.10")]
    binding = desk.one()
    assert (binding.call_id, binding.cseq, binding.user_agent) == (
        "call-1",
        101,
        "Grandstream BT110 1.0.8.33",
    )
    assert (binding.deadline, binding.modified, binding.socket) == (1150.0, WALL, SOCKET)
    assert desk.store.rows == {binding.ruid: binding}


def test_the_answer_has_a_date() -> None:
    assert "Date: Sun, 22 Apr 2007 16:46:09 GMT" in Desk().register(f"<{A}>").headers


@pytest.mark.parametrize(
    ("contact", "expires", "granted"),
    [
        (f"<{A}>", None, 3600),
        (f"<{A}>", "150", 150),
        (f"<{A}>;expires=90", "150", 90),
        (f"<{A}>;expires=90", None, 90),
        (f"<{A}>", "nonsense", 3600),
        (f"<{A}>", "99999", 7200),
        (f"<{A}>;expires=4294967295", None, 7200),
        (f"<{A}>", "60", 60),
    ],
)
def test_how_long_a_contact_is_granted(contact: str, expires: str | None, granted: int) -> None:
    desk = Desk()
    outcome = desk.register(contact, **({} if expires is None else {"Expires": expires}))
    assert contacts_of(outcome) == [f"<{A}>;expires={granted}"]
    assert desk.bound() == {A: granted}


def test_without_a_limit_everybody_gets_what_he_asks_for() -> None:
    assert contacts_of(Desk(max_expires=0).register(f"<{A}>;expires=31536000")) == [f"<{A}>;expires=31536000"]


def test_a_time_that_is_too_short_is_refused_with_the_least() -> None:
    desk = Desk()
    outcome = desk.register(f"<{A}>;expires=600", f"<{B}>;expires=59")
    assert (outcome.status, outcome.reason, list(outcome.headers)) == (
        423,
        "Interval Too Brief",
        ["Min-Expires: 60"],
    )
    assert desk.bound() == {}
    assert desk.store.commits == []


def test_an_hour_is_never_too_short() -> None:
    assert contacts_of(Desk(min_expires=7200).register(f"<{A}>;expires=3600")) == [f"<{A}>;expires=3600"]
    assert list(Desk(min_expires=7200).register(f"<{A}>;expires=3599").headers) == ["Min-Expires: 3600"]


def test_openser_gives_the_least_instead() -> None:
    assert contacts_of(Desk(profile="openser12").register(f"<{A}>;expires=5")) == [f"<{A}>;expires=60"]


def test_several_contacts_with_their_preference() -> None:
    desk = Desk()
    outcome = desk.register(f"<{A}>;q=0.2, <{B}>;q=0.9;expires=60", f"<{C}>;q=0.5", Expires="600")
    assert contacts_of(outcome) == [
        f"<{B}>;q=0.9;expires=60",
        f"<{C}>;q=0.5;expires=600",
        f"<{A}>;q=0.2;expires=600",
    ]
    assert list(desk.bound()) == [B, C, A]
    # Another REGISTER says nothing of those that it does not name.
    outcome = desk.register(f"<{A}>;q=1", cseq=2)
    assert list(desk.bound()) == [A, B, C]
    assert kinds_of(outcome) == [("refreshed", A)]


def test_a_question_changes_nothing() -> None:
    desk = Desk()
    desk.register(f"<{A}>", Expires="600")
    desk.now += 100
    outcome = desk.register(cseq=1, call_id="another")
    assert (outcome.status, contacts_of(outcome), outcome.changes) == (200, [f"<{A}>;expires=500"], ())
    assert contacts_of(desk.register(aor=AddressOfRecord("nobody", "h"))) == []
    assert len(desk.store.commits) == 1


def test_a_refresh_lasts_from_now() -> None:
    desk = Desk()
    desk.register(f"<{A}>", Expires="600")
    first = desk.one()
    desk.now += 500
    outcome = desk.register(f"<{A}>", cseq=2, Expires="600", User_Agent="new")
    assert kinds_of(outcome) == [("refreshed", A)]
    second = desk.one()
    assert (second.ruid, second.cseq, second.user_agent) == (first.ruid, 2, "new")
    assert desk.bound() == {A: 600}
    assert desk.store.rows == {second.ruid: second}


def test_zero_takes_one_contact_away() -> None:
    desk = Desk()
    desk.register(f"<{A}>, <{B}>")
    outcome = desk.register(f"<{A}>;expires=0", cseq=2)
    assert kinds_of(outcome) == [("removed", A)]
    assert contacts_of(outcome) == [f"<{B}>;expires=3600"]
    outcome = desk.register(f"<{B}>", cseq=3, Expires="0")
    assert (contacts_of(outcome), desk.bound(), desk.store.rows) == ([], {}, {})


def test_taking_away_what_is_not_there_is_no_error() -> None:
    desk = Desk()
    outcome = desk.register(f"<{A}>;expires=0")
    assert (outcome.status, outcome.changes, desk.store.commits) == (200, [], [])


def test_the_wildcard_takes_all_away() -> None:
    desk = Desk()
    desk.register(f"<{A}>, <{B}>")
    desk.register(f"<{C}>", call_id="another phone", cseq=900)
    outcome = desk.register("*", cseq=2, Expires="0")
    assert sorted(kinds_of(outcome)) == [("removed", A), ("removed", B), ("removed", C)]
    assert (contacts_of(outcome), desk.bound(), desk.store.rows) == ([], {}, {})


@pytest.mark.parametrize(
    "contacts", [("*",), ("*", f"<{A}>"), (f"<{A}>", "nonsense"), (f"<{B}>;q=7",), (f"<{B}>, <",)]
)
def test_what_is_malformed_changes_nothing(contacts: tuple[str, ...]) -> None:
    desk = Desk()
    desk.register(f"<{A}>")
    outcome = desk.register(*contacts, cseq=2, Expires="600")
    assert outcome.status == 400
    assert outcome.reason != "Bad Request"
    assert list(desk.bound()) == [A]
    assert len(desk.store.commits) == 1
