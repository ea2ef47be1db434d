"""Presence, busy lamps and waiting messages: to a server, to the phones, or nowhere."""

from __future__ import annotations

import pytest

from appliance.sip.hop import Hop
from tests.unit.proxy.stage import Sent, Stage
from tests.unit.proxy.telephone_network import to

SERVER, PHONE = "192.0.2.50", "192.0.2.11"


def make_stage(server: str = SERVER) -> Stage:
    stage = Stage(presence={"server": server})
    stage.add_user("10")
    stage.bind("11", f"sip:11@{PHONE}")
    return stage


def ask(stage: Stage, method: str, event: str = "presence;id=1", user: str = "11") -> list[Sent]:
    request = stage.request(method, f"sip:{user}@example.org", headers=(("Event", event),))
    return stage.let_in(request)[1]


def statuses(sent: list[Sent]) -> list[int]:
    return [each.message.status for each in sent if each.message.status]


@pytest.mark.parametrize("method", ["SUBSCRIBE", "PUBLISH"])
def test_the_server_is_asked(method: str) -> None:
    for event in ("presence;id=1", "Dialog", "message-summary"):
        (request,) = to(ask(make_stage(), method, event), SERVER)
        assert request.uri == "sip:11@example.org"
        assert request.all("Route") == [f"<sip:{SERVER};lr>"]
        assert request.has("Record-Route") == (method == "SUBSCRIBE")


def test_by_its_port_and_transport() -> None:
    (sent,) = [
        each for each in ask(make_stage(f"{SERVER}:5070;transport=tcp"), "SUBSCRIBE") if each.hop.port == 5070
    ]
    assert (sent.hop.transport, sent.hop.host) == ("tcp", SERVER)


@pytest.mark.parametrize(("method", "event"), [("SUBSCRIBE", "ua-profile"), ("NOTIFY", "message-summary")])
def test_the_phones_get_the_rest(method: str, event: str) -> None:
    assert to(ask(make_stage(), method, event), PHONE)


@pytest.mark.parametrize("server", [SERVER, "presence.example"])
def test_what_the_server_sends_goes_to_the_phones(server: str) -> None:
    stage = make_stage(server)
    stage.hosts["presence.example"] = ["192.0.2.250", SERVER]
    request = stage.request(
        "SUBSCRIBE", caller="sip:x@elsewhere.example", source=SERVER, headers=(("Event", "dialog"),)
    )
    assert to(stage.receive(request, Hop("udp", SERVER, 5060)), PHONE)


@pytest.mark.parametrize("method", ["SUBSCRIBE", "PUBLISH", "NOTIFY"])
def test_without_a_server_and_without_a_phone_it_is_489(method: str) -> None:
    stage = make_stage("")
    assert to(ask(stage, method), PHONE)
    assert statuses(ask(stage, method, user="12")) == [489]


def test_a_stranger_is_not_told_who_is_there() -> None:
    stage = make_stage("")
    stage.add_user("12")
    for user in ("12", "nobody"):
        request = stage.request("SUBSCRIBE", f"sip:{user}@example.org", caller="sip:x@elsewhere.example")
        assert statuses(stage.receive(request)) == [489]
