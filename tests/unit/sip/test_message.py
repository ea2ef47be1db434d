from __future__ import annotations

import pytest

from appliance.errors import MalformedMessage
from appliance.sip.message import Request, Response
from appliance.sip.parser import parse
from tests.unit.sip.samples import INVITE, RINGING, SDP, wire


def request_of(data: bytes) -> Request:
    message = parse(data)
    assert isinstance(message, Request)
    return message


def with_vias(*vias: str) -> Request:
    return request_of(wire("\n".join(["OPTIONS sip:h SIP/2.0", *vias, "To: <sip:h>"])))


def test_an_invite() -> None:
    request = request_of(INVITE)
    assert (request.method, request.uri_text, request.uri.username) == ("INVITE", "sip:11@192.0.2.1", "11")
    assert request.via.branch == "z9hG4bKff1baf3cb8b845a2"
    assert (request.from_.display, request.from_tag) == ("Ten", "219e32bf2a2ec6f1")
    assert (request.to.uri_text, request.to_tag) == ("sip:11@192.0.2.1", None)
    assert request.call_id == "3357af1c8ac608cb@192.0.2.10"
    assert str(request.cseq) == "100 INVITE"
    assert (request.content_length, request.max_forwards) == (len(SDP), 70)
    assert request.body == SDP
    assert repr(request) == "<Request INVITE sip:11@192.0.2.1 SIP/2.0>"


def test_a_response() -> None:
    response = parse(RINGING)
    assert isinstance(response, Response)
    assert (response.status, response.reason, response.to_tag) == (180, "Ringing", "a6c85cf")
    assert response.via.sent_by == ("192.0.2.1", 5060)
    assert len(response.items("via")) == 2
    assert response.encode() == RINGING
    assert repr(response) == "<Response SIP/2.0 180 Ringing>"


@pytest.mark.parametrize("value", ["via", "from_", "to", "call_id", "cseq"])
def test_what_is_missing_is_named(value: str) -> None:
    request = Request("OPTIONS", "sip:h", [], [])
    with pytest.raises(MalformedMessage, match=r"no .* header"):
        getattr(request, value)
    assert request.content_length is None
    assert request.max_forwards is None


def test_an_empty_header_counts_as_missing() -> None:
    with pytest.raises(MalformedMessage, match="no Call-ID header"):
        _ = with_vias("Call-ID:  ").call_id


def test_the_top_via_of_a_list() -> None:
    assert with_vias("v: SIP/2.0/UDP a;branch=1 , SIP/2.0/UDP b", "v: SIP/2.0/UDP c").via.host == "a"
    assert with_vias("Via: , SIP/2.0/UDP a").via.host == "a"
    with pytest.raises(MalformedMessage):
        _ = with_vias("Via: ,").via


def test_changes_are_seen_at_once() -> None:
    request = request_of(INVITE)
    assert request.via.host == "192.0.2.10"
    request.prepend("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK0")
    assert request.via.host == "192.0.2.1"
    request.remove_first_item("via")
    assert request.via.host == "192.0.2.10"
    assert request.cseq.number == 100
    request.replace("cseq", "101 INVITE")
    assert request.cseq.number == 101
    assert request.to_tag is None
    request.replace("to", "<sip:11@192.0.2.1>;tag=x")
    assert request.to_tag == "x"
    assert request.from_tag is not None
    request.replace("from", "<sip:10@192.0.2.1>")
    assert request.from_tag is None
    assert request.call_id
    request.remove("call-id")
    with pytest.raises(MalformedMessage):
        _ = request.call_id
    request.uri_text = "sip:12@192.0.2.12"
    assert request.uri.username == "12"
    assert request.encode().startswith(b"INVITE sip:12@192.0.2.12 SIP/2.0\r\n")


@pytest.mark.parametrize("data", [INVITE, RINGING])
def test_a_copy_has_lines_of_its_own(data: bytes) -> None:
    message = parse(data)
    assert message.via.branch
    copy = message.copy()
    assert type(copy) is type(message)
    assert copy.encode() == data
    copy.prepend("Via", "SIP/2.0/UDP 192.0.2.99")
    copy.remove("call-id")
    assert message.encode() == data
    assert message.via.host != copy.via.host == "192.0.2.99"


def test_a_request_of_our_own() -> None:
    request = Request.create("OPTIONS", "sip:h", [("Via", "SIP/2.0/UDP h"), ("To", "<sip:h>")], b"abc")
    assert request.encode() == (
        b"OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nTo: <sip:h>\r\nContent-Length: 3\r\n\r\nabc"
    )


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        # Nothing asked for, nothing to say: RFC 3261 §18.2.1.
        ("Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z", "Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z"),
        ("Via: SIP/2.0/UDP pc.example;branch=z", "Via: SIP/2.0/UDP pc.example;branch=z;received=192.0.2.10"),
        ("V:SIP/2.0/UDP 10.0.0.1 ", "V:SIP/2.0/UDP 10.0.0.1;received=192.0.2.10"),
        # RFC 3581 §4: with rport the address is always told.
        (
            "Via: SIP/2.0/UDP 192.0.2.10:5060;rport;branch=z",
            "Via: SIP/2.0/UDP 192.0.2.10:5060;rport=1024;branch=z;received=192.0.2.10",
        ),
        (
            'Via: SIP/2.0/UDP 10.0.0.1; RPort ;x=";rport"',
            'Via: SIP/2.0/UDP 10.0.0.1;rport=1024;x=";rport";received=192.0.2.10',
        ),
        # What the sender claims is no more believed than what it writes as its host.
        (
            "Via: SIP/2.0/UDP 10.0.0.1;received=198.51.100.1;rport=9;branch=z",
            "Via: SIP/2.0/UDP 10.0.0.1;rport=1024;branch=z;received=192.0.2.10",
        ),
        ("Via: SIP/2.0/UDP 192.0.2.10;received=198.51.100.1", "Via: SIP/2.0/UDP 192.0.2.10"),
        # Only the topmost value of a line changes.
        (
            "Via: SIP/2.0/UDP 10.0.0.1;rport , SIP/2.0/UDP 10.0.0.2;rport",
            "Via: SIP/2.0/UDP 10.0.0.1;rport=1024;received=192.0.2.10, SIP/2.0/UDP 10.0.0.2;rport",
        ),
        (
            "Via: SIP/2.0/UDP 10.0.0.1\r\n ;rport\r\n ;branch=z",
            "Via: SIP/2.0/UDP 10.0.0.1\r\n ;rport=1024;branch=z;received=192.0.2.10",
        ),
    ],
)  # fmt: skip
def test_where_a_message_came_from(line: str, expected: str) -> None:
    request = with_vias(line, "Via: SIP/2.0/UDP 10.0.0.9;rport")
    request.set_top_via_params("192.0.2.10", 1024)
    assert request.lines[0] == expected
    assert request.lines[1:] == ["Via: SIP/2.0/UDP 10.0.0.9;rport", "To: <sip:h>"]
    if "rport" in expected.split(",", maxsplit=1)[0]:
        assert (request.via.rport, request.via.received) == (1024, "192.0.2.10")
    request.set_top_via_params("192.0.2.10", 1024)
    assert request.via.has_param("received") == ("received" in expected), "twice is no more than once"


def test_where_an_ipv6_message_came_from() -> None:
    request = with_vias("Via: SIP/2.0/UDP [2001:DB8::1]:5060;branch=z")
    request.set_top_via_params("2001:db8::1", 5060)
    assert request.lines[0] == "Via: SIP/2.0/UDP [2001:DB8::1]:5060;branch=z"
    request.set_top_via_params("2001:db8::2", 5060)
    assert request.via.received == "2001:db8::2"


@pytest.mark.parametrize(
    ("via", "then"),
    [
        ("SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1", ";branch=z9hG4bK1;received=192.0.2.10;rport=1024"),
        ("SIP/2.0/UDP 192.0.2.10;branch=z9hG4bK1", ";branch=z9hG4bK1;received=192.0.2.10;rport=1024"),
        (
            "SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK1 , SIP/2.0/UDP 10.0.0.2",
            ";branch=z9hG4bK1;received=192.0.2.10;rport=1024, SIP/2.0/UDP 10.0.0.2",
        ),
    ],
)
def test_rport_is_told_to_who_did_not_ask(via: str, then: str) -> None:
    """The source of the message, whether ``received`` stands there already or not."""
    request = Request.create("OPTIONS", "sip:h", [("Via", via)])
    request.set_top_via_params("192.0.2.10", 1024)
    request.force_rport("192.0.2.10", 1024)
    assert request.lines[0].endswith(then), request.lines[0]
    assert (request.via.received, request.via.rport) == ("192.0.2.10", 1024)
