"""Requests to a GRUU reach one phone of the user, in a dialog or out of one (RFC 5627)."""

from __future__ import annotations

import re

import pytest

from appliance.registrar.preferences import Preferences
from appliance.sip.hop import Hop
from tests.unit.proxy.forking.test_response_context import statuses
from tests.unit.proxy.stage import DOMAIN, Sent, Stage, response_to

FIRST, SECOND = Hop("udp", "192.0.2.11", 5060), Hop("udp", "192.0.2.12", 5060)
ON = {"gruu": True}


def registered(stage: Stage, hop: Hop, instance: str, supported: str = "gruu") -> str:
    """11 registers a phone there; the Contact of the answer that is this phone's."""
    request = stage.request(
        "REGISTER",
        f"sip:{DOMAIN}",
        caller=f"sip:11@{DOMAIN}",
        to=f"sip:11@{DOMAIN}",
        source=hop.host,
        headers=[("Supported", supported)],
    )
    contact = f'<sip:11@{hop.host}>;+sip.instance="<urn:uuid:{instance}>"'
    _, sent = stage.let_in(request.with_header("Contact", contact), hop, username="11")
    assert sent[-1].message.status == 200
    return next(each for each in sent[-1].message.all("Contact") if f"@{hop.host}" in each)


def gruu_of(contact: str, kind: str) -> str:
    found = re.search(f'{kind}-gruu="([^"]*)"', contact)
    assert found, contact
    return found[1]


@pytest.fixture
def stage() -> Stage:
    stage = Stage(registrar=ON)
    for user in ("10", "11"):
        stage.add_user(user)
    return stage


def called(stage: Stage, uri: str, method: str = "INVITE") -> list[Sent]:
    _, sent = stage.let_in(stage.request(method, uri))
    return sent


@pytest.mark.parametrize("kind", ["pub", "temp"])
@pytest.mark.parametrize("method", ["INVITE", "SUBSCRIBE", "MESSAGE"])
def test_one_phone_of_two_is_reached(stage: Stage, kind: str, method: str) -> None:
    gruu = gruu_of(registered(stage, FIRST, "1"), kind)
    registered(stage, SECOND, "2")
    sent = [each for each in called(stage, gruu, method) if each.message.is_request]
    assert [each.hop.host for each in sent] == [FIRST.host]
    assert sent[0].message.uri == f"sip:11@{FIRST.host}"


def test_who_does_not_ask_gets_none(stage: Stage) -> None:
    assert "gruu" not in registered(stage, FIRST, "1", supported="path")


def test_where_it_is_off_nobody_does() -> None:
    stage = Stage()
    stage.add_user("11")
    assert "gruu" not in registered(stage, FIRST, "1")


@pytest.mark.parametrize("kind", ["pub", "temp"])
def test_a_phone_that_is_gone_is_away(stage: Stage, kind: str) -> None:
    gruu = gruu_of(registered(stage, FIRST, "1"), kind)
    registered(stage, SECOND, "2")
    for binding in list(stage.core.locations):
        if binding.instance == "<urn:uuid:1>":
            stage.core.locations.drop(binding.ruid)
    assert statuses(called(stage, gruu))[-1] == 480


def test_an_invented_one_is_not_found(stage: Stage) -> None:
    registered(stage, FIRST, "1")
    assert (
        statuses(called(stage, f"sip:tgruu.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA@{DOMAIN};gr"))[-1] == 404
    )


def test_an_unknown_user_looks_like_one_who_is_away(stage: Stage) -> None:
    assert statuses(called(stage, f"sip:99@{DOMAIN};gr=urn:uuid:1"))[-1] == 480


def test_whom_he_has_blocked_does_not_reach_him_that_way(stage: Stage) -> None:
    gruu = gruu_of(registered(stage, FIRST, "1"), "pub")
    stage.wishes[f"11@{DOMAIN}"] = Preferences(blocked=frozenset({"10"}))
    assert statuses(called(stage, gruu))[-1] == 603


def test_within_a_call_too(stage: Stage) -> None:
    """A phone whose Contact is its GRUU: its other phones do not hear of the call."""
    gruu = gruu_of(registered(stage, FIRST, "1"), "temp")
    registered(stage, SECOND, "2")
    _, sent = stage.let_in(stage.request("INVITE", gruu, call_id="call"))
    copy = next(each.message for each in sent if each.message.method == "INVITE")
    (answer,) = stage.receive(response_to(copy, 200, tag="b"), FIRST)
    routes = [("Route", route) for route in answer.message.all("Record-Route")]
    bye = stage.request("BYE", gruu, to_tag="b", call_id="call", cseq=9, headers=routes)
    sent = [each for each in stage.receive(bye) if each.message.method == "BYE"]
    assert [each.hop.host for each in sent] == [FIRST.host]
