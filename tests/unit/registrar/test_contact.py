"""Contact values: everything that phones write, and everything that is refused before anything changes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import MalformedMessage
from appliance.registrar.contact import (
    WILDCARD,
    Contact,
    read_contact,
    read_contacts,
    read_expires,
    read_path,
)
from appliance.sip.message import Request

URN = "<urn:uuid:00000000-0000-1000-8000-000A95A0E128>"


def register(*headers: tuple[str, str]) -> Request:
    return Request.create("REGISTER", "sip:example.org", headers)


@pytest.mark.parametrize(
    ("value", "contact"),
    [
        ("<sip:10@192.0.2.1>", Contact("sip:10@192.0.2.1")),
        ("sip:10@192.0.2.1", Contact("sip:10@192.0.2.1")),
        ('"Ten, the first" <sip:10@192.0.2.1:5062>', Contact("sip:10@192.0.2.1:5062")),
        ("<sip:10@h;transport=tcp>;expires=120", Contact("sip:10@h;transport=tcp", 120)),
        # Without brackets the parameters are the header's (RFC 3261 §20.10).
        ("sip:10@h;expires=120", Contact("sip:10@h", 120)),
        ("<sip:10@h>;q=0.7;EXPIRES=0", Contact("sip:10@h", 0, 0.7)),
        ("<sip:10@h>;q=1", Contact("sip:10@h", None, 1.0)),
        ("<sip:10@h>;q=1.000", Contact("sip:10@h", None, 1.0)),
        ("<sip:10@h>;q=.5", Contact("sip:10@h", None, 0.5)),
        ("<sip:10@h>;q=0.", Contact("sip:10@h", None, 0.0)),
        ("<sip:10@h>;q=0.33333", Contact("sip:10@h", None, 0.333)),
        ("<sips:10@[2001:db8::1]:5061>", Contact("sips:10@[2001:db8::1]:5061")),
        (f'<sip:10@h>;+sip.instance="{URN}";reg-id=1', Contact("sip:10@h", None, None, URN, 1)),
        (f'<sip:10@h>;+sip.instance="{URN}"', Contact("sip:10@h", None, None, URN)),
        ("<sip:10@h>;reg-id=1", Contact("sip:10@h")),
        (f'<sip:10@h>;+sip.instance="{URN}";reg-id=0', Contact("sip:10@h", None, None, URN)),
        (f'<sip:10@h>;+sip.instance="{URN}";reg-id=x', Contact("sip:10@h", None, None, URN)),
        # §20.10: what cannot be read counts as an hour, what is too large as the largest.
        ("<sip:10@h>;expires=soon", Contact("sip:10@h", 3600)),
        ("<sip:10@h>;expires=-1", Contact("sip:10@h", 3600)),
        ("<sip:10@h>;expires", Contact("sip:10@h", 3600)),
        ('<sip:10@h>;expires="60"', Contact("sip:10@h", 60)),
        ("<sip:10@h>;expires=4294967296", Contact("sip:10@h", 4294967295)),
        ("<sip:10@h>;expires=" + "9" * 5000, Contact("sip:10@h", 4294967295)),
    ],
)
def test_a_contact_is_read(value: str, contact: Contact) -> None:
    assert read_contact(value) == contact


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("", "Bad Contact"),
        ("<>", "Bad Contact"),
        ("<sip:>", "Bad Contact"),
        ("<sip:10@>", "Bad Contact"),
        ("<sip:10@h", "Bad Contact"),
        ('"Ten <sip:10@h>', "Bad Contact"),
        ("<sip:10@h ost>", "Bad Contact"),
        ("<sip:10@h:99999>", "Bad Contact"),
        ("<sip:1%g0@h>", "Bad Contact"),
        ("<nonsense>", "Bad Contact"),
        ("<*>", "Bad Contact"),
        ("*;expires=0", "Bad Contact"),
        ("<tel:+431234>", "Contact Is Not a SIP URI"),
        ("<mailto:10@h>", "Contact Is Not a SIP URI"),
        ("<sip:10@h>;q=1.1", "Bad q Value in Contact"),
        ("<sip:10@h>;q=-0.1", "Bad q Value in Contact"),
        ("<sip:10@h>;q=high", "Bad q Value in Contact"),
        ("<sip:10@h>;q", "Bad q Value in Contact"),
        ("<sip:10@h;x=" + "y" * 2048 + ">", "Contact Too Long"),
        ('<sip:10@h>;+sip.instance="<' + "u" * 255 + '>"', "Instance ID Too Long"),
    ],
)
def test_a_contact_is_refused_with_its_reason(value: str, reason: str) -> None:
    with pytest.raises(MalformedMessage) as error:
        read_contact(value)
    assert error.value.reason == reason


def test_several_contacts_in_one_line_and_in_several() -> None:
    request = register(("Contact", '"a, b" <sip:1@h>;q=0.1, sip:2@h'), ("m", "<sip:3@h>"))
    assert [contact.uri for contact in read_contacts(request)] == ["sip:1@h", "sip:2@h", "sip:3@h"]


def test_no_contact_only_asks() -> None:
    assert read_contacts(register()) == []
    assert read_contacts(register(("Contact", ""))) == []


def test_the_wildcard_stands_alone_with_expires_0() -> None:
    assert read_contacts(register(("Contact", "*"), ("Expires", "0"))) == [WILDCARD]
    assert read_contacts(register(("Contact", " * "), ("Expires", "00"))) == [WILDCARD]


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ([("Contact", "*")], "Contact * Needs Expires 0"),
        ([("Contact", "*"), ("Expires", "3600")], "Contact * Needs Expires 0"),
        ([("Contact", "*"), ("Expires", "never")], "Contact * Needs Expires 0"),
        ([("Contact", "*, <sip:1@h>"), ("Expires", "0")], "Contact * Must Stand Alone"),
        ([("Contact", "*"), ("Contact", "*"), ("Expires", "0")], "Contact * Must Stand Alone"),
        ([("Contact", "<sip:1@h>"), ("m", "*"), ("Expires", "0")], "Contact * Must Stand Alone"),
    ],
)
def test_a_wildcard_that_means_nothing_is_refused(headers: list[tuple[str, str]], reason: str) -> None:
    with pytest.raises(MalformedMessage) as error:
        read_contacts(register(*headers))
    assert error.value.reason == reason


@pytest.mark.parametrize(
    ("text", "seconds"), [("0", 0), ("150", 150), ("", 3600), ("soon", 3600), ("1.5", 3600), ("²", 3600)]
)
def test_the_expires_header(text: str, seconds: int) -> None:
    assert read_expires(register(("Expires", text))) == seconds


def test_no_expires_header_says_nothing() -> None:
    assert read_expires(register()) is None


def test_the_path_is_the_way_back_topmost_first() -> None:
    assert read_path(register()) is None
    request = register(("Path", "<sip:p1;lr>, <sip:p2;lr>"), ("Path", "<sip:p3;lr;x=1>"))
    assert read_path(request) == "<sip:p1;lr>, <sip:p2;lr>, <sip:p3;lr;x=1>"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("<sip:p", "Bad Path"),
        ("<p>", "Bad Path"),
        ("<sip:192.0.2.2:5060;lr;nb=abc>", "Bad Path"),
        ("<sip:proxy.example;lr>, <sip:192.0.2.2:5060;lr;nb=abc>", "Bad Path"),
        (", ".join(["<sip:proxy.example;lr>"] * 100), "Path Too Long"),
    ],
)
def test_a_path_that_leads_nowhere_is_refused(value: str, reason: str) -> None:
    with pytest.raises(MalformedMessage) as error:
        read_path(register(("Path", value)))
    assert error.value.reason == reason


@given(st.text(max_size=60) | st.text('<>";,=sip:@*q.expires0159 ', max_size=60))
def test_whatever_is_sent_is_read_or_refused(value: str) -> None:
    try:
        contact = read_contact(value)
    except MalformedMessage as error:
        assert error.reason
    else:
        assert contact.uri
        assert contact.q is None or 0 <= contact.q <= 1
        assert contact.expires is None or 0 <= contact.expires < 2**32
