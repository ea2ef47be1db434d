"""Branches that can be computed again: RFC 3261 §8.1.1.7, §16.3 step 4, §16.6 step 8, RFC 5393 §4.2."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.proxy.branch import Branches
from appliance.sip.message import Request, Response
from appliance.sip.parser import parse
from appliance.sip.reply import reply

KEY = b"0123456789abcdef"
PHONE = "SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKnashds8"


@pytest.fixture
def branches() -> Branches:
    return Branches(KEY)


def request(
    method: str = "INVITE",
    *,
    uri: str = "sip:11@example.org",
    via: str | tuple[str, ...] = PHONE,
    from_tag: str = "a73kszlfl",
    to_tag: str = "",
    call_id: str = "f81d4fae@192.0.2.10",
    cseq: int = 1,
    headers: tuple[str, ...] = (),
) -> Request:
    vias = (via,) if isinstance(via, str) else via
    lines = [
        f"{method} {uri} SIP/2.0",
        *(f"Via: {value}" for value in vias),
        *headers,
        f"From: <sip:10@example.org>;tag={from_tag}",
        "To: <sip:11@example.org>" + (f";tag={to_tag}" if to_tag else ""),
        f"Call-ID: {call_id}",
        f"CSeq: {cseq} {method}",
    ]
    message = parse("\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape"))
    assert isinstance(message, Request)
    return message


def sent_on(branches: Branches, incoming: Request, number: int = 0, host: str = "192.0.2.1:5060") -> Request:
    """The request as the proxy sends it: its own Via on top."""
    copy = incoming.copy()
    copy.prepend("Via", f"SIP/2.0/UDP {host};branch={branches.make(incoming, number)}")
    return copy


def answered(message: Request, status: int = 180) -> Response:
    response = parse(reply(message, status, to_tag="callee"))
    assert isinstance(response, Response)
    return response


# ---------------------------------------------------------------------------------------- what they are


def test_the_layout(branches: Branches) -> None:
    assert re.fullmatch(r"z9hG4bKsb0\.[0-9a-f]{10}\.[0-9a-f]{24}", branches.make(request(), 0))
    assert re.fullmatch(r"z9hG4bKsbb\.[0-9a-f]{10}\.[0-9a-f]{24}", branches.make(request(), 11))


def test_the_same_in_every_worker_and_after_a_restart(branches: Branches) -> None:
    assert branches.make(request(), 3) == Branches(KEY).make(request(), 3)


def test_another_for_each_copy_and_each_key(branches: Branches) -> None:
    made = {branches.make(request(), number) for number in range(100)}
    assert len(made) == 100
    assert Branches(b"another secret..").make(request(), 0) not in made


@pytest.mark.parametrize("method", ["CANCEL", "ACK"])
@pytest.mark.parametrize(
    "via", [PHONE, "SIP/2.0/UDP 192.0.2.10:5060", "SIP/2.0/UDP 192.0.2.10:5060;branch=1"]
)
def test_cancel_and_ack_have_the_branch_of_their_invite(branches: Branches, method: str, via: str) -> None:
    routes = ("Route: <sip:192.0.2.1;lr>", "Route: <sip:192.0.2.9;lr>")
    invite = request(via=via, headers=("Proxy-Authorization: Digest x=1", *routes))
    follower = request(method, via=via, headers=routes, to_tag="callee" if method == "ACK" else "")
    assert branches.make(follower, 2) == branches.make(invite, 2)


@pytest.mark.parametrize(
    "other",
    [
        {"via": "SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKother"},
        {"via": "SIP/2.0/UDP 192.0.2.11:5060;branch=z9hG4bKnashds8"},
        {"via": "SIP/2.0/UDP 192.0.2.10:5062;branch=z9hG4bKnashds8"},
        {"via": PHONE + ";received=198.51.100.1"},
        {"via": PHONE + ";rport=1024"},
        {"uri": "sip:12@example.org"},
        {"call_id": "another"},
        {"headers": ("Route: <sip:192.0.2.9;lr>",)},
    ],
)
def test_another_request_has_another_branch(branches: Branches, other: dict[str, str]) -> None:
    assert branches.make(request(**other), 0) != branches.make(request(), 0)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "other", [{"cseq": 2}, {"from_tag": "other"}, {"call_id": "other"}, {"uri": "sip:12@x"}]
)
def test_without_a_cookie_the_message_identifies_it(branches: Branches, other: dict[str, str]) -> None:
    via = "SIP/2.0/UDP 192.0.2.10:5060;branch=1"
    assert branches.make(request(via=via, **other), 0) != branches.make(request(via=via), 0)  # type: ignore[arg-type]


def test_what_other_elements_may_write_differently_makes_no_difference(branches: Branches) -> None:
    """Blanks and capitals in the Via, parameters that mean nothing to us."""
    via = "SIP / 2.0 / UDP  192.0.2.10:5060 ; Branch = z9hG4bKnashds8 ; x=y"
    assert branches.make(request(via=via), 0) == branches.make(request(), 0)


def test_bytes_that_are_no_utf_8(branches: Branches) -> None:
    odd = request(uri="sip:11@example.org;x=\udcff", call_id="\udcfe")
    assert branches.make(odd, 0) == branches.make(odd, 0)
    assert branches.verify(answered(sent_on(branches, odd)))


# ------------------------------------------------------------------------------------------ known again


@pytest.mark.parametrize(
    "via",
    [
        PHONE,
        PHONE + ";rport=31234;received=198.51.100.7",
        "SIP/2.0/TCP [2001:db8::10]:5060;branch=z9hG4bK1",
        "SIP/2.0/UDP 192.0.2.10",
        "SIP/2.0/UDP 192.0.2.10;branch=1",
    ],
)
@pytest.mark.parametrize("status", [100, 180, 200, 486])
def test_a_response_to_what_we_sent(branches: Branches, via: str, status: int) -> None:
    assert Branches(KEY).verify(answered(sent_on(branches, request(via=via), 7), status))


def test_a_response_to_what_another_sent(branches: Branches) -> None:
    other = Branches(b"another secret..")
    assert not branches.verify(answered(sent_on(other, request())))
    assert not branches.verify(answered(request()))
    assert not branches.verify(answered(request(via=(PHONE, PHONE))))
    assert not branches.verify(answered(request(via=("SIP/2.0/UDP 192.0.2.1:5060", PHONE))))


def test_a_response_of_which_only_our_via_is_left(branches: Branches) -> None:
    lonely = request(via=f"SIP/2.0/UDP 192.0.2.1:5060;branch={branches.make(request(), 0)}")
    assert not branches.verify(answered(lonely))


@pytest.mark.parametrize(
    ("what", "instead"),
    [
        ("192.0.2.10:5060;", "203.0.113.66:5060;"),
        ("z9hG4bKnashds8", "z9hG4bKnashds9"),
        ("z9hG4bKnashds8", "z9hG4bKnashds8;received=203.0.113.66"),
        ("z9hG4bKnashds8", "z9hG4bKnashds8;rport=666"),
        ("z9hG4bKsb0", "z9hG4bKsb1"),
        ("f81d4fae@", "f81d4faf@"),
        ("z9hG4bKsb0.", "z9hG4bKsb0.."),
        ("SIP/2.0/UDP 192.0.2.10:5060", "no Via at all"),
    ],
)
def test_nobody_points_a_response_at_somebody_else(branches: Branches, what: str, instead: str) -> None:
    text = answered(sent_on(branches, request())).encode().decode()
    assert what in text
    forged = parse(text.replace(what, instead, 1).encode())
    assert isinstance(forged, Response)
    assert not branches.verify(forged)


@given(st.text("0123456789abcdefxyz.-", max_size=45))
def test_no_invented_branch_is_ours(tail: str) -> None:
    branches = Branches(KEY)
    real = branches.make(request(), 0)
    forged = request(via=(f"SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKsb{tail}", PHONE))
    assert branches.verify(answered(forged)) == (f"z9hG4bKsb{tail}" == real)


def test_one_changed_character_anywhere_in_the_branch(branches: Branches) -> None:
    real = branches.make(request(), 0)
    for position in range(len(real)):
        for other in ("1" if real[position] != "1" else "2", "\udcff"):  # a byte that is no UTF-8
            changed = real[:position] + other + real[position + 1 :]
            forged = request(via=(f"SIP/2.0/UDP 192.0.2.1:5060;branch={changed}", PHONE))
            assert not branches.verify(answered(forged)), changed


# --------------------------------------------------------------------------------------- loop or spiral


def test_what_comes_for_the_first_time_is_no_loop(branches: Branches) -> None:
    assert not branches.is_loop(request())
    assert not branches.is_loop(request(via=("SIP/2.0/UDP 192.0.2.7;branch=z9hG4bKx", PHONE)))


def test_what_comes_back_unchanged_is_a_loop(branches: Branches) -> None:
    back = sent_on(branches, request())
    assert branches.is_loop(back)
    assert Branches(KEY).is_loop(back)
    back.prepend("Via", "SIP/2.0/UDP 192.0.2.7;branch=z9hG4bKx")
    assert branches.is_loop(back), "also by way of another proxy"


def test_one_line_may_hold_all_vias(branches: Branches) -> None:
    back = sent_on(branches, request())
    joined = request(via=", ".join(["SIP/2.0/UDP 192.0.2.7;branch=z9hG4bKx", *back.all("via")]))
    assert branches.is_loop(joined)


def test_another_request_uri_or_route_is_a_spiral(branches: Branches) -> None:
    back = sent_on(branches, request(headers=("Route: <sip:192.0.2.1;lr>", "Route: <sip:192.0.2.1;x;lr>")))
    assert branches.is_loop(back)
    back.remove_first_item("route")
    assert not branches.is_loop(back)
    back = sent_on(branches, request())
    back.uri_text = "sip:11@192.0.2.20"
    assert not branches.is_loop(back)


def test_a_spiral_that_becomes_a_loop(branches: Branches) -> None:
    """A forwards to B, B forwards to A: the third visit is the first one again."""
    first = sent_on(branches, request(uri="sip:a@example.org"))
    first.uri_text = "sip:b@example.org"
    assert not branches.is_loop(first)
    second = sent_on(branches, first)
    second.uri_text = "sip:a@example.org"
    assert branches.is_loop(second)


def test_the_mark_is_the_one_that_the_request_came_with(branches: Branches) -> None:
    """A new Request-URI within the proxy is not what it is compared with when it comes back."""
    incoming = request()
    mark = branches.mark(incoming)
    incoming.uri_text = "sip:alias@example.org"
    copy = incoming.copy()
    copy.prepend("Via", f"SIP/2.0/UDP 192.0.2.1:5060;branch={branches.make(incoming, 0, mark)}")
    assert not branches.is_loop(copy)
    copy.uri_text = "sip:11@example.org"
    assert branches.is_loop(copy)
    assert branches.verify(answered(copy))


def test_the_self_looped_demonstration_is_no_loop(branches: Branches) -> None:
    once = sent_on(branches, request())
    once.add("P-hint", "Self-Looped")
    assert not branches.is_loop(once)
    twice = sent_on(branches, once)
    assert branches.is_loop(twice), "but a loop remains one"
    other = sent_on(branches, request())
    other.add("P-hint", "usrloc applied")
    assert branches.is_loop(other)


def test_another_node_with_our_key_is_another_server(branches: Branches) -> None:
    back = sent_on(branches, request(), host="192.0.2.2:5060")
    assert branches.is_loop(back)
    assert branches.is_loop(back, {("192.0.2.2", 5060)})
    assert not branches.is_loop(back, {("192.0.2.1", 5060)})


def test_a_stranger_cannot_make_our_mark(branches: Branches) -> None:
    back = sent_on(Branches(b"another secret.."), request())
    assert not branches.is_loop(back)
