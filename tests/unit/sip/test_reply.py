from __future__ import annotations

import pytest

from appliance.sip.message import Request, Response
from appliance.sip.parser import parse
from appliance.sip.reply import REASONS, reply
from tests.unit.sip.samples import wire

_INVITE = wire("""
INVITE sip:11@192.0.2.1 SIP/2.0
v: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bK1, SIP/2.0/UDP 192.0.2.20
From:  Ümläut <sip:10@192.0.2.1>;tag=1
Via: SIP/2.0/TCP 192.0.2.30
Record-Route: <sip:192.0.2.10;lr>
To: <sip:11@192.0.2.1>
CSeq: 0100   INVITE
i:3357af1c
Timestamp: 54
Subject: not copied
""")


def invite(data: bytes = _INVITE) -> Request:
    request = parse(data)
    assert isinstance(request, Request)
    return request


def test_the_lines_of_the_request_come_back_as_they_are() -> None:
    assert reply(invite(), 404, to_tag="t1") == wire("""
SIP/2.0 404 Not Found
v: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bK1, SIP/2.0/UDP 192.0.2.20
From:  Ümläut <sip:10@192.0.2.1>;tag=1
Via: SIP/2.0/TCP 192.0.2.30
To: <sip:11@192.0.2.1>;tag=t1
CSeq: 0100   INVITE
i:3357af1c
Content-Length: 0
""")


def test_headers_and_body() -> None:
    data = reply(
        invite(), 200, "Fine", to_tag="t1", headers=["Contact: <sip:x>", "Server: sipbox"], body=b"v=0\r\n",
        content_type="application/sdp",
    )  # fmt: skip
    response = parse(data)
    assert isinstance(response, Response)
    assert (response.status, response.reason, response.body) == (200, "Fine", b"v=0\r\n")
    assert response.first("contact") == "<sip:x>"
    assert response.first("server") == "sipbox"
    assert response.first("content-type") == "application/sdp"
    assert response.content_length == 5


def test_a_trying_has_no_tag_and_the_timestamp() -> None:
    response = parse(reply(invite(), 100, to_tag="t1"))
    assert response.to_tag is None
    assert response.first("timestamp") == "54"
    assert not response.has("record-route")


@pytest.mark.parametrize(
    ("status", "method", "copied"),
    [
        (180, "INVITE", True),
        (200, "INVITE", True),
        (200, "SUBSCRIBE", True),
        (200, "BYE", False),
        (486, "INVITE", False),
    ],
)
def test_the_route_of_a_dialog(status: int, method: str, copied: bool) -> None:
    request = invite()
    request.method = method
    response = parse(reply(request, status, to_tag="t1"))
    assert response.has("record-route") is copied
    assert not response.has("timestamp")


@pytest.mark.parametrize(
    ("to", "expected"),
    [
        ("To: <sip:a@b>;tag=already", "To: <sip:a@b>;tag=already"),
        ("To: sip:a@b", "To: sip:a@b;tag=t1"),
        ('t: "x" <sip:a@b>;p=1 ', 't: "x" <sip:a@b>;p=1;tag=t1'),
        ("To: <sip:a@b>\r\n ;p=1", "To: <sip:a@b>\r\n ;p=1;tag=t1"),
        ("To: <sip:a@b;tag=inside>", "To: <sip:a@b;tag=inside>;tag=t1"),
    ],
)  # fmt: skip
def test_the_tag(to: str, expected: str) -> None:
    data = reply(invite(wire(f"OPTIONS sip:h SIP/2.0\n{to}")), 200, to_tag="t1")
    assert data.split(b"\r\n", 1)[1] == f"{expected}\r\nContent-Length: 0\r\n\r\n".encode()


def test_an_unreadable_to_stays_as_it_is() -> None:
    request = invite(wire('OPTIONS sip:h SIP/2.0\nTo: "x <sip:a@b>'))
    assert b'To: "x <sip:a@b>\r\n' in reply(request, 400, to_tag="t1")


def test_reasons() -> None:
    assert reply(invite(), 480).startswith(b"SIP/2.0 480 Temporarily Unavailable\r\n")
    assert reply(invite(), 100, "Trying to Register").startswith(b"SIP/2.0 100 Trying to Register\r\n")
    assert reply(invite(), 699).startswith(b"SIP/2.0 699 Unknown\r\n")
    assert all(100 <= status < 700 and reason for status, reason in REASONS.items())


def test_nobody_adds_headers_by_a_line_end() -> None:
    for arguments in (
        {"reason": "OK\r\nX: y"},
        {"headers": ["A: b\r\nX: y"]},
        {"content_type": "text/plain\nX: y"},
        {"to_tag": "t\r\nX: y"},
    ):
        with pytest.raises(ValueError, match="line end"):
            reply(invite(), 200, **arguments)  # type: ignore[arg-type]


def test_what_a_malformed_request_lacks_is_missing_in_the_reply() -> None:
    assert reply(invite(wire("OPTIONS sip:h SIP/2.0\nVia: SIP/2.0/UDP h")), 400, to_tag="t1") == wire("""
SIP/2.0 400 Bad Request
Via: SIP/2.0/UDP h
Content-Length: 0
""")
