"""The client transaction of all other methods, its timers and transports: figure 6 of RFC 3261."""

from __future__ import annotations

from appliance.transaction.machine import (
    TERMINATED,
)
from tests.unit.transaction.conftest import Bench
from tests.unit.transaction.messages import TCP, response


def test_timer_e_doubles_up_to_t2_until_timer_f(bench: Bench) -> None:
    bench.client("MESSAGE")
    bench.run_until(40)
    assert bench.times == [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]
    assert bench.told == [(32.0, "timeout")]
    assert bench.table.timeouts == {"MESSAGE": 1}
    assert bench.is_empty()


def test_after_a_provisional_response_timer_e_is_t2(bench: Bench) -> None:
    bench.client("MESSAGE")
    bench.run_until(0.6)
    bench.receive(response(100, "MESSAGE"))
    bench.run_until(40)
    assert bench.times == [0, 0.5, 1.5, 5.5, 9.5, 13.5, 17.5, 21.5, 25.5, 29.5]
    assert bench.told == [(0.6, "100"), (32.0, "timeout")]


def test_over_tcp_timer_f_alone(bench: Bench) -> None:
    bench.client("MESSAGE", TCP)
    bench.run_until(40)
    assert bench.times == [0]
    assert bench.told == [(32.0, "timeout")]
    assert bench.is_empty()


def test_copies_of_the_last_response_are_absorbed_for_timer_k(bench: Bench) -> None:
    bench.client("BYE")
    bench.run_until(1)
    bench.receive(response(200, "BYE"))
    bench.run_until(5.98)
    assert bench.receive(response(200, "BYE"))
    assert bench.words == ["200"]
    assert bench.table.retransmissions["in", "response"] == 1
    bench.run_until(6)
    assert not bench.receive(response(200, "BYE"))
    assert bench.is_empty()


def test_over_tcp_the_last_response_ends_it(bench: Bench) -> None:
    transaction = bench.client("BYE", TCP)
    bench.receive(response(200, "BYE"))
    assert transaction.state == TERMINATED
    assert bench.words == ["200"]
    assert bench.is_empty()
