"""A phone with several flows is called by one after the other (RFC 5626)."""

from __future__ import annotations

import pytest

from appliance.sip.hop import Hop
from tests.unit.proxy.forking.test_response_context import methods, statuses
from tests.unit.proxy.stage import Sent, Stage, cancel_of, response_to

ONE = "<urn:uuid:1>"
NEW, OLD, OTHER = (Hop("udp", f"192.0.2.{number}", 5060) for number in (11, 12, 13))
CONNECTION = Hop("tcp", "192.0.2.11", 40000, 1, 7)


class Called:
    """A user whose phone has the flows ``hops``, the last one being the newest, is called."""

    def __init__(
        self, *hops: Hop, further: bool = False, method: str = "INVITE", path: str | None = None
    ) -> None:
        self.stage = stage = Stage()
        stage.add_user("10")
        if further:
            stage.bind("11", f"sip:11@{OTHER.host}", instance="<urn:uuid:2>", reg_id=1)
        for number, hop in enumerate(hops, start=1):
            contact = f"sip:11@{hop.host}:{hop.port}"
            stage.bind("11", contact, instance=ONE, reg_id=number, hop=hop, path=path)
        self.method = method
        self.invite, self.sent = stage.let_in(stage.request(method))

    @property
    def copies(self) -> list[Sent]:
        return [
            each for each in self.stage.sent if each.message.is_request and each.message.method == self.method
        ]

    def by(self) -> list[str]:
        """By which flows a copy went, in order; retransmissions are one."""
        seen: dict[str, str] = {}
        for each in self.copies:
            seen.setdefault(each.message.branches[0], each.hop.host)
        return list(seen.values())

    def answer(self, status: int) -> list[Sent]:
        last = self.copies[-1]
        return self.stage.receive(response_to(last.message, status), last.hop)


def test_a_phone_rings_once_however_many_flows_it_has() -> None:
    call = Called(OLD, NEW)
    assert call.by() == [NEW.host]
    assert statuses(call.answer(200)) == [200]
    assert call.by() == [NEW.host]


def test_phones_that_are_two_ring_together() -> None:
    assert sorted(Called(OLD, NEW, further=True).by()) == [NEW.host, OTHER.host]


@pytest.mark.parametrize("status", [486, 404, 503])
def test_what_the_phone_answers_is_its_answer(status: int) -> None:
    call = Called(OLD, NEW)
    assert statuses(call.answer(status)) == [500 if status == 503 else status]
    assert call.by() == [NEW.host]


def test_an_edge_proxy_that_has_lost_the_flow_says_430_and_the_next_one_is_tried() -> None:
    call = Called(OLD, NEW)
    call.answer(100)
    assert statuses(call.answer(430)) == []
    assert call.by() == [NEW.host, OLD.host]
    assert statuses(call.answer(200)) == [200]


def test_when_the_last_flow_has_failed_the_callee_is_away() -> None:
    call = Called(OLD, NEW)
    call.answer(430)
    assert statuses(call.answer(430)) == [480]
    lonely = Called(NEW)
    assert statuses(lonely.answer(430)) == [480]


@pytest.mark.parametrize("method", ["INVITE", "MESSAGE"])
def test_a_connection_that_is_gone_is_not_waited_for_when_there_is_another(method: str) -> None:
    stage = Stage()
    stage.add_user("10")
    stage.bind("11", "sip:11@192.0.2.12", instance=ONE, reg_id=1, hop=OLD)
    stage.bind("11", "sip:11@192.0.2.11", instance=ONE, reg_id=2, hop=CONNECTION)
    stage.unreachable.add((CONNECTION.host, CONNECTION.port))
    _, sent = stage.let_in(stage.request(method))
    assert (method, OLD.host) in methods(sent)


def test_silence_for_some_seconds_is_a_flow_that_has_failed() -> None:
    call = Called(OLD, NEW)
    call.stage.advance(4)
    assert call.by() == [NEW.host]
    call.stage.advance(2)
    assert call.by() == [NEW.host, OLD.host]
    assert statuses(call.answer(200)) == [200]


def test_a_phone_that_rings_is_not_silent() -> None:
    call = Called(OLD, NEW)
    call.answer(180)
    call.stage.advance(10)
    assert call.by() == [NEW.host]


def test_a_flow_that_wakes_up_late_is_told_that_it_is_over() -> None:
    call = Called(OLD, NEW)
    first = call.copies[0]
    call.stage.advance(6)
    sent = call.stage.receive(response_to(first.message, 180), first.hop)
    assert ("CANCEL", NEW.host) in methods(sent)


def test_flows_that_have_run_out_meanwhile_are_passed_over() -> None:
    call = Called(OTHER, OLD, NEW)
    for binding in list(call.stage.core.locations):
        if binding.reg_id == 2:
            call.stage.core.locations.drop(binding.ruid)
    call.answer(430)
    assert call.by() == [NEW.host, OTHER.host]


def test_a_caller_who_has_given_up_is_not_called_for() -> None:
    call = Called(OLD, NEW)
    call.answer(180)
    call.stage.receive(cancel_of(call.invite))
    call.answer(430)
    assert call.by() == [NEW.host]


def test_over_a_restart_the_next_flow_is_still_known() -> None:
    call = Called(OLD, NEW)
    call.stage.restarted_in_order()
    call.answer(430)
    assert call.by() == [NEW.host, OLD.host]
