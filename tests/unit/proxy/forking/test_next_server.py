"""A domain with several servers: when the next one is tried, and with what (RFC 3263 §4.3)."""

from __future__ import annotations

import pytest

from appliance.sip.srv import Srv
from tests.unit.proxy.stage import Sent, Stage, cancel_of, response_to

SERVERS = [f"203.0.113.{number}" for number in (1, 2, 3)]
URI = "sip:bob@elsewhere.example"


@pytest.fixture
def stage() -> Stage:
    stage = Stage()
    stage.add_user("10")
    for number, address in enumerate(SERVERS):
        stage.hosts[f"sip{number}.elsewhere.example"] = [address]
    stage.srvs["_sip._udp.elsewhere.example"] = [
        Srv(number, 0, 5070, f"sip{number}.elsewhere.example") for number in range(3)
    ]
    return stage


def copies(sent: list[Sent], method: str = "INVITE") -> list[Sent]:
    found = [each for each in sent if each.message.is_request and each.message.method == method]
    return [
        each for index, each in enumerate(found) if each.hop not in [other.hop for other in found[:index]]
    ]


def statuses(sent: list[Sent]) -> list[int]:
    return [each.message.status for each in sent if not each.message.is_request]


def gone_over(stage: Stage) -> dict[str, int]:
    return {cause: times for cause, times in stage.metrics.next_servers.items() if times}


def begin(stage: Stage, method: str = "INVITE", uri: str = URI) -> Sent:
    (copy,) = copies(stage.let_in(stage.request(method, uri))[1], method)
    return copy


def test_after_503_the_next_server_gets_a_copy_of_its_own(stage: Stage) -> None:
    first = begin(stage)
    assert (first.hop.host, first.hop.port) == (SERVERS[0], 5070)
    sent = stage.receive(response_to(first.message, 503), first.hop)
    (second,) = copies(sent)
    assert second.hop.host == SERVERS[1]
    assert second.message.uri == URI
    assert second.message.branches[0] != first.message.branches[0]
    assert second.message.branches[1:] == first.message.branches[1:]
    assert second.message.get("CSeq") == first.message.get("CSeq")
    assert [each.hop.host for each in sent if each.message.method == "ACK"] == [SERVERS[0]]
    assert statuses(sent) == []
    assert statuses(stage.receive(response_to(second.message, 200), second.hop)) == [200]
    assert gone_over(stage) == {"unavailable": 1}


def test_who_says_nothing_at_all_is_given_up_after_seconds(stage: Stage) -> None:
    begin(stage)
    assert {each.hop.host for each in stage.advance(3.9)} == {SERVERS[0]}
    (second,) = [each for each in copies(stage.advance(0.2)) if each.hop.host != SERVERS[0]]
    assert second.hop.host == SERVERS[1]
    assert statuses(stage.receive(response_to(second.message, 486), second.hop)) == [486]
    assert gone_over(stage) == {"silent": 1}


def test_who_answers_late_has_answered_all_the_same(stage: Stage) -> None:
    first = begin(stage)
    (second,) = [each for each in copies(stage.advance(4.1)) if each.hop.host == SERVERS[1]]
    stage.receive(response_to(second.message, 180), second.hop)
    sent = stage.receive(response_to(first.message, 200), first.hop)
    assert statuses(sent) == [200]
    assert [each.hop.host for each in copies(sent, "CANCEL")] == [SERVERS[1]]


def test_who_has_said_that_he_tries_is_waited_for(stage: Stage) -> None:
    first = begin(stage)
    stage.receive(response_to(first.message, 100), first.hop)
    assert copies(stage.advance(30)) == []


@pytest.mark.parametrize("status", [302, 404, 408, 486, 500, 504, 600])
def test_any_other_answer_is_the_answer(stage: Stage, status: int) -> None:
    first = begin(stage)
    sent = stage.receive(response_to(first.message, status), first.hop)
    assert statuses(sent) == [status]
    assert copies(sent) == []


def test_when_all_have_failed_the_caller_is_told_once(stage: Stage) -> None:
    copy = begin(stage)
    hosts = [copy.hop.host]
    for _ in SERVERS[1:]:
        (copy,) = copies(stage.receive(response_to(copy.message, 503), copy.hop))
        hosts.append(copy.hop.host)
    assert hosts == SERVERS
    # 503 would say that this proxy is overloaded (RFC 3261 §16.7 step 6).
    assert statuses(stage.receive(response_to(copy.message, 503), copy.hop)) == [500]
    assert [each.host for each in stage.core.failed_destinations.listed()] == SERVERS[:2]


def test_every_method_goes_over(stage: Stage) -> None:
    first = begin(stage, "MESSAGE")
    (second,) = [each for each in copies(stage.advance(4.1), "MESSAGE") if each.hop.host != SERVERS[0]]
    assert second.message.branches[0] != first.message.branches[0]
    assert statuses(stage.receive(response_to(second.message, 200), second.hop)) == [200]


def test_a_connection_that_cannot_be_opened_costs_no_copy(stage: Stage) -> None:
    stage.srvs["_sip._tcp.elsewhere.example"] = stage.srvs.pop("_sip._udp.elsewhere.example")
    stage.unreachable.update((address, 5070) for address in SERVERS[:2])
    assert begin(stage).hop[:3] == ("tcp", SERVERS[2], 5070)


def test_a_connection_that_breaks_leads_to_the_next_server(stage: Stage) -> None:
    stage.srvs["_sip._tcp.elsewhere.example"] = stage.srvs.pop("_sip._udp.elsewhere.example")
    first = begin(stage)
    stage.core.connection_lost(first.hop, stage.now)
    (second,) = copies(stage.advance(0.1))
    assert second.hop.host == SERVERS[1]
    assert gone_over(stage) == {"unreachable": 1}


def test_a_caller_who_gives_up_is_not_called_for_any_more(stage: Stage) -> None:
    invite, sent = stage.let_in(stage.request("INVITE", URI))
    (first,) = copies(sent)
    stage.receive(response_to(first.message, 180), first.hop)
    stage.receive(cancel_of(invite))
    sent = stage.receive(response_to(first.message, 503), first.hop)
    assert copies(sent) == []
    assert statuses(sent) == [487]


def test_it_goes_on_after_a_restart(stage: Stage) -> None:
    begin(stage)
    stage.restarted_in_order()
    hosts = {each.hop.host for each in stage.advance(40)}
    assert hosts >= set(SERVERS[:2])


def test_a_gateways_challenge_and_another_server_have_numbers_of_their_own(stage: Stage) -> None:
    """No copy may have the branch of one that still lingers."""
    copy = begin(stage)
    branches = [copy.message.branches[0]]
    for _ in SERVERS[1:]:
        (copy,) = copies(stage.receive(response_to(copy.message, 503), copy.hop))
        branches.append(copy.message.branches[0])
    assert len(set(branches)) == 3
