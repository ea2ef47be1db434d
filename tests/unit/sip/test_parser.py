from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import MalformedMessage, MessageTooLarge, SipError, UnsupportedVersion, UriTooLong
from appliance.sip.header_lines import HeaderLines
from appliance.sip.message import DEFAULT_LIMITS, Limits, Message, Request, Response
from appliance.sip.names import LIST_HEADERS
from appliance.sip.parser import _parse_unusual, check_mandatory, parse
from appliance.sip.reply import reply
from tests.unit.sip.samples import INVITE, REGISTER, RINGING, wire

_HEAD = "Via: SIP/2.0/UDP h;branch=z\nFrom: <sip:a@h>;tag=1\nTo: <sip:b@h>\nCall-ID: c\nCSeq: 1 OPTIONS"


def options(*headers: str, start: str = "OPTIONS sip:h SIP/2.0", body: bytes = b"") -> bytes:
    return wire("\n".join([start, _HEAD, *headers]), body)


@pytest.mark.parametrize("data", [REGISTER, INVITE, RINGING])
def test_what_is_not_touched_leaves_as_it_came(data: bytes) -> None:
    message = parse(data)
    check_mandatory(message)
    assert message.encode() == data


@pytest.mark.parametrize(
    ("start", "method", "uri"),
    [
        ("INVITE sip:h SIP/2.0", "INVITE", "sip:h"),
        ("X-odd.method! tel:1 SIP/2.0", "X-odd.method!", "tel:1"),
        ("invite sip:h sip/2.0", "invite", "sip:h"),
        ("OPTIONS * SIP/2.0", "OPTIONS", "*"),
    ],
)
def test_request_lines(start: str, method: str, uri: str) -> None:
    request = parse(options(start=start))
    assert isinstance(request, Request)
    assert (request.method, request.uri_text) == (method, uri)
    assert request.start_line == f"{method} {uri} SIP/2.0"


@pytest.mark.parametrize(
    ("start", "status", "reason"),
    [
        ("SIP/2.0 200 OK", 200, "OK"),
        ("SIP/2.0 404 Not  Found ", 404, "Not  Found "),
        ("SIP/2.0 200 ", 200, ""),
        ("SIP/2.0 200", 200, ""),
        ("sip/2.0 699 = 2**3 * 5**2 но сто девяносто девять", 699, "= 2**3 * 5**2 но сто девяносто девять"),
    ],
)
def test_status_lines(start: str, status: int, reason: str) -> None:
    response = parse(options(start=start))
    assert isinstance(response, Response)
    assert (response.status, response.reason) == (status, reason)


@pytest.mark.parametrize(
    "start",
    [
        "INVITE",
        "INVITE sip:h",
        "INVITE  sip:h SIP/2.0",
        "INVITE sip:h  SIP/2.0",
        "INVITE sip:h SIP/2.0 ",
        "INVITE sip:h; lr SIP/2.0",
        "IN,VITE sip:h SIP/2.0",
        " INVITE sip:h SIP/2.0",
        "GET / HTTP/1.1",
        "SIP/2.0 20 OK",
        "SIP/2.0 2000 OK",
        "SIP/2.0 099 OK",
        "SIP/2.0 700 OK",
        "SIP/2.0 ٢٠٠ OK",
        "SIP/2.0  200 OK",
        "SIP/2.0",
    ],
)
def test_no_start_line(start: str) -> None:
    with pytest.raises(MalformedMessage) as caught:
        parse(options(start=start))
    assert caught.value.status == 400


@pytest.mark.parametrize("version", ["SIP/7.0", "SIP/2.1", "sip/1.0", "SIP/99.99"])
def test_other_versions(version: str) -> None:
    with pytest.raises(UnsupportedVersion) as caught:
        parse(options(start=f"OPTIONS sip:h {version}"))
    assert caught.value.status == 505
    assert isinstance(caught.value.partial, Request)
    assert b"Call-ID: c\r\n" in reply(caught.value.partial, caught.value.status)
    with pytest.raises(UnsupportedVersion):
        parse(options(start=f"{version} 200 OK"))


def test_empty_lines_in_front() -> None:
    assert parse(b"\r\n\r\n\n" + INVITE).encode() == INVITE


@pytest.mark.parametrize("data", [b"", b"\r\n", b"\r\n\r\n\r\n", b"\x00\x00\x00\x00", b"jaK"])
def test_nothing_at_all(data: bytes) -> None:
    with pytest.raises(MalformedMessage):
        parse(data)


def test_bare_line_feeds_leave_as_they_should_have_come() -> None:
    head, _, body = INVITE.partition(b"\r\n\r\n")
    for some in (1, 2, 5, 100):
        assert parse(head.replace(b"\r\n", b"\n", some) + b"\r\n\r\n" + body).encode() == INVITE
    assert parse(head.replace(b"\r\n", b"\n") + b"\n\n" + body).encode() == INVITE


def test_line_ends_of_both_kinds_about_the_empty_line() -> None:
    head, _, body = INVITE.partition(b"\r\n\r\n")
    for end in (b"\n\n", b"\r\n\n", b"\n\r\n"):
        assert parse(head + end + body).encode() == INVITE
    # An empty line of line feeds comes first, though the body holds the usual one.
    assert parse(b"OPTIONS sip:h SIP/2.0\nTo: a\n\nX: y\r\n\r\nz").body == b"X: y\r\n\r\nz"


def test_folds_are_read_as_blanks_and_kept() -> None:
    data = options("Subject: a\r\n b\r\n\tc", "Contact:\r\n <sip:x>\r\n , <sip:y>")
    message = parse(data)
    assert message.first("subject") == "a b c"
    assert message.items("contact") == ["<sip:x>", "<sip:y>"]
    assert message.encode() == data
    assert parse(data.replace(b"\r\n", b"\n")).encode() == data


def test_bytes_that_are_no_utf8_pass_through() -> None:
    data = options("Subject: \udcff\udcfe", "X-Latin: caf\udce9", body=b"\xff\x00\xfe")
    message = parse(data)
    assert message.encode() == data
    assert message.first("x-latin") == "caf\udce9"


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("no colon at all", "colon"),
        (": no name", "name"),
        ("two words: x", "name"),
        ("Naïve: x", "name"),
        ("X: a\rY: b", "carriage return"),
        ("X: a\r\r\n b", "carriage return"),
    ],
)
def test_lines_that_are_no_header(line: str, complaint: str) -> None:
    data = b"OPTIONS sip:h SIP/2.0\r\n" + line.encode() + b"\r\n" + options().split(b"\r\n", 1)[1]
    with pytest.raises(MalformedMessage, match=complaint) as caught:
        parse(data)
    partial = caught.value.partial
    assert isinstance(partial, Request)
    assert partial.via.branch == "z", "the rest was read, so that it can be answered"
    assert reply(partial, 400, to_tag="t").count(b"\r\n") == 8


def test_a_fold_needs_a_header() -> None:
    with pytest.raises(MalformedMessage):
        parse(b"OPTIONS sip:h SIP/2.0\r\n folded\r\nVia: x\r\n\r\n")


def test_a_message_that_was_cut_off() -> None:
    with pytest.raises(MalformedMessage, match="empty line") as caught:
        parse(b"OPTIONS sip:h SIP/2.0\r\nVia: SIP/2.0/UDP h\r\nTo: <s")
    assert caught.value.partial is not None


@pytest.mark.parametrize(
    ("header", "body", "expected"),
    [
        ("X: y", b"whatever follows", b"whatever follows"),
        ("Content-Length: 4", b"four and more", b"four"),
        ("Content-Length: 0", b"more", b""),
        ("l : 4", b"four", b"four"),
        ("Content-Length: \r\n 4", b"four", b"four"),
    ],
)
def test_the_body_of_a_datagram(header: str, body: bytes, expected: bytes) -> None:
    assert parse(options(header, body=body)).body == expected


@pytest.mark.parametrize("value", ["5", "4294967295", "99999999999999999999", "-4", "+4", "4 4", "four", ""])
def test_a_length_that_cannot_be(value: str) -> None:
    with pytest.raises(MalformedMessage, match="Content-Length") as caught:
        parse(options(f"Content-Length: {value}", body=b"four"))
    assert caught.value.partial is not None


def test_limits() -> None:
    limits = Limits(message_bytes=2000, header_bytes=500, headers=10, uri_bytes=100, nesting=3)
    assert parse(options(f"X: {'y' * 497}", *["Y: z"] * 4), limits).lines
    assert parse(options(start=f"OPTIONS sip:{'h' * 96} SIP/2.0"), limits).lines
    assert parse(options("User-Agent: a (b (c (d)) (e (f)) \\( (g))"), limits).lines
    assert parse(options("Subject: ((((((((", "Contact: <sip:((((((((@h>"), limits).lines, "no comments there"
    assert parse(options(body=b"(" * 1800), limits).body


@pytest.mark.parametrize(
    ("data", "error", "complaint"),
    [
        (options(body=b"x" * 2000), MessageTooLarge, "bytes"),
        (options(f"Z: {'y' * 498}"), MessageTooLarge, "Z header"),
        (options(*[f"Z:\r\n {'y' * 300}\r\n {'y' * 300}"]), MessageTooLarge, "Z header"),
        (options(*["Y: z"] * 6), MessageTooLarge, "11 headers; the limit is 10"),
        (options(start=f"OPTIONS sip:{'h' * 97} SIP/2.0"), UriTooLong, "101 characters"),
        (options(start=f"OPTIONS sip:{'h' * 1500} SIP/2.0"), UriTooLong, "1504 characters"),
        (options("Server: (((( deep ))))"), MalformedMessage, "nested deeper than 3"),
        (options("Retry-After: 5 (a(b(c(d"), MalformedMessage, "nested deeper than 3"),
    ],
)
def test_beyond_the_limits(data: bytes, error: type[SipError], complaint: str) -> None:
    limits = Limits(message_bytes=2000, header_bytes=500, headers=10, uri_bytes=100, nesting=3)
    with pytest.raises(error, match=complaint) as caught:
        parse(data, limits)
    assert caught.value.status in {400, 414, 513}
    assert caught.value.partial is not None
    assert caught.value.partial.via.branch == "z"


def test_mandatory_headers_in_any_spelling() -> None:
    check_mandatory(
        parse(wire("OPTIONS sip:h SIP/2.0\nv: SIP/2.0/UDP h\nf: sip:a@h\nT: sip:b@h\nI: x\ncseq: 7 OPTIONS"))
    )
    check_mandatory(parse(options("Max-Forwards: 0")))
    check_mandatory(parse(options("Max-Forwards: 255", "Via: SIP/2.0/UDP again", "Contact: a", "Contact: b")))
    # A response answers a CSeq; whose it is shows in the transaction.
    check_mandatory(parse(options(start="SIP/2.0 200 OK")))


@pytest.mark.parametrize("name", ["Via", "From", "To", "Call-ID", "CSeq"])
def test_a_mandatory_header_is_missing(name: str) -> None:
    lines = [line for line in options().decode().split("\r\n") if not line.startswith(f"{name}:")]
    message = parse("\r\n".join(lines).encode())
    with pytest.raises(MalformedMessage, match=f"no {name} header") as caught:
        check_mandatory(message)
    assert caught.value.partial is message


@pytest.mark.parametrize(
    "line",
    [
        "From: <sip:x@h>",
        "t: <sip:x@h>",
        "i: other",
        "CSeq: 2 OPTIONS",
        "Max-Forwards: 5\nMax-Forwards: 6",
        "Expires: 1\nExpires: 2",
        "Content-Length: 0\nl: 0",
        "Content-Type: a/b\nc: a/b",
    ],
)
def test_two_where_one_may_be(line: str) -> None:
    message = parse(options(line))
    with pytest.raises(MalformedMessage, match="more than one") as caught:
        check_mandatory(message)
    assert caught.value.partial is message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Via", "SIP/2.0/UDP"),
        ("From", '"open <sip:a@b>'),
        ("To", "<sip:a@b"),
        ("Call-ID", ""),
        ("CSeq", "OPTIONS 1"),
        ("CSeq", "1 INVITE"),
        ("CSeq", "1 options"),
        ("Max-Forwards", "256"),
        ("Max-Forwards", "-1"),
        ("Max-Forwards", "many"),
    ],
)
def test_what_cannot_be_read(name: str, value: str) -> None:
    message = parse(options("Max-Forwards: 70"))
    message.replace(name.lower(), value)
    with pytest.raises(MalformedMessage) as caught:
        check_mandatory(message)
    assert caught.value.partial is message


def everything_is_asked_for(message: Message) -> None:
    """Read and change all that a proxy or registrar might; only SipError may come of it."""

    def asked(read: object) -> None:
        try:
            assert callable(read)
            read()
        except SipError:
            pass

    asked(lambda: check_mandatory(message))
    for key in {*message.keys, *LIST_HEADERS}:
        asked(lambda key=key: message.items(key))
        message.first(key)
    for name in (
        "via",
        "from_",
        "to",
        "from_tag",
        "to_tag",
        "call_id",
        "cseq",
        "content_length",
        "max_forwards",
    ):
        asked(lambda name=name: getattr(message, name))
    asked(lambda: (message.via.rport, message.via.sent_by, message.via.branch))
    for value in ("from_", "to"):
        asked(lambda value=value: (getattr(message, value).uri.aor, getattr(message, value).uri.key))
    if isinstance(message, Request):
        asked(lambda: message.uri.key)
        asked(lambda: reply(message, 400, to_tag="t"))
    copy = message.copy()
    asked(lambda: copy.set_top_via_params("192.0.2.1", 5060))
    for key in message.keys:
        asked(lambda key=key: copy.remove_first_item(key))
    assert isinstance(copy, HeaderLines)
    assert len(copy.keys) == len(copy.lines)
    copy.encode()


_LINES = st.sampled_from(
    [line + b"\r\n" for data in (INVITE, REGISTER, RINGING) for line in data.split(b"\r\n")]
    + [b" folded\r\n", b'v: SIP/2.0/UDP a;x=",", SIP/2.0/UDP b\r\n', b'To: "\\\r\n', b"m: *\r\n", b"f:\r\n"]
    + [b"\n", b"\r"]
)
_MESSAGES = st.builds(
    bytes.__add__,
    st.sampled_from([b"INVITE sip:a@h SIP/2.0\r\n", b"SIP/2.0 200 OK\r\n", b""]),
    st.lists(_LINES | st.binary(max_size=40)).map(b"".join),
)


@st.composite
def _damaged(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from([INVITE, REGISTER, RINGING])))
    for _ in range(draw(st.integers(1, 8))):
        position = draw(st.integers(0, len(data) - 1))
        data[position : position + draw(st.integers(0, 3))] = draw(
            st.sampled_from([b"", b"\r\n", *(bytes([code]) for code in b'"<>\\\r\n ,;:\x00\xff@%')])
        )
    return bytes(data)


@given(st.binary() | _MESSAGES | _damaged())
def test_only_one_kind_of_error(data: bytes) -> None:
    try:
        message = parse(data)
    except SipError as error:
        if error.partial is None:
            return
        message = error.partial
    everything_is_asked_for(message)


@given(_MESSAGES | _damaged())
def test_the_short_way_and_the_long_way_agree(data: bytes) -> None:
    results = []
    for read in (parse, _parse_unusual):
        try:
            message = read(data.lstrip(b"\r\n"), DEFAULT_LIMITS)
            results.append((message.start_line, message.keys, message.lines, message.body))
        except SipError as error:
            results.append((type(error), str(error)))
    assert results[0] == results[1]


@given(_MESSAGES | _damaged())
def test_what_was_sent_is_read_again_as_the_same(data: bytes) -> None:
    try:
        message = parse(data)
    except SipError:
        return
    sent = message.encode()
    again = parse(sent)
    assert (again.start_line, again.keys, again.lines, again.body) == (
        message.start_line,
        message.keys,
        message.lines,
        message.body,
    )
    assert again.encode() == sent


_TEXT = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=60).map(
    str.strip
)
_NAMES = st.text(
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.!%*_+`'~", min_size=1, max_size=20
)
_WELL_FORMED = st.tuples(_NAMES, st.sampled_from([":", ": ", " :\t", ":\r\n "]), _TEXT)


@given(st.lists(_WELL_FORMED, max_size=20), st.binary(max_size=200), st.binary(max_size=50))
def test_well_formed_messages_come_back_byte_for_byte(
    headers: list[tuple[str, str, str]], junk: bytes, body: bytes
) -> None:
    lines = [
        f"{name}{colon}{value}".encode()
        for name, colon, value in headers
        if name.lower() not in {"l", "content-length"}
    ]
    lines.append(b"X-Junk: " + junk.replace(b"\r", b"").replace(b"\n", b""))
    lines.append(b"l: %d" % len(body))
    data = b"\r\n".join([b"MESSAGE sip:h SIP/2.0", *lines, b"", body])
    message = parse(data)
    assert message.encode() == data
    assert message.copy().encode() == data
    assert [line.encode("utf-8", "surrogateescape") for line in message.lines] == lines
