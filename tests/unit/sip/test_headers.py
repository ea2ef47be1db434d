from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.errors import MalformedMessage, SipError
from appliance.sip.headers import CSeq, NameAddr, Via


@pytest.mark.parametrize(
    ("text", "transport", "host", "port", "params"),
    [
        ("SIP/2.0/UDP 192.0.2.1:5080;branch=z9hG4bK1", "UDP", "192.0.2.1", 5080, (("branch", "z9hG4bK1"),)),
        ("SIP/2.0/TCP Example.COM", "TCP", "example.com", None, ()),
        ("sip/2.0/udp h;RPORT;Branch=x", "UDP", "h", None, (("rport", None), ("branch", "x"))),
        (
            "SIP  / 2.0  /   UDP   first.example: 4000;ttl=16 ;maddr=192.0.2.7 ;branch=z9hG4bKa7c6",
            "UDP",
            "first.example",
            4000,
            (("ttl", "16"), ("maddr", "192.0.2.7"), ("branch", "z9hG4bKa7c6")),
        ),
        ("SIP/2.0/TLS [2001:DB8::9:1]:5061;branch=z", "TLS", "[2001:db8::9:1]", 5061, (("branch", "z"),)),
        ("SIP/2.0/UDP [::1];received=[::2]", "UDP", "[::1]", None, (("received", "[::2]"),)),
        ("SIP/2.0/UNKNOWN h", "UNKNOWN", "h", None, ()),
        ("SIP/2.0/UDP\th", "UDP", "h", None, ()),
        ("SIP/2.0/UDP h ; branch = z ", "UDP", "h", None, (("branch", "z"),)),
        (
            "SIP/2.0/WSS df7jal23ls0d.invalid;branch=z",
            "WSS",
            "df7jal23ls0d.invalid",
            None,
            (("branch", "z"),),
        ),
    ],
)
def test_via(
    text: str, transport: str, host: str, port: int | None, params: tuple[tuple[str, str | None], ...]
) -> None:
    via = Via.parse(text)
    assert (via.transport, via.host, via.port, via.params) == (transport, host, port, params)
    assert Via.parse(str(via)) == via


@pytest.mark.parametrize(
    "text",
    [
        "",
        "SIP/2.0/UDP",
        "SIP/2.0/UDP ",
        "SIP/2.0 h",
        "SIP//UDP h",
        "HTTP/2.0/UDP h",
        "SIP/2.0/ h",
        "SIP/2.0/U,P h",
        "SIP/2.0/UDP h:99999",
        "SIP/2.0/UDP h:x",
        "SIP/2.0/UDP h extra",
        "SIP/2.0/UDP [::1",
        "SIP/2.0/UDP h;br anch=x",
        'SIP/2.0/UDP h;branch="x',
        "SIP/2.0/UDP ;branch=x",
        "SIP/2.0/UDP" + " " * 500 + "h",
    ],
)
def test_no_via(text: str) -> None:
    with pytest.raises(MalformedMessage):
        Via.parse(text)


def test_the_way_back_of_a_version_to_come() -> None:
    """It is refused for its version, so its Via must be read (RFC 4475 §3.1.2.16)."""
    assert Via.parse("SIP/7.0/UDP h;branch=x").sent_by == ("h", 5060)


def test_what_is_asked_of_a_via() -> None:
    via = Via.parse("SIP/2.0/UDP [2001:db8::1]:5080;branch=z9hG4bK1;rport=1024;received=192.0.2.9;x")
    assert (via.branch, via.rport, via.received) == ("z9hG4bK1", 1024, "192.0.2.9")
    assert via.sent_by == ("[2001:db8::1]", 5080)
    assert via.address == "2001:db8::1"
    assert via.has_param("x")
    assert not via.has_param("y")
    assert via.param("x") == ""
    assert via.param("y", "z") == "z"


@pytest.mark.parametrize(("transport", "port"), [("UDP", 5060), ("TCP", 5060), ("TLS", 5061), ("WSS", 5061)])
def test_default_port(transport: str, port: int) -> None:
    assert Via.parse(f"SIP/2.0/{transport} h").sent_by == ("h", port)


@pytest.mark.parametrize(
    "value",
    [";rport", ";rport=", ";rport=x", ";rport=-1", ";rport=1234567890", ";rport=65536", ";rport=٣", ""],
)
def test_rport_that_says_nothing(value: str) -> None:
    assert Via.parse(f"SIP/2.0/UDP h{value}").rport is None


@pytest.mark.parametrize(
    ("text", "display", "uri", "params"),
    [
        ("<sip:a@b>", "", "sip:a@b", ()),
        ("<sip:a@b;x=y>;tag=1a2b", "", "sip:a@b;x=y", (("tag", "1a2b"),)),
        ("sip:a@b;tag=x-y", "", "sip:a@b", (("tag", "x-y"),)),
        ("sip:a@b", "", "sip:a@b", ()),
        ("sip:+1@b ; tag = x", "", "sip:+1@b", (("tag", "x"),)),
        ('"A. G. Bell" <sip:agb@bell> ;tag=48', "A. G. Bell", "sip:agb@bell", (("tag", "48"),)),
        ("A. G. Bell <sip:agb@b>", "A. G. Bell", "sip:agb@b", ()),
        ("caller<sip:a@b>;TAG=x", "caller", "sip:a@b", (("tag", "x"),)),
        ('"<sip:not@this>" <sip:a@b>', "<sip:not@this>", "sip:a@b", ()),
        (r'"J Rosenberg \\\"" <sip:j@b>;q=0.7', 'J Rosenberg \\"', "sip:j@b", (("q", "0.7"),)),
        (' "x" <sip:a@b>', "x", "sip:a@b", ()),
        ('""<sip:a@b>', "", "sip:a@b", ()),
        ('"ümläut" <sip:a@b>', "ümläut", "sip:a@b", ()),
        (
            '<sip:a@b>;expires=60;+sip.instance="<urn:uuid:1,2;3>"',
            "",
            "sip:a@b",
            (("expires", "60"), ("+sip.instance", '"<urn:uuid:1,2;3>"')),
        ),
        ("<sip:a@b?h=%3Cv%3E>;q=1", "", "sip:a@b?h=%3Cv%3E", (("q", "1"),)),
        ("*", "", "*", ()),
        ('sip:a@b;x="<sip:c@d>, y";z', "", "sip:a@b", (("x", '"<sip:c@d>, y"'), ("z", None))),
    ],
)
def test_name_addr(text: str, display: str, uri: str, params: tuple[tuple[str, str | None], ...]) -> None:
    value = NameAddr.parse(text)
    assert (value.display, value.uri_text, value.params) == (display, uri, params)
    assert NameAddr.parse(str(value)) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        ";tag=x",
        "<sip:a@b",
        "<sip:a@b>x",
        '"x" sip:a@b',
        '"x <sip:a@b>',
        '"x" y <sip:a@b>',
        'y "x" <sip:a@b>',
        "sip:a b",
        "sip:a,b@c",
        "sip:a@b;x=1,sip:c@d",
        "sip:a@b;x=<sip:c@d>",
        "<sip:a@b>, <sip:c@d>",
        "<sip:a@b>;tag=1, <sip:c@d>;tag=2",
        '<sip:a@b>;tag="x',
        "<sip:a@b>;=x",
    ],
)
def test_no_name_addr(text: str) -> None:
    with pytest.raises(MalformedMessage):
        NameAddr.parse(text)


def test_what_is_asked_of_a_name_addr() -> None:
    value = NameAddr.parse('"X" <sip:a@b:5080>;tag=t;+sip.instance="<urn:uuid:1>";ob')
    assert value.tag == "t"
    assert value.uri.port == 5080
    assert value.param("+sip.instance") == "<urn:uuid:1>"
    assert value.param("ob") == ""
    assert value.has_param("ob")
    assert value.param("q") is None
    assert value.param("q", "1") == "1"
    assert NameAddr.parse("<sip:a@b>;tag=").tag is None
    assert NameAddr.parse("<sip:a@b>;tag").tag is None
    assert NameAddr.parse("<sip:a@b>").tag is None


def test_a_bad_uri_is_found_when_it_is_asked_for() -> None:
    value = NameAddr.parse("<sip:>")
    with pytest.raises(SipError):
        _ = value.uri


@pytest.mark.parametrize(
    ("text", "number", "method"),
    [
        ("1 INVITE", 1, "INVITE"),
        ("0009  INVITE", 9, "INVITE"),
        ("2147483647\tREGISTER", 2147483647, "REGISTER"),
        ("0 X-ODD.method!", 0, "X-ODD.method!"),
        ("00000000000000001 ACK", 1, "ACK"),
    ],
)
def test_cseq(text: str, number: int, method: str) -> None:
    cseq = CSeq.parse(text)
    assert (cseq.number, cseq.method) == (number, method)
    assert str(CSeq.parse(text)) == f"{number} {method}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "INVITE",
        "1INVITE",
        "-1 INVITE",
        "+1 INVITE",
        "1_0 INVITE",
        "٣ INVITE",
        "1 INVITE x",
        "1 IN,VITE",
        "1 ",
        "2147483648 INVITE",
        "36893488147419103232 REGISTER",
        "9" * 5000 + " INVITE",
        "1 " + "I" * 300,
    ],
)
def test_no_cseq(text: str) -> None:
    with pytest.raises(MalformedMessage):
        CSeq.parse(text)


@given(st.text(alphabet='SIP/2.0UDP h:;branch=z"<>,[]@\\\t1') | st.text())
def test_only_one_kind_of_error(text: str) -> None:
    for read in (Via.parse, NameAddr.parse, CSeq.parse):
        for candidate in (
            text,
            f"SIP/2.0/UDP {text}",
            f"<sip:a@b>{text}",
            f'"{text}" <sip:a@b>',
            f"1 {text}",
        ):
            try:
                value = read(candidate)
            except SipError:
                continue
            assert read(str(value)) == value
