"""The INVITE client transaction, its timers and transports: figure 5 of RFC 3261."""

from __future__ import annotations

import pytest

from appliance.sip.hop import Hop
from appliance.transaction.derived import cancel_of
from appliance.transaction.machine import (
    ACCEPTED,
    PROCEEDING,
    TERMINATED,
)
from tests.unit.transaction.conftest import Bench
from tests.unit.transaction.messages import TCP, UDP, response

INVITE, ACKNOWLEDGE = (f"{method} sip:11@192.0.2.20 SIP/2.0" for method in ("INVITE", "ACK"))


def test_timer_a_doubles_without_a_limit_until_timer_b(bench: Bench) -> None:
    bench.invite()
    bench.run_until(40)
    assert bench.times == [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert bench.told == [(32.0, "timeout")]
    assert bench.table.timeouts == {"INVITE": 1}
    assert bench.table.retransmissions == {("out", "request"): 6}
    assert bench.is_empty()


def test_over_tcp_an_invite_is_sent_once_and_timer_b_ends_it(bench: Bench) -> None:
    bench.invite(TCP)
    bench.run_until(40)
    assert bench.times == [0]
    assert bench.told == [(32.0, "timeout")]
    assert bench.is_empty()


def test_a_provisional_response_stops_timers_a_and_b(bench: Bench) -> None:
    transaction = bench.invite()
    bench.run_until(0.6)
    bench.receive(response(100))
    bench.clear()
    bench.run_until(170)
    assert bench.sent == []
    assert bench.told == []
    assert transaction.state == PROCEEDING
    assert len(bench.table.wheel) == 0


def test_all_provisional_responses_are_passed_on(bench: Bench) -> None:
    bench.invite()
    for status in (100, 180, 180, 183):
        assert bench.receive(response(status))
    assert bench.words == ["100", "180", "180", "183"]


def test_a_refusal_is_acknowledged_and_told_once_for_timer_d(bench: Bench) -> None:
    bench.invite()
    bench.receive(response(486))
    for late in (0.5, 1.5, 3.5, 7.5, 31.9):
        bench.run_until(late)
        assert bench.receive(response(486))
    assert [line for _, line, _ in bench.sent] == [INVITE, *[ACKNOWLEDGE] * 6]
    assert len(set(bench.messages[1:])) == 1
    assert bench.words == ["486"]
    assert bench.table.retransmissions == {("in", "response"): 5, ("out", "request"): 5}
    bench.run_until(31.98)
    assert not bench.is_empty()
    bench.run_until(32)
    assert bench.is_empty()
    assert not bench.receive(response(486))


def test_over_tcp_a_refusal_is_acknowledged_and_that_is_all(bench: Bench) -> None:
    transaction = bench.invite(TCP)
    bench.receive(response(486))
    assert [line for _, line, _ in bench.sent] == [INVITE, ACKNOWLEDGE]
    assert [hop for _, _, hop in bench.sent] == [TCP, TCP]
    assert bench.words == ["486"]
    assert transaction.state == TERMINATED
    assert bench.is_empty()


def test_the_ack_has_the_to_of_the_refusal(bench: Bench) -> None:
    bench.invite()
    bench.receive(response(486, to_tag="second-tag"))
    assert b"To: <sip:11@192.0.2.1>;tag=second-tag\r\n" in bench.messages[-1]


@pytest.mark.parametrize("hop", [UDP, TCP])
def test_each_2xx_is_passed_on_for_timer_m(bench: Bench, hop: Hop) -> None:
    """Copies from one phone, and the 2xx of other forks, whose callers would wait for an ACK in vain."""
    transaction = bench.invite(hop)
    bench.receive(response(180))
    for tag in ("one", "one", "two", "three"):
        assert bench.receive(response(200, to_tag=tag))
    assert bench.words == ["180", "200", "200", "200", "200"]
    assert bench.receive(response(486)), "it belongs to it, and is ignored"
    assert bench.receive(response(180))
    bench.run_until(31.98)
    assert transaction.state == ACCEPTED
    assert bench.receive(response(200, to_tag="one"))
    bench.run_until(32)
    assert bench.words.count("200") == 5
    assert len(bench.sent) == 1, "the ACK of a 2xx is the caller's"
    assert bench.is_empty()


def test_a_2xx_after_a_refusal_is_ignored(bench: Bench) -> None:
    bench.invite()
    bench.receive(response(486))
    assert bench.receive(response(200))
    assert bench.words == ["486"]


def test_a_cancel_after_ringing_is_a_transaction_of_its_own(bench: Bench) -> None:
    invite = bench.invite()
    bench.receive(response(180))
    bench.table.cancel(invite, bench.now)
    assert bench.sent[-1][1] == "CANCEL sip:11@192.0.2.20 SIP/2.0"
    assert bench.table.active == {"invite_client": 1, "invite_server": 0, "client": 1, "server": 0}
    assert bench.receive(response(200, "CANCEL"))
    bench.receive(response(487))
    assert bench.words == ["180", "487"]
    bench.run_until(33)
    assert bench.is_empty()


def test_a_cancel_waits_for_the_first_provisional_response(bench: Bench) -> None:
    """RFC 3261 §9.1: it could overtake its INVITE."""
    invite = bench.invite()
    bench.table.cancel(invite, bench.now, [("Reason", 'SIP;cause=200;text="Call completed elsewhere"')])
    assert len(bench.sent) == 1
    bench.run_until(0.6)
    bench.receive(response(100))
    assert bench.sent[-1][1].startswith("CANCEL ")
    assert b'\r\nReason: SIP;cause=200;text="Call completed elsewhere"\r\n' in bench.messages[-1]


@pytest.mark.parametrize("status", [200, 486])
def test_a_cancel_that_waited_is_not_sent_after_a_final_response(bench: Bench, status: int) -> None:
    invite = bench.invite()
    bench.table.cancel(invite, bench.now)
    bench.receive(response(status))
    bench.table.cancel(invite, bench.now)
    assert not any(line.startswith("CANCEL") for _, line, _ in bench.sent)


def test_a_cancel_is_sent_once(bench: Bench) -> None:
    invite = bench.invite()
    bench.receive(response(180))
    bench.table.cancel(invite, bench.now)
    bench.table.cancel(invite, bench.now)
    assert [line for _, line, _ in bench.sent if line.startswith("CANCEL")] == [
        "CANCEL sip:11@192.0.2.20 SIP/2.0"
    ]


def test_a_cancelled_invite_that_nobody_answers_times_out(bench: Bench) -> None:
    """RFC 3261 §9.1: 64*T1 after the CANCEL the INVITE is over. More ringing does not help."""
    invite = bench.invite()
    bench.run_until(10)
    bench.receive(response(180))
    bench.run_until(20)
    bench.table.cancel(invite, bench.now)
    bench.receive(response(200, "CANCEL"))
    bench.run_until(30)
    bench.receive(response(180))
    bench.clear()
    bench.run_until(51.98)
    assert bench.told == []
    bench.run_until(52)
    assert bench.words == ["timeout"]
    assert bench.is_empty()


def test_an_invite_answered_at_the_moment_of_the_cancel_is_accepted(bench: Bench) -> None:
    invite = bench.invite()
    bench.receive(response(180))
    bench.table.cancel(invite, bench.now)
    bench.receive(response(200))
    assert invite.state == ACCEPTED
    bench.run_until(40)
    assert bench.words == ["180", "200"]
    assert bench.is_empty()


def test_cancel_of_may_be_sent_by_hand(bench: Bench) -> None:
    invite = bench.invite()
    bench.receive(response(180))
    cancel = cancel_of(invite.request)
    bench.table.begin_client(cancel, cancel.encode(), invite.hop, bench, bench.now)
    assert bench.receive(response(481, "CANCEL"))
    assert bench.words == ["180", "481"]


def test_abandon_says_nothing(bench: Bench) -> None:
    invite = bench.invite()
    bench.receive(response(180))
    invite.abandon()
    assert bench.words == ["180"]
    assert not bench.receive(response(200))
    bench.run_until(1)
    assert bench.is_empty()


def test_a_connection_that_breaks_while_it_rings_is_no_reason_to_give_up(bench: Bench) -> None:
    """The response may come by another connection (RFC 3261 §18.2.2)."""
    transaction = bench.invite(TCP)
    bench.receive(response(180))
    transaction.fail(bench.now)
    bench.run_until(1)
    assert bench.receive(response(200))
    assert bench.words == ["180", "200"]


def test_an_ack_that_cannot_be_sent_has_another_chance(bench: Bench) -> None:
    bench.invite()
    bench.broken = True
    bench.receive(response(486))
    assert bench.words == ["486"]
    assert bench.table.transport_errors == {"request": 1}
    bench.broken = False
    bench.receive(response(486))
    assert bench.sent[-1][1] == ACKNOWLEDGE
    assert bench.words == ["486"]
