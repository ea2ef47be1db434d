from __future__ import annotations

import pytest

from appliance.proxy.neighbour_routes import NeighbourRoutes
from appliance.sip.message import Request
from appliance.sip.parser import parse
from appliance.sip.uri import Uri

PATH = "<sip:192.0.2.2:5060;lr;nb=abc>"


class Wall:
    now = 5000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def wall() -> Wall:
    return Wall()


def invite(route: str = "", *, call_id: str = "c1", tag: str = "t1", method: str = "INVITE") -> Request:
    lines = [
        f"{method} sip:10@198.51.100.7 SIP/2.0",
        "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1",
        *([f"Route: {route}"] if route else []),
        f"From: <sip:11@example.org>;tag={tag}",
        "To: <sip:10@example.org>",
        f"Call-ID: {call_id}",
        f"CSeq: 1 {method}",
        "Max-Forwards: 70",
        "Content-Length: 0",
    ]
    message = parse(("\r\n".join(lines) + "\r\n\r\n").encode())
    assert isinstance(message, Request)
    return message


def is_me(uri: Uri) -> bool:
    return (uri.host, uri.port) == ("192.0.2.2", 5060)


def routes(wall: Wall, key: bytes = b"k" * 32) -> NeighbourRoutes:
    return NeighbourRoutes(key, 30, wall)


def test_what_one_has_signed_the_other_believes(wall: Wall) -> None:
    request = invite(routes(wall).sign(PATH, invite()))
    assert routes(wall).binding_of(request, is_me) == "abc"
    assert not request.has("route"), "it is taken off"


def test_another_path_stays_as_it_is(wall: Wall) -> None:
    assert routes(wall).sign("<sip:192.0.2.3;lr>", invite()) == "<sip:192.0.2.3;lr>"


@pytest.mark.parametrize("change", [{"call_id": "c2"}, {"tag": "t2"}, {"method": "MESSAGE"}])
def test_a_route_is_good_for_its_own_request_alone(wall: Wall, change: dict[str, str]) -> None:
    request = invite(routes(wall).sign(PATH, invite()), **change)
    assert routes(wall).binding_of(request, is_me) is None
    assert request.has("route")


def test_a_route_is_good_for_its_own_binding_alone(wall: Wall) -> None:
    route = routes(wall).sign(PATH, invite()).replace("nb=abc", "nb=abd")
    assert routes(wall).binding_of(invite(route), is_me) is None


def test_nobody_else_can_sign(wall: Wall) -> None:
    for route in (PATH, routes(wall, b"x" * 32).sign(PATH, invite()), f"{PATH[:-1]};at=1388;sig=00>"):
        assert routes(wall).binding_of(invite(route), is_me) is None


def test_a_path_that_a_phone_has_registered_makes_us_sign_for_nobody_else(wall: Wall) -> None:
    route = routes(wall).sign("<sip:203.0.113.66:5060;lr;nb=abc>", invite())
    moved = route.replace("203.0.113.66", "192.0.2.2")
    assert routes(wall).binding_of(invite(moved), is_me) is None
    assert routes(wall).binding_of(invite(route), is_me) is None


def test_a_route_is_not_believed_for_long(wall: Wall) -> None:
    route = routes(wall).sign(PATH, invite())
    wall.now += 32
    assert routes(wall).binding_of(invite(route), is_me) is None
