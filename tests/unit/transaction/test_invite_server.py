"""The INVITE server transaction, its timers and transports: figure 7 of RFC 3261."""

from __future__ import annotations

import pytest

from appliance.sip.hop import Hop
from appliance.transaction.invite_server import InviteServerTransaction
from appliance.transaction.machine import (
    ACCEPTED,
    CONFIRMED,
    PROCEEDING,
    TERMINATED,
)
from appliance.transaction.timers import TimerSettings
from tests.unit.transaction.conftest import Bench
from tests.unit.transaction.messages import TCP, UDP, answer, request


def test_a_refusal_is_sent_again_by_timer_g_until_timer_h(bench: Bench) -> None:
    bench.server().respond(486, answer(486), 0.0)
    bench.run_until(40)
    assert bench.times == [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert bench.told == [(32.0, "terminated")]
    assert bench.table.timeouts == {"ACK": 1}
    assert bench.table.retransmissions["out", "response"] == 10
    assert bench.is_empty()


def test_over_tcp_a_refusal_is_sent_once_and_timer_h_still_ends_it(bench: Bench) -> None:
    bench.server(hop=TCP).respond(486, answer(486), 0.0)
    bench.run_until(31.98)
    assert bench.times == [0]
    assert not bench.is_empty()
    bench.run_until(32)
    assert bench.words == ["terminated"]
    assert bench.is_empty()


def test_the_ack_stops_the_copies_and_timer_i_absorbs_what_is_late(bench: Bench) -> None:
    transaction = bench.server()
    transaction.respond(486, answer(486), 0.0)
    bench.run_until(2)
    assert bench.table.absorb(request("ACK", to_tag="callee"), bench.now)
    bench.clear()
    bench.run_until(6.98)
    assert bench.table.absorb(request("ACK", to_tag="callee"), bench.now)
    assert transaction.state == CONFIRMED
    bench.run_until(7)
    assert bench.sent == []
    assert bench.told == [(7.0, "terminated")]
    assert bench.table.timeouts == {}
    bench.run_until(8)
    assert bench.is_empty()


def test_over_tcp_the_ack_ends_it_at_once(bench: Bench) -> None:
    transaction = bench.server(hop=TCP)
    transaction.respond(486, answer(486), 0.0)
    assert bench.table.absorb(request("ACK", to_tag="callee"), 0.0)
    assert transaction.state == TERMINATED
    assert bench.words == ["terminated"]
    assert bench.is_empty()


def test_a_lost_ack(bench: Bench) -> None:
    """The caller's ACK is lost; the refusal comes again, and the ACK for the copy ends the copies."""
    bench.server().respond(486, answer(486), 0.0)
    bench.run_until(0.5)
    assert len(bench.sent) == 2
    assert bench.table.absorb(request("ACK", to_tag="callee"), bench.now)
    bench.run_until(31)
    assert len(bench.sent) == 2
    assert bench.is_empty()


@pytest.mark.parametrize("hop", [UDP, TCP])
def test_an_accepted_invite_lingers_for_timer_l_and_sends_nothing_itself(bench: Bench, hop: Hop) -> None:
    transaction = bench.server(hop=hop)
    transaction.respond(200, answer(200), 0.0)
    bench.run_until(16)
    assert bench.table.absorb(request(), bench.now), "a late copy of the INVITE is absorbed, no new call"
    transaction.respond(200, answer(200), bench.now)
    assert not transaction.respond(486, answer(486), bench.now)
    assert not bench.table.absorb(request("ACK", to_tag="callee"), bench.now), "the ACK of a 2xx is routed"
    bench.run_until(31.98)
    assert bench.times == [0, 16]
    assert transaction.state == ACCEPTED
    bench.run_until(32)
    assert bench.words == ["terminated"]
    assert bench.is_empty()


def test_while_it_rings_no_timer_runs(bench: Bench) -> None:
    transaction = bench.server()
    transaction.respond(100, answer(100), 0.0)
    transaction.respond(180, answer(180), 0.0)
    bench.clear()
    bench.run_until(170)
    assert bench.sent == []
    assert transaction.state == PROCEEDING
    assert len(bench.table.wheel) == 0


def test_a_copy_before_any_answer_is_absorbed_in_silence(bench: Bench) -> None:
    bench.server()
    assert bench.table.absorb(request(), 0.5)
    assert bench.sent == []
    assert bench.table.retransmissions == {("in", "request"): 1}


def test_a_copy_gets_the_latest_provisional_answer_again(bench: Bench) -> None:
    transaction = bench.server()
    transaction.respond(100, answer(100), 0.0)
    transaction.respond(180, answer(180), 0.1)
    assert bench.table.absorb(request(), 0.5)
    assert [line for _, line, _ in bench.sent] == [f"SIP/2.0 {n} Whatever" for n in (100, 180, 180)]
    assert bench.table.retransmissions == {("in", "request"): 1, ("out", "response"): 1}


def test_cancel_reaches_the_user_until_there_is_a_final_answer(bench: Bench) -> None:
    transaction = bench.server()
    assert isinstance(transaction, InviteServerTransaction)
    assert transaction.cancel(0.0)
    assert bench.words == ["cancel"]
    transaction.respond(487, answer(487), 0.0)
    assert not transaction.cancel(0.0)
    assert bench.words == ["cancel"]


def test_without_a_user_nobody_is_told(bench: Bench) -> None:
    transaction = bench.table.begin_server(request(), UDP, 0.0)
    assert isinstance(transaction, InviteServerTransaction)
    assert transaction.cancel(0.0)
    transaction.user = bench
    transaction.respond(487, answer(487), 0.0)
    bench.run_until(33)
    assert bench.words == ["terminated"]


def test_an_invite_keeps_no_request_after_the_last_answer_and_no_2xx() -> None:
    for status, kept in ((200, b""), (486, answer(486))):
        bench = Bench()
        transaction = bench.server()
        assert transaction.request.method == "INVITE"
        transaction.respond(status, answer(status), 0.0)
        assert not hasattr(transaction, "request")
        assert transaction.response == kept
        transaction.respond(200, answer(200), 0.0)
        assert transaction.response == kept
        bench.run_until(33)
        assert transaction.user is None


def test_copies_that_are_late_by_part_of_a_tick_do_not_drift() -> None:
    """With T1 = 333 ms no pause is a whole number of ticks; each copy is late by less than one tick."""
    bench = Bench(TimerSettings(t1=0.333, t2=0.333))
    bench.server().respond(486, answer(486), 0.0)
    bench.run_until(20)
    assert len(bench.times) == 61
    assert all(0 <= when - number * 0.333 < 0.021 for number, when in enumerate(bench.times))


def test_a_408_to_an_invite_is_sent(bench: Bench) -> None:
    bench.server().respond(408, answer(408), 0.0)
    assert len(bench.sent) == 1
