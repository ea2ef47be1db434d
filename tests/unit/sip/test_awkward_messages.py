"""Messages that no phone should send, and some do: each legal or not, in the spirit of RFC 4475.

Those that are legal must be understood and pass through byte for byte; of the others something must be said
that a person can act upon, with enough of the message at hand to answer it.
"""

from __future__ import annotations

import pytest

from appliance.errors import SipError
from appliance.sip.headers import NameAddr
from appliance.sip.message import Request, Response
from appliance.sip.parser import check_mandatory, parse
from appliance.sip.reply import reply
from appliance.sip.uri import Uri
from tests.unit.sip.samples import wire

_TORTUOUS = wire(
    """
INVITE sip:reception@hotel.example;floor SIP/2.0
tO	:
 sip:reception@hotel.example ;   TAG    = 77-lobby
f   : "Room \\"12\\" \\\\"       <sip:room12@annexe.hotel.example>
  ;
  tag = 5kg
MAX-forwards: 007
CALL-id: bell.3@192.0.2.12
L   : 3
Cseq: 0042
  INVITE
vIA  : SIP  /   2.0
 /UDP
    192.0.2.12;branch=old-fashioned
Subject :
X-Wake-Up:   at seven
	or a little later
X-Punctuation: ;,;=,,"<
Content-Type: application/sdp
Route:
 <sip:door.hotel.example;lr;bell=brass;quiet>
V:  SIP  / 2.0  / TCP     stairs.hotel.example   ;
  branch  =   z9hG4bKstep  ,
 SIP  /    2.0   / UDP  198.51.100.7   ; branch=
 z9hG4bKcellar
M:"Key \\"12\\"" <sip:room12@192.0.2.12> ; wing =
      east ;
  balcony ; q = 0.25
""",
    b"abc",
)


def test_everything_that_the_grammar_allows_at_once() -> None:
    message = parse(_TORTUOUS)
    check_mandatory(message)
    assert message.encode() == _TORTUOUS
    assert isinstance(message, Request)
    assert message.uri.has_param("floor")
    assert (message.to.uri_text, message.to_tag) == ("sip:reception@hotel.example", "77-lobby")
    assert message.from_.display == 'Room "12" \\'
    assert message.from_tag == "5kg"
    assert (message.max_forwards, str(message.cseq), message.content_length) == (7, "42 INVITE", 3)
    via = message.via
    assert (via.transport, via.host, via.port) == ("UDP", "192.0.2.12", None)
    assert message.via.branch == "old-fashioned"
    (contact,) = map(NameAddr.parse, message.items("contact"))
    assert (contact.display, contact.param("q"), contact.param("wing")) == ('Key "12"', "0.25", "east")
    assert len(message.items("via")) == 3
    assert message.first("subject") == ""
    assert message.first("x-wake-up") == "at seven or a little later"
    assert message.first("x-punctuation") == ';,;=,,"<'
    assert message.items("route") == ["<sip:door.hotel.example;lr;bell=brass;quiet>"]


def test_its_vias_leave_one_by_one() -> None:
    message = parse(_TORTUOUS)
    branches = []
    while message.has("via"):
        branches.append(message.via.branch)
        message.remove_first_item("via")
    assert branches == ["old-fashioned", "z9hG4bKstep", "z9hG4bKcellar"]
    assert message.has("x-wake-up")


_HEAD = """
Via: SIP/2.0/UDP host1.example;branch=z9hG4bK1
From: <sip:caller@example.com>;tag=1
To: <sip:callee@example.com>
Call-ID: awkward@host1.example
CSeq: 1 OPTIONS
"""


def awkward(start: str, *, body: bytes = b"", **changes: str) -> bytes:
    """A message of the usual headers, some of them replaced (``to="…"``), others added."""
    headers = dict(line.split(": ", 1) for line in _HEAD.strip().split("\n"))
    for name, value in changes.items():
        name = name.replace("_", "-")
        headers[next((known for known in headers if known.lower() == name), name)] = value
    return wire("\n".join([start, *(f"{name}: {value}" for name, value in headers.items())]), body)


_OPTIONS = "OPTIONS sip:user@example.com SIP/2.0"

_LEGAL = {
    "a method of odd characters": awkward(
        "Ring.the-BELL_3*`'~+%! sip:h SIP/2.0", cseq="1 Ring.the-BELL_3*`'~+%!"
    ),
    "a user of odd characters": awkward(
        "OPTIONS sip:who?me/&you=1+1,$2;(a)!*'~_.-:pass&word=@example.com SIP/2.0"
    ),
    "escapes that must not be resolved": awkward("OPTIONS sip:sip%3Aa%40b.example@example.net SIP/2.0"),
    "an escaped nothing": awkward(_OPTIONS, to="<sip:a%00b@example.com>", m="<sip:%00@h>, <sip:%00%00@h>"),
    "an escape in a method": awkward("R%45GISTER sip:h SIP/2.0", cseq="1 R%45GISTER"),
    "no blank between name and address": awkward(_OPTIONS, to="caller<sip:caller@example.com>;tag=323"),
    "a name in many scripts": awkward(_OPTIONS, to='"Ελένη ∈ \\"Ω\\" 日本" <sip:callee@example.com>'),
    "an address within the name": awkward(
        _OPTIONS, to='"<sip:x@example.org>;tag=x" <sip:callee@example.com>'
    ),
    "a semicolon within the user": awkward("OPTIONS sip:user;x=u%40example.net@example.com SIP/2.0"),
    "a colon within a parameter": awkward(_OPTIONS, to="<sip:callee@example.com;x=[::1]:5>;tag=a"),
    "compact names of odd case": awkward(_OPTIONS, K="timer,100rel", E="gzip", O="presence", U="x"),
    "a Via of a transport nobody knows": awkward(_OPTIONS, via="SIP/2.0/PIGEON t1.example;branch=z9hG4bK1"),
    "a Via of IPv6": awkward(_OPTIONS, via="SIP/2.0/TCP [2001:db8::9]:6050;branch=z;received=2001:db8::7"),
    "commas within brackets": awkward(_OPTIONS, route='"a, b" <sip:x,y@h;lr>, <sip:z;lr>;p="1, 2"'),
    "credentials, which are no list": awkward(_OPTIONS, Authorization='Digest a="1", b="2"'),
    "a date, which is no list": awkward(_OPTIONS, Date="Fri, 01 Jan 2010 16:00:00 GMT"),
    "header values of nothing": awkward(_OPTIONS, Subject="", Supported="", Contact=""),
    "a body that looks like a message": awkward(_OPTIONS, body=_TORTUOUS, L=str(len(_TORTUOUS))),
    "a body of every byte": awkward(_OPTIONS, body=bytes(range(256)), Content_Length="256"),
    "a scheme nobody knows": awkward("OPTIONS smoke-signal:three-puffs SIP/2.0"),
    "other schemes in From and To": awkward(_OPTIONS, to="isbn:2983792873", **{"from": "<tel:+1-23>;tag=1"}),
    "no Max-Forwards and no Content-Length": awkward(_OPTIONS),
    "addresses without brackets": awkward(_OPTIONS, to="sip:a@h;tag=z9hG4bK", **{"from": "sip:a@h"}),
    "the asterisk": awkward("REGISTER sip:h SIP/2.0", cseq="1 REGISTER", Contact="*", Expires="0"),
    "a long header": awkward(_OPTIONS, Subject="I " + "very " * 2000 + "much"),
    "a response without reason": awkward("SIP/2.0 100 "),
    "a response of no usual status": awkward("SIP/2.0 499 Something of our own"),
    "a Warning": awkward("SIP/2.0 200 OK", Warning='399 h "a, \\"b\\"", 301 i "c"'),
}


@pytest.mark.parametrize("data", _LEGAL.values(), ids=_LEGAL)
def test_legal_and_odd(data: bytes) -> None:
    message = parse(data)
    check_mandatory(message)
    assert message.encode() == data
    for key in message.keys:
        assert message.items(key) is not None
    if isinstance(message, Request):
        assert str(message.uri) == message.uri_text
        assert b"Call-ID: awkward@host1.example\r\n" in reply(message, 480, to_tag="t")


def test_what_the_odd_ones_say() -> None:
    def one(name: str) -> Request:
        message = parse(_LEGAL[name])
        assert isinstance(message, Request)
        return message

    assert one("a user of odd characters").uri.host == "example.com"
    assert one("a user of odd characters").uri.password == "pass&word="
    assert one("a semicolon within the user").uri.aor == ("user;x=u@example.net", "example.com")
    assert one("an address within the name").to.uri.username == "callee"
    assert one("an address within the name").to_tag is None
    assert one("a Via of IPv6").via.sent_by == ("[2001:db8::9]", 6050)
    assert one("commas within brackets").items("route") == [
        '"a, b" <sip:x,y@h;lr>',
        '<sip:z;lr>;p="1, 2"',
    ]
    assert one("addresses without brackets").to_tag == "z9hG4bK"
    assert one("addresses without brackets").from_tag is None
    assert one("an escape in a method").method != "REGISTER"
    nothing = one("an escaped nothing")
    first, second = (NameAddr.parse(item).uri for item in nothing.items("contact"))
    assert first.key != second.key
    assert nothing.to.uri.username == "a%00b"
    assert one("a body of every byte").body == bytes(range(256))


_ILLEGAL = {
    "a Content-Length larger than the datagram": (awkward(_OPTIONS, body=b"abc", Content_Length="9999"), 400),
    "a negative Content-Length": (awkward(_OPTIONS, body=b"abc", Content_Length="-999"), 400),
    "two Content-Lengths": (awkward(_OPTIONS, body=b"abc", Content_Length="3", l="2"), 400),
    "a CSeq beyond all bounds": (awkward(_OPTIONS, cseq="36893488147419103232 OPTIONS"), 400),
    "a CSeq of another method": (awkward(_OPTIONS, cseq="8 INVITE"), 400),
    "a Max-Forwards beyond all bounds": (awkward(_OPTIONS, Max_Forwards="300"), 400),
    "a quote that is not closed": (awkward(_OPTIONS, to='"Somebody <sip:callee@example.com>'), 400),
    "a Request-URI in angle brackets": (awkward("OPTIONS <sip:user@example.com> SIP/2.0"), 400),
    "blanks within the Request-URI": (awkward("OPTIONS sip:user@example.com; lr SIP/2.0"), 400),
    "a comma in a name without quotes": (awkward(_OPTIONS, to="Bell, A. <sip:callee@example.com>"), 400),
    "several blanks before the Request-URI": (awkward("OPTIONS  sip:user@example.com SIP/2.0"), 400),
    "several blanks in the request line": (awkward("OPTIONS sip:user@example.com  SIP/2.0"), 400),
    "blanks at the end of the request line": (awkward("OPTIONS sip:h SIP/2.0  "), 400),
    "a version to come": (awkward("OPTIONS sip:h SIP/7.0"), 505),
    "two From headers": (awkward(_OPTIONS, f="<sip:other@example.com>;tag=2"), 400),
    "two To headers": (awkward(_OPTIONS, t="<sip:other@example.com>"), 400),
    "two Call-IDs": (awkward(_OPTIONS, i="other"), 400),
    "two addresses in From": (awkward(_OPTIONS, **{"from": "<sip:a@h>;tag=1, <sip:b@h>;tag=2"}), 400),
    "an address in doubt": (awkward(_OPTIONS, **{"from": "sip:local@here;x=<sip:other@there>"}), 400),
    "a Via without host": (awkward(_OPTIONS, via="SIP/2.0/UDP ;branch=z9hG4bK1"), 400),
    "a Via without anything": (awkward(_OPTIONS, via="SIP/2.0/UDP 192.0.2.15;;,;,,"), 400),
    "two at signs": (awkward("OPTIONS sip:user@example.com@example.org SIP/2.0"), 400),
    "a host of another script": (awkward("OPTIONS sip:user@\u212aamailio.example SIP/2.0"), 400),
    "a port beyond all bounds": (awkward("OPTIONS sip:user@example.com:70000 SIP/2.0"), 400),
    "an escape of no digits": (awkward("OPTIONS sip:us%er@example.com SIP/2.0"), 400),
    "nothing but a scheme": (awkward("OPTIONS sip: SIP/2.0"), 400),
    "a carriage return within a header": (awkward(_OPTIONS, Subject="a\rInjected: b"), 400),
    "a header without a name": (awkward(_OPTIONS)[:-2] + b": value\r\n\r\n", 400),
    "a word where a header should be": (awkward(_OPTIONS)[:-2] + b"word\r\n\r\n", 400),
    "a message without an end": (awkward(_OPTIONS)[:-2], 400),
    "nothing but a start line": (b"OPTIONS sip:h SIP/2.0\r\n\r\n", 400),
    "another protocol": (b"GET /index.html HTTP/1.1\r\nHost: example.com\r\n\r\n", 400),
    "a status of four digits": (awkward("SIP/2.0 4294967396 More than a number"), 400),
}  # fmt: skip


@pytest.mark.parametrize(("data", "status"), _ILLEGAL.values(), ids=_ILLEGAL)
def test_illegal(data: bytes, status: int) -> None:
    """Refused with that status when it is parsed, checked, or its addresses are read."""

    def read() -> None:
        message = parse(data)
        check_mandatory(message)
        assert message.from_.uri
        assert message.to.uri
        if isinstance(message, Request):
            assert message.uri
        assert isinstance(message, Response | Request)

    with pytest.raises(SipError) as caught:
        read()
    assert caught.value.status == status
    assert str(caught.value)
    assert "\n" not in str(caught.value), "one line for the log"
    assert len(str(caught.value)) < 200


def test_two_ways_to_write_one_user_are_one_user() -> None:
    assert Uri.parse("sip:%6A%6F@h").aor == Uri.parse("sip:jo@H").aor


@pytest.mark.parametrize(
    "data",
    [awkward(_OPTIONS, Content_Length="5"), awkward(_OPTIONS, Subject="a\rb"), awkward(_OPTIONS)[:-2]],
)
def test_what_could_be_read_is_enough_for_an_answer(data: bytes) -> None:
    with pytest.raises(SipError) as caught:
        parse(data)
    partial = caught.value.partial
    assert isinstance(partial, Request)
    answer = parse(reply(partial, caught.value.status, to_tag="t"))
    check_mandatory(answer)
    assert isinstance(answer, Response)
    assert (answer.status, answer.to_tag, answer.call_id) == (400, "t", "awkward@host1.example")
