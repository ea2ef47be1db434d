"""Whose name it is: To and From beside the credentials; and which credentials are taken out of a request."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from appliance.auth.nonce import NonceSource
from appliance.proxy.authentication import Authenticator, Verified
from appliance.sip.parser import parse

REALMS = {"example.org": "example.org", "192.0.2.15": "example.org", "example.net": "Second Realm"}
NAMES = {"192.0.2.15": "example.org"}


class Row(NamedTuple):
    username: str = "10"
    domain: str = ""
    ha1: str = ""
    ha1b: str | None = None


class Nobody:
    """No subscriber is needed here."""

    def find(self, username: str, domain: str, realm: str) -> Row | None:
        raise AssertionError

    refetch = find


def guard(*, case_sensitive: bool = True, realms: bool = True) -> Authenticator:
    return Authenticator(
        NonceSource(b"k" * 32, 300, 1, 1, 1000),
        Nobody(),
        REALMS.get,
        case_sensitive=case_sensitive,
        canonical=lambda domain: NAMES.get(domain, domain),
        realms=(lambda: set(REALMS.values())) if realms else None,
    )


def request(
    *lines: str, from_: str = "<sip:10@example.org>;tag=1", to: str = "<sip:11@example.org>"
) -> object:
    head = [
        "INVITE sip:11@example.org SIP/2.0",
        f"From: {from_}",
        f"To: {to}",
        *lines,
        "Content-Length: 0",
        "",
        "",
    ]
    return parse("\r\n".join(head).encode())


@pytest.mark.parametrize(
    ("address", "same"),
    [
        ("<sip:10@example.org>", True),
        ('"Somebody else" <sip:10@example.org>;tag=x', True),
        ("sip:10@example.org", True),
        ("<sip:10@EXAMPLE.ORG:5060;transport=tcp>", True),
        ("<sip:%310@example.org>", True),
        ("<sips:10@example.org>", True),
        ("<sip:10@192.0.2.15>", True),  # another name of the same domain
        ("<sip:11@example.org>", False),
        ("<sip:10@example.net>", False),
        ("<sip:example.org>", False),
        ("<sip:10%00@example.org>", False),
        ("<sip:1O@example.org>", False),
    ],
)
def test_to_and_from_must_name_the_user_of_the_credentials(address: str, same: bool) -> None:
    verified = Verified(Row(), "10", "example.org", "example.org")
    assert guard().check_to(request(to=address), verified) is same
    assert guard().check_from(request(from_=address), verified) is same


def test_the_spelling_of_a_name_matters_unless_told_otherwise() -> None:
    message = request(to="<sip:Alice@example.org>")
    verified = Verified(Row("alice"), "alice", "example.org", "example.org")
    assert not guard().check_to(message, verified)
    assert guard(case_sensitive=False).check_to(message, verified)


OURS = 'Proxy-Authorization: Digest username="10", realm="example.org", nonce="n", uri="sip:h", response="r"'
SECOND = 'proxy-authorization :  Digest realm="Second Realm",username="10"'
FOREIGN = 'Proxy-Authorization: Digest realm="elsewhere.example",\r\n  username="10"'
UNREADABLE = 'Proxy-Authorization: Digest realm="example.org'
WWW = 'Authorization: Digest username="10", realm="example.org", nonce="n", uri="sip:h", response="r"'
WWW_FOREIGN = "Authorization: Basic MTA6YWJj"


def test_exactly_the_credentials_for_our_realms_are_consumed() -> None:
    message = request("Via: a", OURS, FOREIGN, "X-One: 1", SECOND, UNREADABLE, WWW, WWW_FOREIGN, "X-Two: 2")
    guard().consume_credentials(message)
    lines = message.encode().decode().split("\r\n")
    assert lines[3:] == [
        "Via: a",
        *FOREIGN.split("\r\n"),
        "X-One: 1",
        UNREADABLE,
        WWW_FOREIGN,
        "X-Two: 2",
        "Content-Length: 0",
        "",
        "",
    ]
    assert message.keys.count("proxy-authorization") == 2


def test_without_a_list_of_realms_it_is_those_of_caller_and_callee() -> None:
    message = request(OURS, SECOND, FOREIGN, to="<sip:11@example.net>")
    guard(realms=False).consume_credentials(message)
    assert message.all("proxy-authorization") == ['Digest realm="elsewhere.example", username="10"']


def test_a_request_without_credentials_stays_as_it_is() -> None:
    message = request("X-One: 1")
    before = message.encode()
    guard().consume_credentials(message)
    assert message.encode() == before
