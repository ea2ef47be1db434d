"""The server transaction of all other methods, its timers and transports: figure 8 of RFC 3261."""

from __future__ import annotations

import pytest

from appliance.sip.hop import Hop
from appliance.transaction.machine import (
    PROCEEDING,
    TERMINATED,
    TRYING,
)
from appliance.transaction.timers import TimerSettings
from tests.unit.transaction.conftest import Bench
from tests.unit.transaction.messages import TCP, UDP, answer, request


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


def test_a_second_last_answer_is_not_sent(bench: Bench) -> None:
    transaction = bench.server("MESSAGE")
    assert transaction.respond(200, answer(200), 0.0)
    assert not transaction.respond(500, answer(500), 0.0)
    assert len(bench.sent) == 1
    assert transaction.last_status == 200
