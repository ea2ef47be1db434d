"""Session descriptions: found in a message, looked into, replaced; all else stays byte for byte."""

from __future__ import annotations

import pytest

from appliance.sip.parser import parse
from appliance.sip.sdp import find_description, replace_description, with_addresses

SDP = (
    b"v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=c=IN IP4 9.9.9.9\r\nc=IN IP4 10.0.0.1\r\nt=0 0\r\n"
    b"m=audio 4000 RTP/AVP 0\r\na=rtcp:4001 IN IP4 10.0.0.1\r\n"
    b"m=video 4002 RTP/AVP 99\r\nc=IN IP4 10.0.0.2/127\r\n"
)
PLACE = b"\r\n".join(
    [
        b"preamble", b"--x", b"Content-Type: application/pidf+xml", b"", b"<xml/>", b"--x",
        b"content-type : Application/SDP;a=b", b"Content-Disposition: session", b"", SDP, b"--x--", b"",
    ]
)  # fmt: skip


def message(body: bytes, *lines: str, length: bool = True):  # type: ignore[no-untyped-def]
    head = [
        "INVITE sip:11@example.org SIP/2.0", "Via: SIP/2.0/UDP h;branch=z9hG4bK1", "From: <sip:a@h>;tag=1",
        "To: <sip:b@h>", "Call-ID: c", "CSeq: 1 INVITE", *lines,
    ]  # fmt: skip
    if length:
        head.append(f"Content-Length: {len(body)}")
    return parse("\r\n".join([*head, "", ""]).encode() + body)


@pytest.mark.parametrize(
    "line",
    ["Content-Type: application/sdp", "c: Application/SDP ", 'Content-Type: application/sdp;x="a;b"'],
)
def test_a_body_that_is_one(line: str) -> None:
    found = find_description(message(SDP, line))
    assert found == (SDP, 0, len(SDP))


@pytest.mark.parametrize(
    "line", ["Content-Type: multipart/mixed;boundary=x", 'Content-Type: Multipart/Related; Boundary="x"']
)
def test_one_part_of_a_body(line: str) -> None:
    invite = message(PLACE, line)
    found = find_description(invite)
    assert found is not None
    assert found.data == SDP
    replace_description(invite, found, b"v=1\r\n")
    assert invite.body == PLACE.replace(SDP, b"v=1\r\n")
    assert invite.content_length == len(invite.body)


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        (b"", ("Content-Type: application/sdp",)),
        (SDP, ()),
        (SDP, ("Content-Type: text/plain",)),
        (SDP, ("Content-Type: application/sdp", "Content-Encoding: gzip")),
        (SDP, ('Content-Type: application/sdp;x="',)),
        (PLACE, ("Content-Type: multipart/mixed",)),
        (PLACE, ("Content-Type: multipart/mixed;boundary=y",)),
        (PLACE[: PLACE.index(b"\r\n--x--")], ("Content-Type: multipart/mixed;boundary=x",)),
        (b"--x", ("Content-Type: multipart/mixed;boundary=x",)),
        (b"--x\r\n" * 2000, ("Content-Type: multipart/mixed;boundary=x",)),
    ],
)
def test_none_that_could_be_read(body: bytes, lines: tuple[str, ...]) -> None:
    invite = message(body, *lines)
    assert find_description(invite) is None
    assert invite.body == body


def test_a_body_without_a_length_gets_none() -> None:
    invite = message(SDP, "Content-Type: application/sdp", length=False)
    found = find_description(invite)
    assert found is not None
    replace_description(invite, found, b"v=0\r\n")
    assert invite.content_length is None
    assert invite.encode().endswith(b"\r\n\r\nv=0\r\n")


def test_the_length_is_set_right_and_all_else_stays() -> None:
    invite = message(SDP, "X-Odd:  as it came", "c:application/sdp")
    before = invite.encode()
    found = find_description(invite)
    assert found is not None
    replace_description(invite, found, b"v=0\r\n")
    assert invite.encode() == before.replace(SDP, b"v=0\r\n").replace(
        b"Content-Length: %d" % len(SDP), b"Content-Length: 5"
    )


def test_other_addresses_in_the_lines_that_have_some() -> None:
    outside = {"10.0.0.1": "203.0.113.9"}
    swapped = with_addresses(SDP, lambda address: outside.get(address, address))
    assert swapped.count(b"203.0.113.9") == 3
    assert b"c=IN IP4 10.0.0.2/127\r\n" in swapped
    assert b"s=c=IN IP4 9.9.9.9\r\n" in swapped
    assert swapped.replace(b"203.0.113.9", b"10.0.0.1") == SDP


@pytest.mark.parametrize(
    "line",
    [
        b"c=IN IP4 ADDRESS", b"C=in ip4 ADDRESS", b"c=IN  IP4\t ADDRESS", b"c= IN IP4 ADDRESS",
        b"c=IN IP4 ADDRESS/1", b"c=IN IP6 ADDRESS", b"o=a b c IN IP4 ADDRESS", b"a=rtcp:1  IN IP4 ADDRESS",
        b"A=RTCP:1 IN IP4 ADDRESS",
    ],
)  # fmt: skip
@pytest.mark.parametrize("end", [b"\r\n", b"\n", b""])
def test_however_the_line_is_written(line: bytes, end: bytes) -> None:
    written = b"v=0\n" + line + end
    assert with_addresses(written, lambda _: "other") == written.replace(b"ADDRESS", b"other")


def test_a_long_line_takes_no_time() -> None:
    awkward = b"o=" + b" IN IP4" * 60_000
    assert with_addresses(awkward, lambda address: address) == awkward
