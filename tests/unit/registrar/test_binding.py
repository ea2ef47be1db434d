"""A binding's name, its methods, and the time it has left."""

from __future__ import annotations

import pytest

from appliance.errors import BadUri
from appliance.registrar.binding import PERMANENT, Binding, methods_in, ruid_of
from appliance.sip.hop import Hop
from appliance.sip.uri import AddressOfRecord

TEN = AddressOfRecord("10", "example.org")
URN = "<urn:uuid:00000000-0000-1000-8000-000A95A0E128>"


def binding(**fields: object) -> Binding:
    return Binding(TEN, "sip:10@192.0.2.1", fields.pop("deadline", 100.0), "call", 1, **fields)


def test_the_name_is_the_same_for_contacts_that_differ_in_writing_only() -> None:
    assert ruid_of(TEN, "sip:10@HOST.example;transport=UDP") == ruid_of(
        TEN, "sip:%310@host.example;Transport=udp"
    )


@pytest.mark.parametrize(
    "other",
    [
        (AddressOfRecord("11", "example.org"), "sip:10@192.0.2.1"),
        (AddressOfRecord("10", "example.net"), "sip:10@192.0.2.1"),
        (TEN, "sip:10@192.0.2.1:5060"),
        (TEN, "sip:10@192.0.2.2"),
        (TEN, "sips:10@192.0.2.1"),
        (TEN, "sip:10@192.0.2.1;transport=tcp"),
        (TEN, "sip:10@192.0.2.1", URN, 1),
    ],
)
def test_the_name_is_another_for_another_user_contact_or_flow(other: tuple[object, ...]) -> None:
    assert ruid_of(*other) != ruid_of(TEN, "sip:10@192.0.2.1")


def test_a_flow_keeps_its_name_when_its_contact_changes() -> None:
    first = ruid_of(TEN, "sip:10@192.0.2.1:5060", URN, 1)
    assert ruid_of(TEN, "sip:10@198.51.100.7:1024", URN, 1) == first
    assert ruid_of(TEN, "sip:10@192.0.2.1:5060", URN, 2) != first
    # Without a reg-id the instance does not make a flow (RFC 5626 §6).
    assert ruid_of(TEN, "sip:10@192.0.2.1:5060", URN) == ruid_of(TEN, "sip:10@192.0.2.1:5060")


def test_a_contact_that_is_no_uri_has_no_name() -> None:
    with pytest.raises(BadUri):
        ruid_of(TEN, "nonsense")


def test_methods_are_the_bits_of_the_column() -> None:
    assert methods_in("INVITE, ACK,CANCEL ,bye") == 15
    assert methods_in("PUBLISH,X-OTHER,,") == 8192
    assert methods_in("") == 0


@pytest.mark.parametrize(
    ("deadline", "left"), [(100.0, 100), (60.4, 60), (60.6, 61), (0.2, 1), (PERMANENT, 2**32 - 1)]
)
def test_the_seconds_that_are_left(deadline: float, left: int) -> None:
    assert binding(deadline=deadline).expires_in(0.0) == left


def test_a_phone_that_says_no_preference_is_preferred() -> None:
    assert binding().preference == 1.0
    assert binding(q=0.0).preference == 0.0


@pytest.mark.parametrize(
    ("fields", "transport"),
    [
        ({}, "udp"),
        ({"socket": "tcp:192.0.2.9:5060"}, "tcp"),
        ({"hop": Hop("tcp", "192.0.2.1", 1024)}, "tcp"),
        ({"hop": Hop("udp", "192.0.2.1", 1024), "socket": "udp:192.0.2.9:5060"}, "udp"),
    ],
)
def test_the_transport_is_the_one_it_came_by(fields: dict[str, object], transport: str) -> None:
    assert binding(**fields).transport == transport


@pytest.mark.parametrize(
    ("fields", "source"),
    [
        ({}, "192.0.2.1"),
        ({"hop": Hop("udp", "198.51.100.7", 40000, 0)}, "198.51.100.7"),
        # Its flow is another node's, or was one before a restart.
        ({"received": "sip:198.51.100.7:40000"}, "198.51.100.7"),
        ({"received": "sip:[2001:db8::7]:40000;transport=tls;flow=a1"}, "2001:db8::7"),
    ],
)
def test_where_a_phone_sends_from(fields: dict[str, object], source: str) -> None:
    assert binding(**fields).source == source
