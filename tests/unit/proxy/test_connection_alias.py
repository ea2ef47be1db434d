"""Connections that are to be used again: who is told what about whom (RFC 5923)."""

from __future__ import annotations

import pytest

from appliance.sip.hop import Hop
from appliance.storage.peers import Trusted
from tests.harness.message import Message
from tests.unit.proxy.stage import Stage

PEER = Hop("tls", "192.0.2.77", 40_000, 1, 7)
TCP = PEER._replace(transport="tcp")


@pytest.fixture
def stage() -> Stage:
    return Stage()


def request(stage: Stage, via: str) -> Message:
    return stage.request("OPTIONS").with_header("Via", f"SIP/2.0/{via};branch=z9hG4bKx{len(stage.sent)}")


def test_a_stranger_is_not_trusted_and_the_sockets_are_told_so(stage: Stage) -> None:
    stage.receive(request(stage, "TLS peer.example;alias"), PEER)
    stage.receive(request(stage, "TCP peer.example:5070;alias"), TCP)
    assert stage.aliased == [(PEER, 5061, False), (TCP, 5070, False)]


def test_a_trusted_peer_is(stage: Stage) -> None:
    stage.peers(trusted=[Trusted(1, "192.0.2.77", "any", "", "")])
    stage.receive(request(stage, "TCP peer.example;alias"), TCP)
    assert stage.aliased == [(TCP, 5060, True)]


def test_who_does_not_ask_is_not_given(stage: Stage) -> None:
    stage.receive(request(stage, "TLS peer.example"), PEER)
    stage.receive(request(stage, "UDP 192.0.2.77;alias"), Hop("udp", "192.0.2.77", 5060))
    assert stage.aliased == []
