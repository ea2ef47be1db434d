"""Keep-alives are switched off and on."""

from __future__ import annotations

import dataclasses

import pytest

from appliance.errors import ControlError
from appliance.operations import commands
from appliance.operations.departure import prepare
from appliance.sip.hop import Hop
from tests.unit.operations.conftest import LISTENERS, Bench


def test_they_are_switched(bench: Bench) -> None:
    def keep_alive(enabled: bool) -> bool:
        switched.append(enabled)
        return True

    switched: list[bool] = []
    enable = commands(dataclasses.replace(bench.box, keep_alive=keep_alive))["nat_ping"]
    enable(enabled=False)
    enable(enabled=True)
    assert switched == [False, True]


def test_there_is_nothing_to_switch_where_the_settings_have_none(bench: Bench) -> None:
    with pytest.raises(ControlError) as refused:
        commands(bench.box)["nat_ping"](enabled=True)
    assert refused.value.code == 400


def test_status_tells_of_keep_alives_that_are_late(bench: Bench) -> None:
    late = 9.0
    status = commands(dataclasses.replace(bench.box, nated=lambda: (7, late)))["status"]
    assert (status()["nated"], status()["problems"]) == (7, [])
    late = 11.0
    (problem,) = status()["problems"]
    assert problem["what"].startswith("Keep-alives to 7 phones behind a NAT are 11 s late")


def test_requests_of_our_own_have_the_advertised_address(bench: Bench) -> None:
    names = [(transport, "203.0.113.7", 5070) for transport, _, _ in LISTENERS]
    from appliance.sip.message import Request

    request = Request.create("OPTIONS", "sip:10@192.0.2.5", [("Contact", "<sip:!!>")])
    prepare(dataclasses.replace(bench.box, names=names), request, Hop("udp", "192.0.2.5", 5060, -1))
    assert request.via.sent_by == ("203.0.113.7", 5070)
    assert request.first("contact") == "<sip:203.0.113.7:5070>"
