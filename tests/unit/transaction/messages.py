"""The messages of these tests: a phone at 192.0.2.10, a proxy at 192.0.2.1, a phone at 192.0.2.20."""

from __future__ import annotations

from appliance.sip.hop import Hop
from appliance.sip.message import Request, Response
from appliance.sip.parser import parse

UDP = Hop("udp", "192.0.2.10", 5060)
TCP = Hop("tcp", "192.0.2.10", 5060, connection=7)

PHONE = "SIP/2.0/UDP 192.0.2.10:5060"
PROXY = "SIP/2.0/UDP 192.0.2.1:5060"


def request(
    method: str = "INVITE",
    branch: str | None = "z9hG4bKphone",
    *,
    uri: str = "sip:11@192.0.2.1",
    via: str = PHONE,
    from_tag: str | None = "caller",
    to_tag: str | None = None,
    call_id: str = "a84b4c76e66710",
    cseq: int = 314159,
    headers: tuple[str, ...] = (),
) -> Request:
    """A request as the phone sends it; with another ``via``, as the proxy sends it on."""
    lines = [
        f"{method} {uri} SIP/2.0",
        f"Via: {via}" + ("" if branch is None else f";branch={branch}"),
        *headers,
        "Max-Forwards: 70",
        "From: <sip:10@192.0.2.1>" + ("" if from_tag is None else f";tag={from_tag}"),
        "To: <sip:11@192.0.2.1>" + ("" if to_tag is None else f";tag={to_tag}"),
        f"Call-ID: {call_id}",
        f"CSeq: {cseq} {method}",
        "Content-Length: 0",
    ]
    message = parse("\r\n".join([*lines, "", ""]).encode())
    assert isinstance(message, Request)
    return message


def response(
    status: int,
    method: str = "INVITE",
    branch: str = "z9hG4bKproxy",
    *,
    to_tag: str | None = "callee",
    via: str = PROXY,
    cseq: int = 314159,
) -> Response:
    """A response to what the proxy sent."""
    lines = [
        f"SIP/2.0 {status} Whatever",
        f"Via: {via};branch={branch}",
        f"Via: {PHONE};branch=z9hG4bKphone",
        "From: <sip:10@192.0.2.1>;tag=caller",
        "To: <sip:11@192.0.2.1>" + ("" if to_tag is None else f";tag={to_tag}"),
        "Call-ID: a84b4c76e66710",
        f"CSeq: {cseq} {method}",
        "Content-Length: 0",
    ]
    message = parse("\r\n".join([*lines, "", ""]).encode())
    assert isinstance(message, Response)
    return message


def answer(status: int, to_tag: str = "callee") -> bytes:
    """The bytes of a response to the phone."""
    return (
        f"SIP/2.0 {status} Whatever\r\nVia: {PHONE};branch=z9hG4bKphone\r\n"
        f"From: <sip:10@192.0.2.1>;tag=caller\r\nTo: <sip:11@192.0.2.1>;tag={to_tag}\r\n"
        "Call-ID: a84b4c76e66710\r\nCSeq: 314159 INVITE\r\nContent-Length: 0\r\n\r\n"
    ).encode()
