"""Addresses at which nobody has answered: others come before them for a while."""

from __future__ import annotations

import pytest

from appliance.proxy.pstn.failed_destinations import FailedDestination, FailedDestinations
from appliance.sip.hop import Hop
from tests.unit.proxy.stage import Sent, Stage, response_to

ONE, OTHER = "203.0.113.1", "203.0.113.2"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def hop(host: str, port: int = 5060) -> Hop:
    return Hop("udp", host, port, 0)


class TestList:
    def test_the_first_that_has_not_failed(self) -> None:
        clock = Clock()
        failed = FailedDestinations(60, clock)
        both = [hop(ONE), hop(OTHER)]
        assert failed.last_of(both) == both
        failed.failed(hop(ONE))
        assert failed.last_of(both) == [hop(OTHER), hop(ONE)]
        for elsewhere in (
            [hop(ONE, 5070), hop(OTHER, 5070)],
            [Hop("tcp", ONE, 5060), Hop("tcp", OTHER, 5060)],
        ):
            assert failed.last_of(elsewhere) == elsewhere
        assert failed.last_of(both[:1]) == both[:1]
        clock.now += 1
        failed.failed(hop(OTHER))
        assert failed.last_of(both) == both
        failed.failed(hop(ONE))
        clock.now += 1
        failed.failed(hop(OTHER))
        assert failed.last_of(both[::-1]) == both
        clock.now += 61
        assert failed.last_of(both[::-1]) == both[::-1]
        assert failed.listed() == []

    def test_it_is_bounded_and_the_oldest_goes(self) -> None:
        failed = FailedDestinations(60, Clock())
        for number in range(1001):
            failed.failed(hop(ONE, number))
        failed.failed(hop(ONE, 1))
        assert [each.port for each in (failed.listed()[0], failed.listed()[-1])] == [2, 1]
        assert len(failed.listed()) == 1000

    def test_it_may_be_switched_off(self) -> None:
        failed = FailedDestinations(0, Clock())
        failed.failed(hop(ONE))
        assert failed.listed() == []


@pytest.fixture
def stage() -> Stage:
    stage = Stage()
    stage.add_user("10")
    stage.hosts["elsewhere.example"] = [ONE, OTHER]
    return stage


def call(stage: Stage, uri: str = "sip:x@elsewhere.example") -> Sent:
    """The INVITE that leaves for a call."""
    _, sent = stage.let_in(stage.request("INVITE", uri))
    (invite,) = [each for each in sent if each.message.method == "INVITE" and not each.message.status]
    return invite


def test_who_did_not_answer_is_tried_last(stage: Stage) -> None:
    assert call(stage).hop.host == ONE
    (after,) = [each for each in stage.advance(4.1) if each.hop.host == OTHER]
    stage.receive(response_to(after.message, 486), after.hop)
    again = call(stage)
    assert again.hop.host == OTHER
    stage.receive(response_to(again.message, 486), again.hop)
    (listed,) = stage.core.failed_destinations.listed()
    assert listed[:3] == FailedDestination("udp", ONE, 5060, 0)[:3]
    stage.advance(61)
    assert call(stage).hop.host == ONE


def test_a_connection_that_is_refused_is_a_failure(stage: Stage) -> None:
    stage.unreachable.add((ONE, 5060))
    for _ in range(2):
        assert call(stage, "sip:x@elsewhere.example;transport=tcp").hop.host == OTHER
    assert [each.host for each in stage.core.failed_destinations.listed()] == [ONE]
    stage.unreachable.add((OTHER, 5060))
    request = stage.request("INVITE", "sip:x@elsewhere.example;transport=tcp")
    assert 480 in [each.message.status for each in stage.let_in(request)[1]]


def test_whoever_has_said_anything_has_not_failed(stage: Stage) -> None:
    invite = call(stage)
    stage.receive(response_to(invite.message, 180), invite.hop)
    stage.advance(130)
    assert stage.core.failed_destinations.listed() == []
    stage.hosts["elsewhere.example"] = [ONE]
    invite = call(stage)
    stage.receive(response_to(invite.message, 503), invite.hop)
    assert stage.core.failed_destinations.listed() == []


def test_a_phone_is_no_destination(stage: Stage) -> None:
    stage.bind("11", "sip:11@192.0.2.11")
    assert call(stage, "sip:11@example.org").hop.host == "192.0.2.11"
    stage.advance(130)
    assert stage.core.failed_destinations.listed() == []
