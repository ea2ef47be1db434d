"""Record-Routes that prove a dialog: RFC 3261 §16.6 step 4, §12."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.proxy.record_route import DialogRoutes
from appliance.sip.message import Request
from appliance.sip.uri import Uri

KEY = b"0123456789abcdef"
UDP = ("udp", "192.0.2.1", 5060)
TCP = ("tcp", "192.0.2.1", 5060)


@pytest.fixture
def routes() -> DialogRoutes:
    return DialogRoutes(KEY)


def request(
    from_tag: str | None = "caller",
    to_tag: str | None = None,
    call_id: str = "c1",
    route: tuple[str, ...] = (),
) -> Request:
    return Request.create(
        "INVITE" if to_tag is None else "BYE",
        "sip:11@192.0.2.20",
        [
            ("Via", "SIP/2.0/UDP 192.0.2.10;branch=z9hG4bK1"),
            *(("Route", value) for value in route),
            ("From", "<sip:10@example.org>" + (f";tag={from_tag}" if from_tag else "")),
            ("To", "<sip:11@example.org>" + (f";tag={to_tag}" if to_tag else "")),
            ("Call-ID", call_id),
            ("CSeq", "1 INVITE" if to_tag is None else "2 BYE"),
        ],
    )


def is_me(uri: Uri) -> bool:
    return uri.host in ("192.0.2.1", "[2001:db8::1]")


def route_of(value: str) -> Uri:
    return Uri.parse(value.strip("<>"))


# ----------------------------------------------------------------------------------------- how it looks


def test_one_line_when_nothing_changes(routes: DialogRoutes) -> None:
    proof = routes.sign("c1", "caller")
    assert routes.record_route(request(), UDP, UDP) == [f"<sip:192.0.2.1:5060;lr=on;{proof}>"]
    assert routes.record_route(request(), TCP, TCP) == [f"<sip:192.0.2.1:5060;transport=tcp;lr=on;{proof}>"]
    assert proof.startswith("ftag=caller;sig=")


@pytest.mark.parametrize("other", [TCP, ("udp", "198.51.100.1", 5060), ("udp", "192.0.2.1", 5062)])
def test_two_lines_when_transport_address_or_port_changes(
    routes: DialogRoutes, other: tuple[str, str, int]
) -> None:
    """Each side sees the address that it can reach; the callee's is on top."""
    copy = request()
    for line in routes.record_route(copy, UDP, other):
        copy.prepend("Record-Route", line)
    top, below = map(route_of, copy.all("record-route"))
    assert (top.transport or "udp", top.host, top.port) == other
    assert (below.transport or "udp", below.host, below.port) == UDP
    assert top.param("r2") == below.param("r2") == "on"
    assert top.param("lr") == below.param("lr") == "on"


def test_an_ipv6_address_stands_in_brackets(routes: DialogRoutes) -> None:
    for host in ("2001:db8::1", "[2001:db8::1]"):
        (line,) = routes.record_route(request(), ("udp", host, 5060), ("udp", host, 5060))
        assert line.startswith("<sip:[2001:db8::1]:5060;lr=on;ftag=")


# --------------------------------------------------------------------------------------- what it proves


def signed(routes: DialogRoutes, **dialog: str) -> Uri:
    return route_of(routes.record_route(request(**dialog), UDP, UDP)[0])  # type: ignore[arg-type]


def test_both_directions_of_the_dialog(routes: DialogRoutes) -> None:
    route = signed(routes)
    assert routes.verify(route, request("caller", "callee"))
    assert routes.verify(route, request("callee", "caller"))
    assert DialogRoutes(KEY).verify(route, request("caller", "callee"))


@pytest.mark.parametrize(
    "other",
    [
        request("caller", "callee", "c2"),
        request("other", "callee"),
        request("callee", "other"),
        request("x", "y"),
    ],
)
def test_no_other_dialog(routes: DialogRoutes, other: Request) -> None:
    assert not routes.verify(signed(routes), other)


@pytest.mark.parametrize(
    "text",
    [
        "sip:192.0.2.1:5060;lr=on",
        "sip:192.0.2.1:5060;lr=on;ftag=caller",
        "sip:192.0.2.1:5060;lr=on;ftag=caller;sig",
        "sip:192.0.2.1:5060;lr=on;ftag=caller;sig=",
        "sip:192.0.2.1:5060;lr=on;ftag=caller;sig=00000000000000000000",
        "sip:192.0.2.1:5060;lr=on;ftag=caller;sig=é",
        "sip:192.0.2.1:5060;lr=on;sig={}",
        "sip:192.0.2.1:5060;lr=on;ftag=callee;sig={}",
        "sip:192.0.2.1:5060;lr=on;ftag=;sig={}",
    ],
)
def test_no_invented_route(routes: DialogRoutes, text: str) -> None:
    signature = signed(routes).param("sig")
    assert not routes.verify(Uri.parse(text.format(signature)), request("caller", "callee"))


def test_no_other_key(routes: DialogRoutes) -> None:
    assert not routes.verify(signed(DialogRoutes(b"another secret..")), request("caller", "callee"))


def test_a_caller_without_a_tag(routes: DialogRoutes) -> None:
    """As clients of RFC 2543 are: the Call-ID alone is what is proved."""
    route = route_of(routes.record_route(request(None), UDP, UDP)[0])
    assert routes.verify(route, request(None, "callee"))
    assert routes.verify(route, request("callee", None))
    assert not routes.verify(route, request(None, "callee", "c2"))
    assert not routes.verify(route, request("x", "callee"))


@pytest.mark.parametrize("tag", ["a%41b", "tag`x", "~.!*_+'", "a" * 200, "1_2-3", "J\udcfcrgen"])
def test_a_tag_of_any_characters_comes_back(routes: DialogRoutes, tag: str) -> None:
    route = signed(routes, from_tag=tag)
    assert routes.verify(route, request(tag, "callee"))
    assert not routes.verify(route, request(tag + "x", "callee"))


@given(st.text("abcdefghijklmnopqrstuvwxyzABC0123456789-.!%*_+`'~", min_size=1, max_size=40), st.booleans())
def test_any_token_is_a_tag(tag: str, back: bool) -> None:
    routes = DialogRoutes(KEY)
    assert routes.verify(signed(routes, from_tag=tag), request("x", tag) if back else request(tag, "x"))


# ------------------------------------------------------------------------------------------ what it keeps


@pytest.mark.parametrize(
    ("flags", "of_initiator", "sender", "receiver"),
    [
        ("", True, False, False),
        ("n", True, True, False),
        ("n", False, False, True),
        ("m", True, False, True),
        ("m", False, True, False),
        ("xnm", True, True, True),
    ],
)
def test_who_is_behind_a_nat_comes_back(
    routes: DialogRoutes, flags: str, of_initiator: bool, sender: bool, receiver: bool
) -> None:
    (line,) = routes.record_route(request(), UDP, UDP, flags)
    assert (f";flags={flags};sig=" in line) is bool(flags)
    ends = ("caller", "callee") if of_initiator else ("callee", "caller")
    proof = routes.strip_own_routes(request(*ends, route=(line,)), is_me)
    assert proof is not None
    assert (proof.flags, proof.by_initiator) == (flags, of_initiator)
    assert (proof.sender_nated, proof.receiver_nated) == (sender, receiver)


@pytest.mark.parametrize(("given", "changed"), [("n", ""), ("", "n"), ("n", "m"), ("n", "nm")])
def test_no_other_flags_than_those_that_were_signed(routes: DialogRoutes, given: str, changed: str) -> None:
    (line,) = routes.record_route(request(), UDP, UDP, given)
    before, after = (f";flags={flags};sig=" if flags else ";sig=" for flags in (given, changed))
    assert not routes.verify(route_of(line.replace(before, after)), request("caller", "callee"))


def test_the_side_where_it_goes_is_known() -> None:
    other = ("udp", "10.0.0.1", 5060)
    routes = DialogRoutes(KEY, [UDP, TCP, other])
    pair = routes.record_route(request(), UDP, other)
    for ends, lines, listener in ((("caller", "callee"), pair, 2), (("callee", "caller"), pair[::-1], 0)):
        proof = routes.strip_own_routes(
            request(*ends, route=tuple(lines)), lambda uri: uri.host in ("192.0.2.1", "10.0.0.1")
        )
        assert proof is not None
        assert proof.leaves_by == listener
    (line,) = routes.record_route(request(), ("udp", "192.0.2.1", 5062), ("udp", "192.0.2.1", 5062))
    proof = routes.strip_own_routes(request("caller", "callee", route=(line,)), is_me)
    assert proof is not None
    assert proof.leaves_by == -1  # nobody listens there any more


# -------------------------------------------------------------------------------------- along the route


def test_a_request_in_the_dialog_follows_it(routes: DialogRoutes) -> None:
    (line,) = routes.record_route(request(), UDP, UDP)
    bye = request("callee", "caller", route=(line, "<sip:192.0.2.9;lr>"))
    assert routes.strip_own_routes(bye, is_me)
    assert bye.all("route") == ["<sip:192.0.2.9;lr>"]


@pytest.mark.parametrize("joined", [False, True])
@pytest.mark.parametrize("backwards", [False, True])
def test_both_of_a_pair_are_taken_off(routes: DialogRoutes, joined: bool, backwards: bool) -> None:
    pair = routes.record_route(request(), UDP, TCP)
    lines = [*(reversed(pair) if backwards else pair), "<sip:192.0.2.9;lr>"]
    bye = request("caller", "callee", route=(", ".join(lines),) if joined else tuple(lines))
    assert routes.strip_own_routes(bye, is_me)
    assert bye.items("route") == ["<sip:192.0.2.9;lr>"]


def test_our_route_without_a_proof_is_taken_off_and_proves_nothing(routes: DialogRoutes) -> None:
    invented = request("caller", "invented", route=("<sip:192.0.2.1;lr>",))
    assert not routes.strip_own_routes(invented, is_me)
    assert not invented.has("route")
    (line,) = routes.record_route(request(call_id="mine"), UDP, UDP)
    stolen = request("caller", "invented", route=(line,))
    assert not routes.strip_own_routes(stolen, is_me)


def test_a_proof_on_somebody_elses_route_is_none(routes: DialogRoutes) -> None:
    (line,) = routes.record_route(request(), ("udp", "203.0.113.9", 5060), ("udp", "203.0.113.9", 5060))
    foreign = request("caller", "callee", route=(line,))
    assert not routes.strip_own_routes(foreign, is_me)
    assert foreign.all("route") == [line]


def test_what_a_strict_router_hid_in_the_request_uri_still_proves_the_dialog(routes: DialogRoutes) -> None:
    (line,) = routes.record_route(request(), UDP, UDP)
    bye = request("caller", "callee", route=("<sip:11@192.0.2.20;line=1>",))
    bye.uri_text = line.strip("<>")
    assert routes.repair_strict_route(bye, is_me)
    assert bye.uri_text == "sip:11@192.0.2.20;line=1"
    assert routes.strip_own_routes(bye, is_me)
    assert not bye.has("route")
