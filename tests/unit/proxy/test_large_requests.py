"""Large requests: by TCP, by UDP where TCP is refused, and never off a phone's flow."""

from __future__ import annotations

import pytest

from appliance.sip.hop import Hop
from appliance.sip.srv import Srv
from tests.unit.proxy.stage import Sent, Stage, response_to

FAR = "203.0.113.1"
URI = "sip:bob@elsewhere.example"
LARGE = b"x" * 1300


@pytest.fixture
def stage() -> Stage:
    stage = Stage()
    stage.add_user("10")
    stage.hosts["elsewhere.example"] = [FAR]
    return stage


def copy(stage: Stage, uri: str = URI, body: bytes = LARGE, **options: object) -> Sent:
    _, sent = stage.let_in(stage.request("INVITE", uri, body=body, **options))  # type: ignore[arg-type]
    (found,) = [each for each in sent if each.message.is_request]
    return found


def test_a_large_one_goes_by_tcp_and_says_so(stage: Stage) -> None:
    sent = copy(stage)
    assert sent.hop[:3] == ("tcp", FAR, 5060)
    assert sent.message.all("Via")[0].startswith("SIP/2.0/TCP ")
    assert ";transport=tcp;" in sent.message.all("Record-Route")[0]
    assert copy(stage, body=b"").hop[:3] == ("udp", FAR, 5060)


def test_the_limit_counts_what_is_added_here(stage: Stage) -> None:
    sizes = {}
    for length in range(0, 1300, 50):
        sent = copy(stage, body=b"x" * length)
        sizes[len(sent.message.encode())] = sent.hop.transport
    assert {"udp", "tcp"} == set(sizes.values())
    assert all(size <= 1300 for size, transport in sizes.items() if transport == "udp")


def test_whoever_refuses_tcp_gets_it_by_udp_and_is_not_asked_again_for_a_while(stage: Stage) -> None:
    tried: list[Hop] = []

    def refuse(hop: Hop) -> None:
        if hop.reliable:
            tried.append(hop)
            raise OSError("refused")

    stage.refuses = refuse
    assert [copy(stage).hop.transport for _ in range(3)] == ["udp"] * 3
    assert [hop[:3] for hop in tried] == [("tcp", FAR, 5060)]
    stage.now += 601
    copy(stage)
    assert len(tried) == 2


def test_a_uri_that_says_its_transport_is_heeded(stage: Stage) -> None:
    assert copy(stage, f"{URI};transport=tcp", b"").hop.transport == "tcp"


def test_each_server_of_a_domain_is_asked(stage: Stage) -> None:
    stage.srvs["_sip._udp.elsewhere.example"] = [
        Srv(number, 0, 5070 + number, "elsewhere.example") for number in range(2)
    ]
    first = copy(stage)
    assert first.hop[:3] == ("tcp", FAR, 5070)
    sent = stage.receive(response_to(first.message, 503), first.hop)
    assert ("tcp", FAR, 5071) in [each.hop[:3] for each in sent]


def test_a_registered_phone_is_called_by_its_flow(stage: Stage) -> None:
    stage.bind("11", "sip:11@192.0.2.11", hop=Hop("udp", "192.0.2.11", 5060, 0))
    assert copy(stage, "sip:11@example.org").hop.transport == "udp"
    stage.bind("12", "sip:12@192.0.2.12")
    assert copy(stage, "sip:12@example.org").hop.transport == "udp"


def test_it_may_be_switched_off() -> None:
    stage = Stage(sip={"udp_bytes": 0})
    stage.add_user("10")
    stage.hosts["elsewhere.example"] = [FAR]
    assert copy(stage).hop.transport == "udp"
