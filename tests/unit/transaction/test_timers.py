from __future__ import annotations

import math
import random

import pytest

from appliance.transaction.timers import NEVER, TimerSettings, TimerWheel


@pytest.fixture
def wheel() -> TimerWheel:
    return TimerWheel()


def test_timers_over_udp_are_those_of_table_4() -> None:
    timers = TimerSettings().unreliable
    assert (timers.a, timers.e, timers.g) == (0.5, 0.5, 0.5)
    assert (timers.b, timers.f, timers.h, timers.j, timers.l, timers.m) == (32, 32, 32, 32, 32, 32)
    assert (timers.d, timers.i, timers.k, timers.t2) == (32, 5, 5, 4)
    assert (timers.trying, timers.early_trying) == (3.5, False)


def test_a_reliable_transport_needs_no_copies_and_no_waiting_for_them() -> None:
    timers = TimerSettings().reliable
    assert (timers.a, timers.e, timers.g) == (NEVER, NEVER, NEVER)
    assert (timers.d, timers.i, timers.j, timers.k) == (0, 0, 0, 0)
    assert (timers.b, timers.f, timers.h, timers.l, timers.m) == (32, 32, 32, 32, 32)
    assert timers.early_trying


def test_timers_follow_t1_t2_t4() -> None:
    timers = TimerSettings(t1=0.1, t2=1.6, t4=2.0).unreliable
    assert (timers.a, timers.b, timers.i, timers.trying) == (0.1, 6.4, 2.0, 1.5)
    assert timers.d == 32.0, "Timer D is at least 32 s (RFC 3261 §17.1.1.2)"
    assert TimerSettings(t1=1.0).unreliable.d == 64.0


def test_rings_at_its_time_and_once(wheel: TimerWheel) -> None:
    rung: list[float] = []
    timer = wheel.schedule(10.0, rung.append)
    wheel.advance(9.99)
    assert rung == []
    assert timer.active
    wheel.advance(10.0)
    assert rung == [10.0]
    assert not timer.active
    wheel.advance(20.0)
    assert rung == [10.0]
    assert len(wheel) == 0


def test_rings_late_by_less_than_a_tick_and_never_early(wheel: TimerWheel) -> None:
    chance = random.Random(1)
    times = [chance.uniform(0, 30) for _ in range(2000)]
    late: list[float] = []
    for when in times:
        wheel.schedule(when, lambda now, when=when: late.append(now - when))  # type: ignore[misc]
    for tick in range(1, 31 * 50):
        wheel.advance(tick / 50)
    assert len(late) == 2000
    assert min(late) > -1e-9
    assert max(late) <= 0.02 + 1e-9


def test_what_is_due_already_rings_with_the_next_tick(wheel: TimerWheel) -> None:
    rung: list[float] = []
    wheel.advance(100.0)
    wheel.schedule(3.0, rung.append)
    wheel.advance(100.0)
    assert rung == []
    wheel.advance(100.02)
    assert rung == [100.02]


def test_cancel_leaves_nothing_behind(wheel: TimerWheel) -> None:
    timers = [wheel.schedule(when / 10, lambda now: pytest.fail("rang")) for when in range(1, 1000)]
    assert len(wheel) == 999
    for timer in timers:
        timer.cancel()
        timer.cancel()
    assert len(wheel) == 0
    assert wheel.next_wake is None
    wheel.advance(1000.0)


def test_cancel_of_one_that_rings_in_the_same_tick(wheel: TimerWheel) -> None:
    rung: list[str] = []
    wheel.schedule(1.0, lambda now: second.cancel())
    second = wheel.schedule(1.0, lambda now: rung.append("second"))
    wheel.schedule(1.0, lambda now: rung.append("third"))
    wheel.advance(1.0)
    assert rung == ["third"]


def test_cancel_after_it_rang_does_nothing(wheel: TimerWheel) -> None:
    timer = wheel.schedule(1.0, lambda now: None)
    wheel.advance(2.0)
    other = wheel.schedule(3.0, lambda now: None)
    timer.cancel()
    assert other.active
    assert len(wheel) == 1


def test_the_same_tick_rings_in_the_order_of_scheduling(wheel: TimerWheel) -> None:
    rung: list[int] = []
    for number in range(50):
        wheel.schedule(1.0, lambda now, number=number: rung.append(number))  # type: ignore[misc]
    wheel.advance(1.0)
    assert rung == list(range(50))


def test_a_jump_over_many_ticks_rings_everything_in_order(wheel: TimerWheel) -> None:
    rung: list[float] = []
    for when in (300.0, 0.5, 86_400.0, 20.0):
        wheel.schedule(when, lambda now, when=when: rung.append(when))  # type: ignore[misc]
    wheel.advance(1_000_000.0)
    assert rung == [0.5, 20.0, 300.0, 86_400.0]
    assert len(wheel) == 0


def test_a_callback_may_schedule_and_is_not_called_forever(wheel: TimerWheel) -> None:
    rung: list[float] = []

    def again(now: float) -> None:
        rung.append(now)
        wheel.schedule(now, again)

    wheel.schedule(1.0, again)
    wheel.advance(5.0)
    assert rung == [5.0]
    wheel.advance(5.02)
    assert rung == [5.0, 5.02]


def test_an_error_in_one_callback_is_told_and_the_others_ring_all_the_same(wheel: TimerWheel) -> None:
    rung: list[float] = []

    def fail(now: float) -> None:
        raise RuntimeError("a mistake")

    wheel.schedule(1.0, rung.append)
    wheel.schedule(1.0, fail)
    wheel.schedule(1.0, rung.append)
    wheel.schedule(1.5, rung.append)
    with pytest.raises(RuntimeError, match="a mistake"):
        wheel.advance(2.0)
    assert rung == [2.0]
    assert len(wheel) == 2
    wheel.advance(2.02)
    assert rung == [2.0, 2.02, 2.02]
    assert len(wheel) == 0


def test_time_that_stands_still_or_goes_back_wakes_nobody(wheel: TimerWheel) -> None:
    rung: list[float] = []
    wheel.advance(50.0)
    wheel.schedule(51.0, rung.append)
    wheel.advance(50.0)
    wheel.advance(10.0)
    assert rung == []
    wheel.advance(51.0)
    assert rung == [51.0]


def test_next_wake_is_never_before_the_time_asked_for(wheel: TimerWheel) -> None:
    wheel.schedule(7.013, lambda now: None)
    wheel.schedule(3.001, lambda now: None)
    assert wheel.next_wake is not None
    assert math.isclose(wheel.next_wake, 3.02)


def test_a_sleeper_that_is_woken_earlier_stays_and_one_that_must_be_earlier_moves(wheel: TimerWheel) -> None:
    rung: list[float] = []
    timer = wheel.schedule(5.0, rung.append)
    wheel.enter(timer, 8.0)
    assert len(wheel) == 1
    assert wheel.next_wake == 5.0
    wheel.enter(timer, 2.0)
    assert len(wheel) == 1
    wheel.advance(2.0)
    assert rung == [2.0]
    assert wheel.next_wake is None
