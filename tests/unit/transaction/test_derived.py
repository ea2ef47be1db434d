"""The ACK and the CANCEL that are made from an INVITE: RFC 3261 §17.1.1.3 and §9.1."""

from __future__ import annotations

from appliance.sip.message import Request
from appliance.sip.parser import parse
from appliance.transaction.derived import ack_of, cancel_of
from tests.unit.transaction.messages import PHONE, PROXY, request, response

ROUTES = ("Route: <sip:192.0.2.30;lr>, <sip:192.0.2.31;lr>", "Route: <sip:192.0.2.32;lr>")


def sent_invite() -> Request:
    """An INVITE as the proxy has sent it, with the phone's Via below and more than its ACK may have."""
    headers = (
        f"Via: {PHONE};branch=z9hG4bKphone",
        "Record-Route: <sip:192.0.2.1;lr>",
        *ROUTES,
        "Require: 100rel",
        "Proxy-Require: foo",
        "Contact: <sip:10@192.0.2.10>",
        "Content-Type: application/sdp",
    )
    return request("INVITE", "z9hG4bKproxy", via=PROXY, uri="sip:11@192.0.2.20;line=1", headers=headers)


def test_the_ack_of_a_refusal_line_by_line() -> None:
    ack = ack_of(sent_invite(), response(486, to_tag="callee"))
    assert ack.encode().decode() == (
        "ACK sip:11@192.0.2.20;line=1 SIP/2.0\r\n"
        "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKproxy\r\n"
        "Route: <sip:192.0.2.30;lr>, <sip:192.0.2.31;lr>\r\n"
        "Route: <sip:192.0.2.32;lr>\r\n"
        "Max-Forwards: 70\r\n"
        "From: <sip:10@192.0.2.1>;tag=caller\r\n"
        "To: <sip:11@192.0.2.1>;tag=callee\r\n"
        "Call-ID: a84b4c76e66710\r\n"
        "CSeq: 314159 ACK\r\n"
        "Content-Length: 0\r\n\r\n"
    )


def test_the_cancel_line_by_line() -> None:
    cancel = cancel_of(sent_invite(), [("Reason", "SIP;cause=200")])
    assert cancel.encode().decode() == (
        "CANCEL sip:11@192.0.2.20;line=1 SIP/2.0\r\n"
        "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKproxy\r\n"
        "Route: <sip:192.0.2.30;lr>, <sip:192.0.2.31;lr>\r\n"
        "Route: <sip:192.0.2.32;lr>\r\n"
        "Max-Forwards: 70\r\n"
        "From: <sip:10@192.0.2.1>;tag=caller\r\n"
        "To: <sip:11@192.0.2.1>\r\n"
        "Call-ID: a84b4c76e66710\r\n"
        "CSeq: 314159 CANCEL\r\n"
        "Reason: SIP;cause=200\r\n"
        "Content-Length: 0\r\n\r\n"
    )


def test_only_the_topmost_via_even_when_one_line_holds_two() -> None:
    invite = request("INVITE", "z9hG4bKproxy, SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKphone", via=PROXY)
    for derived in (ack_of(invite, response(486)), cancel_of(invite)):
        assert derived.all("via") == ["SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKproxy"]


def test_bytes_that_are_no_utf_8_stay_as_they_are() -> None:
    text = request().encode().replace(b"From: ", b'From: "J\xfcrgen" ')
    invite = parse(text)
    assert isinstance(invite, Request)
    assert b'From: "J\xfcrgen" <sip:10@192.0.2.1>;tag=caller\r\n' in cancel_of(invite).encode()


def test_folds_and_compact_names_are_written_plainly() -> None:
    text = request().encode().replace(b"From: ", b"f:\r\n  ").replace(b"Call-ID:", b"i :")
    invite = parse(text)
    assert isinstance(invite, Request)
    lines = cancel_of(invite).encode().split(b"\r\n")
    assert b"From: <sip:10@192.0.2.1>;tag=caller" in lines
    assert b"Call-ID: a84b4c76e66710" in lines
