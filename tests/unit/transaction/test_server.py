"""The server side: figures 7 and 8 of RFC 3261, as RFC 6026 and RFC 4320 have changed them."""

from __future__ import annotations

import pytest

from appliance.sip.hop import Hop
from appliance.transaction.machine import (
    ACCEPTED,
    ACK,
    CANCEL,
    COMPLETED,
    CONFIRMED,
    EXPIRY,
    FAILURE,
    PROCEEDING,
    PROVISIONAL,
    REQUEST,
    RESEND,
    SILENCE,
    SUCCESS,
    TERMINATED,
    TRYING,
)
from appliance.transaction.server import (
    INVITE_SERVER,
    OTHER_SERVER,
    InviteServerTransaction,
    ServerTransaction,
)
from appliance.transaction.timers import TimerSettings
from tests.unit.transaction.conftest import Bench
from tests.unit.transaction.messages import TCP, UDP, answer, request


def bring(bench: Bench, method: str, state: str, hop: Hop) -> ServerTransaction:
    """A transaction in ``state``, with a 180 or 100 behind it when it is proceeding."""
    transaction = bench.server(method, hop)
    if method == "INVITE":
        if state == PROCEEDING:
            transaction.respond(180, answer(180), bench.now)
        elif state == ACCEPTED:
            transaction.respond(200, answer(200), bench.now)
        elif state in (COMPLETED, CONFIRMED):
            transaction.respond(486, answer(486), bench.now)
        if state == CONFIRMED:
            bench.table.absorb(request("ACK", to_tag="callee"), bench.now)
    else:
        if state == PROCEEDING:
            bench.run_until(3.48)
            bench.run_until(4.0)
        elif state == COMPLETED:
            transaction.respond(200, answer(200), bench.now)
    assert transaction.state == state
    bench.clear()
    return transaction


def cause(bench: Bench, transaction: ServerTransaction, event: str) -> None:
    now = bench.now
    if event == REQUEST:
        bench.table.absorb(request(transaction.method), now)
    elif event == ACK:
        bench.table.absorb(request("ACK", to_tag="callee"), now)
    elif event == CANCEL:
        assert isinstance(transaction, InviteServerTransaction)
        transaction.cancel(now)
    elif event == RESEND:
        bench.run_until(transaction.resend_at)
    elif event == EXPIRY:
        bench.run_until(transaction.expire_at - 0.02)
        bench.clear()
        bench.run_until(transaction.expire_at)
    else:
        status = {PROVISIONAL: 183, SUCCESS: 202, FAILURE: 404, SILENCE: 408}[event]
        if event == PROVISIONAL and transaction.method != "INVITE":
            status = 100
        transaction.respond(status, answer(status), now)


def last_word(bench: Bench) -> str | None:
    return bench.sent[-1][1] if bench.sent else None


# State, event, next state, what is sent, what the user is told. Over UDP.
INVITE_ROWS = [
    (PROCEEDING, REQUEST, PROCEEDING, "SIP/2.0 180 Whatever", []),
    (PROCEEDING, PROVISIONAL, PROCEEDING, "SIP/2.0 183 Whatever", []),
    (PROCEEDING, SUCCESS, ACCEPTED, "SIP/2.0 202 Whatever", []),
    (PROCEEDING, FAILURE, COMPLETED, "SIP/2.0 404 Whatever", []),
    (PROCEEDING, CANCEL, PROCEEDING, None, ["cancel"]),
    (ACCEPTED, REQUEST, ACCEPTED, None, []),
    (ACCEPTED, SUCCESS, ACCEPTED, "SIP/2.0 202 Whatever", []),
    (ACCEPTED, EXPIRY, TERMINATED, None, ["terminated"]),
    (COMPLETED, REQUEST, COMPLETED, "SIP/2.0 486 Whatever", []),
    (COMPLETED, ACK, CONFIRMED, None, []),
    (COMPLETED, RESEND, COMPLETED, "SIP/2.0 486 Whatever", []),
    (COMPLETED, EXPIRY, TERMINATED, None, ["terminated"]),
    (CONFIRMED, REQUEST, CONFIRMED, None, []),
    (CONFIRMED, ACK, CONFIRMED, None, []),
    (CONFIRMED, EXPIRY, TERMINATED, None, ["terminated"]),
]
OTHER_ROWS = [
    (TRYING, REQUEST, TRYING, None, []),
    (TRYING, SUCCESS, COMPLETED, "SIP/2.0 202 Whatever", []),
    (TRYING, FAILURE, COMPLETED, "SIP/2.0 404 Whatever", []),
    (TRYING, SILENCE, COMPLETED, None, []),
    (TRYING, RESEND, PROCEEDING, "SIP/2.0 100 Trying", []),
    (PROCEEDING, REQUEST, PROCEEDING, "SIP/2.0 100 Trying", []),
    (PROCEEDING, PROVISIONAL, PROCEEDING, "SIP/2.0 100 Whatever", []),
    (PROCEEDING, SUCCESS, COMPLETED, "SIP/2.0 202 Whatever", []),
    (PROCEEDING, FAILURE, COMPLETED, "SIP/2.0 404 Whatever", []),
    (PROCEEDING, SILENCE, COMPLETED, None, []),
    (PROCEEDING, EXPIRY, TERMINATED, None, ["terminated"]),
    (COMPLETED, REQUEST, COMPLETED, "SIP/2.0 200 Whatever", []),
    (COMPLETED, EXPIRY, TERMINATED, None, ["terminated"]),
]
# These two have tests of their own: a 100 goes out by itself before either, when time goes its usual way.
OTHER_ROWS_BELOW = {(TRYING, PROVISIONAL), (TRYING, EXPIRY)}


@pytest.mark.parametrize(("state", "event", "after", "sent", "told"), INVITE_ROWS)
def test_invite_row(
    bench: Bench, state: str, event: str, after: str, sent: str | None, told: list[str]
) -> None:
    transaction = bring(bench, "INVITE", state, UDP)
    cause(bench, transaction, event)
    assert (transaction.state, last_word(bench), bench.words) == (after, sent, told)


@pytest.mark.parametrize(("state", "event", "after", "sent", "told"), OTHER_ROWS)
def test_other_row(
    bench: Bench, state: str, event: str, after: str, sent: str | None, told: list[str]
) -> None:
    transaction = bring(bench, "MESSAGE", state, UDP)
    cause(bench, transaction, event)
    assert (transaction.state, last_word(bench), bench.words) == (after, sent, told)


def test_these_are_all_rows() -> None:
    assert {(s, e) for s, row in INVITE_SERVER.items() for e in row} == {row[:2] for row in INVITE_ROWS}
    rows = {(s, e) for s, row in OTHER_SERVER.items() for e in row}
    assert rows == {row[:2] for row in OTHER_ROWS} | OTHER_ROWS_BELOW


@pytest.mark.parametrize("method", ["INVITE", "MESSAGE"])
def test_whatever_has_no_row_changes_nothing(method: str) -> None:
    rows = INVITE_SERVER if method == "INVITE" else OTHER_SERVER
    for state in rows:
        for event in (PROVISIONAL, SUCCESS, FAILURE, SILENCE, ACK):
            if event in rows[state] or state == TERMINATED or (event == SILENCE and method == "INVITE"):
                continue
            bench = Bench()
            transaction = bring(bench, method, state, UDP)
            cause(bench, transaction, event)
            assert (transaction.state, bench.sent, bench.told) == (state, [], []), (state, event)


# --------------------------------------------------------------------------------------- INVITE, timers


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


# -------------------------------------------------------------------------------- other methods, timers


def test_the_last_answer_is_given_again_for_timer_j(bench: Bench) -> None:
    transaction = bench.server("REGISTER")
    transaction.respond(200, answer(200), 0.0)
    for late in (0.5, 1.5, 3.5, 7.5, 31.9):
        bench.run_until(late)
        assert bench.table.absorb(request("REGISTER"), bench.now)
    assert len(bench.sent) == 6
    bench.run_until(32)
    assert bench.told == [(32.0, "terminated")]
    assert not bench.table.absorb(request("REGISTER"), bench.now)
    assert bench.is_empty()


def test_over_tcp_the_last_answer_ends_it(bench: Bench) -> None:
    transaction = bench.server("REGISTER", TCP)
    transaction.respond(200, answer(200), 0.0)
    assert transaction.state == TERMINATED
    assert bench.words == ["terminated"]
    assert bench.is_empty()


def test_after_the_last_answer_only_the_answer_is_kept(bench: Bench) -> None:
    transaction = bench.server("REGISTER")
    assert transaction.request.method == "REGISTER"
    transaction.respond(200, answer(200), 0.0)
    assert not hasattr(transaction, "request")
    assert transaction.response == answer(200)
    assert (transaction.method, transaction.last_status, transaction.final) == ("REGISTER", 200, True)


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


@pytest.mark.parametrize("status", [200, 408])
def test_whatever_ends_it_the_request_is_gone(bench: Bench, status: int) -> None:
    transaction = bench.server("MESSAGE")
    bench.run_until(4)
    transaction.respond(status, answer(status), bench.now)
    assert not hasattr(transaction, "request")
    assert transaction.response == (b"" if status == 408 else answer(200))


@pytest.mark.parametrize("status", [100, 200, 408])
def test_nothing_wakes_it_in_vain(bench: Bench, status: int) -> None:
    """Once at 3.5 s, for the 100 that may have been due; then not before the end."""
    transaction = bench.server("MESSAGE")
    if status != 100:
        transaction.respond(status, answer(status), 0.0)
    bench.run_until(3.6)
    assert bench.table.wheel.next_wake == 32.0


def test_copies_that_are_late_by_part_of_a_tick_do_not_drift() -> None:
    """With T1 = 333 ms no pause is a whole number of ticks; each copy is late by less than one tick."""
    bench = Bench(TimerSettings(t1=0.333, t2=0.333))
    bench.server().respond(486, answer(486), 0.0)
    bench.run_until(20)
    assert len(bench.times) == 61
    assert all(0 <= when - number * 0.333 < 0.021 for number, when in enumerate(bench.times))


@pytest.mark.parametrize("hop", [UDP, TCP])
def test_trying_is_said_when_nothing_else_was_in_time(bench: Bench, hop: Hop) -> None:
    """RFC 4320 §4.1: when the client's Timer E would reach T2, and not before, over any transport."""
    transaction = bench.server("MESSAGE", hop)
    bench.run_until(3.48)
    assert bench.sent == []
    bench.run_until(20)
    assert [(when, line) for when, line, _ in bench.sent] == [(3.5, "SIP/2.0 100 Trying")]
    assert transaction.last_status == 100
    assert not transaction.final


@pytest.mark.parametrize("hop", [UDP, TCP])
def test_one_that_nobody_answers_ends_when_the_client_has_given_up(bench: Bench, hop: Hop) -> None:
    bench.server("MESSAGE", hop)
    bench.run_until(31.98)
    assert bench.words == []
    bench.run_until(32)
    assert bench.words == ["terminated"]
    assert bench.is_empty()


def test_a_loop_that_stood_still_for_long_sends_no_answer_that_is_too_late(bench: Bench) -> None:
    transaction = bench.server("MESSAGE")
    bench.table.wheel.advance(60.0)
    assert transaction.state == TERMINATED
    assert bench.sent == []
    assert bench.words == ["terminated"]
    assert bench.is_empty()


def test_over_udp_no_early_trying(bench: Bench) -> None:
    transaction = bench.server("MESSAGE")
    assert not transaction.respond(100, answer(100), 0.0)
    bench.run_until(3.48)
    assert not transaction.respond(100, answer(100), bench.now)
    assert bench.sent == []
    assert transaction.state == TRYING


def test_over_tcp_trying_at_any_time(bench: Bench) -> None:
    transaction = bench.server("MESSAGE", TCP)
    assert transaction.respond(100, answer(100), 0.0)
    assert transaction.state == PROCEEDING
    bench.run_until(10)
    assert len(bench.sent) == 1, "and not once more at 3.5 s"
    bench.run_until(32)
    assert bench.is_empty()


def test_early_trying_is_a_setting() -> None:
    bench = Bench(TimerSettings(early_trying=True))
    transaction = bench.server("REGISTER")
    assert transaction.respond(100, answer(100), 0.0)
    assert bench.times == [0]


@pytest.mark.parametrize("hop", [UDP, TCP])
@pytest.mark.parametrize("status", [180, 183, 199])
def test_of_provisional_answers_only_a_100(bench: Bench, status: int, hop: Hop) -> None:
    transaction = bench.server("MESSAGE", hop)
    bench.run_until(5)
    bench.clear()
    assert not transaction.respond(status, answer(status), bench.now)
    assert bench.sent == []


def test_never_a_408_and_copies_are_absorbed_all_the_same(bench: Bench) -> None:
    """RFC 4320 §4.2."""
    transaction = bench.server("MESSAGE")
    assert transaction.respond(408, answer(408), 0.0)
    assert transaction.final
    assert bench.table.absorb(request("MESSAGE"), 1.0)
    assert not transaction.respond(200, answer(200), 1.0)
    assert bench.sent == []
    bench.run_until(33)
    assert bench.is_empty()


def test_a_408_over_tcp_ends_it(bench: Bench) -> None:
    bench.server("MESSAGE", TCP).respond(408, answer(408), 0.0)
    assert bench.sent == []
    assert bench.is_empty()


def test_a_408_to_an_invite_is_sent(bench: Bench) -> None:
    bench.server().respond(408, answer(408), 0.0)
    assert len(bench.sent) == 1


def test_a_second_last_answer_is_not_sent(bench: Bench) -> None:
    transaction = bench.server("MESSAGE")
    assert transaction.respond(200, answer(200), 0.0)
    assert not transaction.respond(500, answer(500), 0.0)
    assert len(bench.sent) == 1
    assert transaction.last_status == 200


@pytest.mark.parametrize("status", [0, 99, 700, 1000])
@pytest.mark.parametrize("method", ["INVITE", "MESSAGE"])
def test_what_is_no_status_is_not_sent(bench: Bench, method: str, status: int) -> None:
    transaction = bench.server(method)
    assert not transaction.respond(status, b"", 0.0)
    assert bench.sent == []
    assert transaction.last_status == 0


# --------------------------------------------------------------------------------------- broken sockets


@pytest.mark.parametrize("method", ["INVITE", "MESSAGE"])
def test_an_answer_that_cannot_be_sent_is_kept_for_the_next_copy(bench: Bench, method: str) -> None:
    transaction = bench.server(method)
    bench.broken = True
    transaction.respond(486, answer(486), 0.0)
    assert bench.table.transport_errors == {"response": 1}
    bench.broken = False
    assert bench.table.absorb(request(method), 0.1)
    assert len(bench.sent) == 1
    bench.run_until(33)
    assert bench.is_empty()
