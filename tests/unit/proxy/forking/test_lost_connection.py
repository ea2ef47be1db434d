"""Calls for a phone on TCP whose connection is gone."""

from __future__ import annotations

from appliance.sip.hop import Hop
from tests.unit.proxy.forking.test_response_context import CONTACTS, methods, statuses
from tests.unit.proxy.stage import Stage


def test_a_tcp_phone_whose_connection_is_gone_holds_nobody_up() -> None:
    stage = Stage()
    stage.add_user("10")
    stage.bind("11", CONTACTS[0], hop=Hop("tcp", "192.0.2.11", 40000))
    stage.bind("11", CONTACTS[1])
    stage.unreachable.add(("192.0.2.11", 40000))
    _, sent = stage.let_in(stage.request("INVITE"))
    assert methods(sent) == [("INVITE", "192.0.2.12")]
    stage = Stage()
    stage.add_user("10")
    stage.bind("11", CONTACTS[0], hop=Hop("tcp", "192.0.2.11", 40000))
    stage.unreachable.add(("192.0.2.11", 40000))
    _, sent = stage.let_in(stage.request("INVITE"))
    assert statuses(sent) == [100]
    assert statuses(stage.advance(5.1)) == [480]
    assert stage.metrics.flow_failures == {"returned": 0, "gone": 1}


def test_a_phone_that_registers_by_a_new_connection_meanwhile_is_called_there() -> None:
    stage = Stage()
    stage.add_user("10")
    stage.bind("11", CONTACTS[0], hop=Hop("tcp", "192.0.2.11", 40000))
    stage.unreachable.add(("192.0.2.11", 40000))
    stage.let_in(stage.request("INVITE"))
    assert methods(stage.advance(1)) == []
    stage.bind("11", CONTACTS[1], hop=Hop("tcp", "192.0.2.11", 40001))
    sent = stage.advance(0.5)
    assert [(each.message.method, each.hop.port) for each in sent] == [("INVITE", 40001)]
    assert stage.metrics.flow_failures == {"returned": 1, "gone": 0}
