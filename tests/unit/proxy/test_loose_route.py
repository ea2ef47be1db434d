"""Routes of our own and of strict routers: RFC 3261 §16.4, §16.6 step 6, §16.12.1."""

from __future__ import annotations

import pytest

from appliance.errors import MalformedMessage
from appliance.proxy.loose_route import repair_strict_route, strip_own_routes, yield_to_strict_router
from appliance.sip.message import Request
from appliance.sip.uri import Uri

US = "<sip:192.0.2.1;lr>"
US_IN, US_OUT = "<sip:192.0.2.1;transport=tcp;lr=on;r2=on>", "<sip:192.0.2.1;lr=on;r2=on>"
OTHER = "<sip:192.0.2.9;lr>"


def request(*routes: str, uri: str = "sip:11@192.0.2.20") -> Request:
    return Request.create(
        "BYE", uri, [("Via", "SIP/2.0/UDP 192.0.2.10"), *(("Route", value) for value in routes)]
    )


def is_me(uri: Uri) -> bool:
    return uri.host == "192.0.2.1" and uri.port in (None, 5060)


@pytest.mark.parametrize(
    ("routes", "left", "count"),
    [
        ([], [], 0),
        ([US], [], 1),
        ([OTHER], [OTHER], 0),
        ([US, OTHER], [OTHER], 1),
        ([OTHER, US], [OTHER, US], 0),
        ([US_IN, US_OUT], [], 2),
        ([US_IN, US_OUT, OTHER], [OTHER], 2),
        ([f"{US_IN}, {US_OUT} , {OTHER}"], [OTHER], 2),
        ([f"{US_IN}, {US_OUT}", OTHER], [OTHER], 2),
        ([US_IN, OTHER, US_OUT], [OTHER, US_OUT], 1),
        # Two visits and no pair: the second Route is for when it comes again.
        ([US, US], [US], 1),
        ([US_IN, US], [US], 1),
        ([US_IN, US_OUT, US_IN, US_OUT], [US_IN, US_OUT], 2),
        # Another port of this address is a phone, and not this server.
        (["<sip:192.0.2.1:5999;lr>"], ["<sip:192.0.2.1:5999;lr>"], 0),
    ],
)
def test_stripping(routes: list[str], left: list[str], count: int) -> None:
    message = request(*routes)
    assert len(strip_own_routes(message, is_me)) == count
    assert message.items("route") == left
    assert message.uri_text == "sip:11@192.0.2.20"


def test_what_was_taken_off_is_given_back() -> None:
    stripped = strip_own_routes(request(US_IN, US_OUT), is_me)
    assert [uri.transport for uri in stripped] == ["tcp", None]


@pytest.mark.parametrize("route", ["<sip:192.0.2.1", "<sip:>", '"x', "<sip:192.0.2.1;lr>, <sip:"])
def test_a_route_that_cannot_be_read_is_an_error(route: str) -> None:
    for do in (strip_own_routes, lambda message, me: yield_to_strict_router(message)):
        with pytest.raises(MalformedMessage):
            do(request(route), is_me)


def test_an_empty_route_header_is_no_route() -> None:
    message = request("")
    assert strip_own_routes(message, is_me) == []
    assert not repair_strict_route(request("", uri="sip:192.0.2.1;lr"), is_me)
    assert not yield_to_strict_router(message)


def test_repair_of_what_a_strict_router_did() -> None:
    """§16.12.1.2: it put our Record-Route into the Request-URI and the callee's address to the end."""
    message = request(OTHER, "<sip:11@192.0.2.20>", uri="sip:192.0.2.1;lr")
    assert repair_strict_route(message, is_me)
    assert message.uri_text == "sip:11@192.0.2.20"
    assert message.items("route") == [US, OTHER]
    assert len(strip_own_routes(message, is_me)) == 1
    assert message.items("route") == [OTHER]


def test_repair_keeps_a_pair_together() -> None:
    message = request(US_OUT, OTHER, "<sip:11@192.0.2.20>", uri=US_IN.strip("<>"))
    assert repair_strict_route(message, is_me)
    assert message.items("route") == [US_IN, US_OUT, OTHER]


@pytest.mark.parametrize(
    "uri",
    [
        "sip:11@192.0.2.1;lr",  # a user of ours
        "sip:192.0.2.1",  # this server itself
        "sip:192.0.2.9;lr",  # another one
        "sip:192.0.2.1:5999;lr",  # a phone on this machine
        "tel:+15551234",
    ],
)
def test_no_repair_of_any_other_request_uri(uri: str) -> None:
    message = request(OTHER, uri=uri)
    assert not repair_strict_route(message, is_me)
    assert (message.uri_text, message.items("route")) == (uri, [OTHER])


def test_no_repair_without_a_route() -> None:
    message = request(uri="sip:192.0.2.1;lr")
    assert not repair_strict_route(message, is_me)
    assert message.uri_text == "sip:192.0.2.1;lr"


def test_yielding_to_a_strict_router() -> None:
    """§16.6 step 6: its address becomes the Request-URI, which goes to the end of the Routes."""
    message = request("<sip:192.0.2.9;x=y>, <sip:192.0.2.8;lr>")
    assert yield_to_strict_router(message)
    assert message.uri_text == "sip:192.0.2.9;x=y"
    assert message.items("route") == ["<sip:192.0.2.8;lr>", "<sip:11@192.0.2.20>"]


@pytest.mark.parametrize("routes", [[], [OTHER], ["<sip:192.0.2.9;lr=on>", "<sip:192.0.2.8>"]])
def test_a_loose_router_needs_nothing(routes: list[str]) -> None:
    message = request(*routes)
    assert not yield_to_strict_router(message)
    assert (message.uri_text, message.items("route")) == ("sip:11@192.0.2.20", routes)
