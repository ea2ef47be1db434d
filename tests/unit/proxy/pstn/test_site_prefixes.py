"""Numbers that begin with another site's prefix."""

from __future__ import annotations

import pytest

from appliance.registrar.preferences import Preferences
from tests.unit.proxy.stage import DOMAIN, Sent, Stage
from tests.unit.proxy.telephone_network import FIRST, dial, from_gateway, stage_with_gateways, to, trust

BRANCH, OTHER = "192.0.2.70", "192.0.2.71"


@pytest.fixture
def stage() -> Stage:
    stage = stage_with_gateways()
    stage.sites(
        {(DOMAIN, "77"): f"{BRANCH}:5080", ("*", "778"): OTHER, (DOMAIN, "9"): DOMAIN, ("*", "66"): "a b"}
    )
    return stage


def uris(sent: list[Sent], host: str) -> list[str]:
    return [each.uri for each in to(sent, host)]


def test_the_prefix_goes_and_the_domain_comes(stage: Stage) -> None:
    assert uris(dial(stage, "77123")[1], BRANCH) == [f"sip:123@{BRANCH}:5080"]


def test_the_longest_prefix_counts_and_a_star_is_any_domain(stage: Stage) -> None:
    assert uris(dial(stage, "77823")[1], OTHER) == [f"sip:23@{OTHER}"]


def test_it_may_be_a_number_here(stage: Stage) -> None:
    stage.bind("11", "sip:11@192.0.2.11")
    assert uris(dial(stage, "911")[1], "192.0.2.11") == ["sip:11@192.0.2.11"]


@pytest.mark.parametrize("number", ["77", "66123", "1177123"])
def test_others_stay(stage: Stage, number: str) -> None:
    sent = dial(stage, number)[1]
    assert not to(sent, BRANCH)
    assert not to(sent, OTHER)


def test_a_stranger_gets_nowhere_by_it(stage: Stage) -> None:
    request = stage.request("INVITE", f"sip:77123@{DOMAIN}", caller="sip:x@elsewhere.example")
    assert not to(stage.receive(request), BRANCH)


def test_a_gateway_gets_nowhere_by_it_unless_it_is_trusted(stage: Stage) -> None:
    assert not to(from_gateway(stage, "77123"), BRANCH)
    trust(stage, FIRST)
    assert to(from_gateway(stage, "77123"), BRANCH)


@pytest.mark.parametrize("target", ["77123", f"sip:77123@{DOMAIN}"])
def test_a_call_is_forwarded_to_a_number_of_another_site(stage: Stage, target: str) -> None:
    stage.wishes[f"11@{DOMAIN}"] = Preferences(always=target)
    assert uris(dial(stage, "11")[1], BRANCH) == [f"sip:123@{BRANCH}:5080"]


def test_who_forwards_answers_for_a_stranger(stage: Stage) -> None:
    stage.wishes[f"11@{DOMAIN}"] = Preferences(always="77123")
    stranger = stage.request("INVITE", f"sip:11@{DOMAIN}", caller="sip:x@elsewhere.example")
    assert uris(stage.receive(stranger), BRANCH) == [f"sip:123@{BRANCH}:5080"]


def test_it_is_no_way_to_a_gateway(stage: Stage) -> None:
    stage.sites({("*", "5"): FIRST})
    assert not to(dial(stage, "50900123")[1], FIRST)
