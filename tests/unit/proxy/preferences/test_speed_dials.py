"""Two digits that a user has given a meaning."""

from __future__ import annotations

import pytest

from tests.unit.proxy.stage import DOMAIN, Sent, Stage
from tests.unit.proxy.telephone_network import FIRST, dial, stage_with_gateways, to


def make_stage(kind: str = "redirect") -> Stage:
    stage = stage_with_gateways(forwarding={"speed_dial": kind})
    stage.dials[f"10@{DOMAIN}"] = {"21": f"sip:12@{DOMAIN}", "22": f"sip:089123456@{DOMAIN}"}
    stage.bind("12", "sip:12@192.0.2.12")
    return stage


@pytest.fixture
def stage() -> Stage:
    return make_stage()


def statuses(sent: list[Sent]) -> list[int]:
    return [each.message.status for each in sent if each.message.status]


def test_the_caller_is_told_whom_they_mean(stage: Stage) -> None:
    _, (reply,) = dial(stage, "21")
    assert (reply.message.status, reply.message.reason) == (302, "Speed Dial Redirect")
    assert reply.message.get("Contact") == f"<sip:12@{DOMAIN}>"


def test_or_it_is_called_at_once() -> None:
    stage = make_stage("relay")
    assert to(dial(stage, "21")[1], "192.0.2.12")
    (invite,) = to(dial(stage, "22")[1], FIRST)
    assert invite.uri == f"sip:089123456@{FIRST}"


def test_the_rights_are_the_callers_when_it_is_called_at_once() -> None:
    stage = make_stage("relay")
    stage.rights["10"] = ()
    assert statuses(dial(stage, "22")[1]) == [403]


@pytest.mark.parametrize("number", ["12", "2", "211", "2x"])
def test_what_is_no_speed_dial_of_his_is_called_as_it_is(stage: Stage, number: str) -> None:
    _, sent = dial(stage, number)
    assert bool(to(sent, "192.0.2.12")) == (number == "12")
    assert 302 not in statuses(sent)


@pytest.mark.parametrize("kind", ["redirect", "relay"])
@pytest.mark.parametrize("target", ["12", "sip:12@x>\r\nX-Forged: 1", ""])
def test_what_is_no_uri_is_no_speed_dial(kind: str, target: str) -> None:
    stage = make_stage(kind)
    stage.dials[f"10@{DOMAIN}"] = {"21": target}
    (reply,) = dial(stage, "21")[1]
    assert reply.message.status == 480
    assert not reply.message.all("X-Forged")


def test_they_are_nobody_elses(stage: Stage) -> None:
    assert statuses(dial(stage, "21", "11")[1]) == [480]
    request = stage.request("INVITE", f"sip:21@{DOMAIN}", caller="sip:x@elsewhere.example")
    assert statuses(stage.receive(request)) == [480]


def test_they_may_be_switched_off() -> None:
    assert statuses(dial(make_stage("off"), "21")[1]) == [480]
