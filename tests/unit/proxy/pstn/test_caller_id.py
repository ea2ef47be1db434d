from __future__ import annotations

import pytest

from appliance.proxy.pstn.caller_id import assert_identity, take_out_claims
from appliance.sip.message import Request


def request(*headers: tuple[str, str]) -> Request:
    return Request.create("INVITE", "sip:089@a.org", headers)


def test_claims_are_taken_out_all_of_them() -> None:
    one = request(
        ("P-Asserted-Identity", "<sip:boss@a.org>"),
        ("p-asserted-identity", "<tel:+49>"),
        ("P-Preferred-Identity", "<sip:boss@a.org>"),
        ("Remote-Party-ID", "<sip:boss@a.org>;screen=yes"),
        ("Subject", "x"),
    )
    take_out_claims(one)
    assert [line.partition(":")[0] for line in one.lines] == ["Subject", "Content-Length"]


@pytest.mark.parametrize(
    ("identity", "uri"),
    [
        ("+4989123", "sip:+4989123@a.org"),
        ("desk@b.org", "sip:desk@b.org"),
        ("sip:desk@b.org", "sip:desk@b.org"),
        ("tel:+4989123", "tel:+4989123"),
        ('"Desk" <sip:desk@b.org>', "sip:desk@b.org"),
    ],
)
def test_who_is_calling(identity: str, uri: str) -> None:
    one = request()
    assert_identity(one, identity, "a.org", "both")
    assert one.first("p-asserted-identity") == f"<{uri}>"
    assert one.first("remote-party-id") == f"<{uri}>;party=calling;id-type=subscriber;screen=yes"


@pytest.mark.parametrize(
    ("form", "headers"),
    [("pai", ["P-Asserted-Identity"]), ("rpid", ["Remote-Party-ID"]), ("none", [])],
)
def test_one_header_or_none(form: str, headers: list[str]) -> None:
    one = request()
    assert_identity(one, "+49", "a.org", form)
    assert [line.partition(":")[0] for line in one.lines] == ["Content-Length", *headers]


@pytest.mark.parametrize("identity", ["", "  ", "<>", "a b", 'x"y'])
def test_what_is_no_identity_is_not_told(identity: str) -> None:
    one = request()
    assert_identity(one, identity, "a.org", "both")
    assert len(one.lines) == 1


def test_who_wants_privacy_is_marked_so() -> None:
    one = request(("Privacy", "id"))
    assert_identity(one, "+49", "a.org", "both")
    assert (one.first("remote-party-id") or "").endswith(";privacy=full")
