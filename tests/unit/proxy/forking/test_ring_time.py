"""No answer: the ring time of a group, and Timer C (RFC 3261 §16.8)."""

from __future__ import annotations

from appliance.proxy.forking.ring_time import RingTime
from appliance.transaction.timers import TimerWheel
from tests.unit.proxy.forking.test_response_context import CONTACTS, PHONES, Call, methods, statuses


def test_no_answer_within_the_ring_time() -> None:
    call = Call(*CONTACTS[:2], ring_seconds=20)
    for phone in PHONES[:2]:
        call.answer(phone, 180)
    assert statuses(call.stage.advance(19.9)) == []
    sent = call.stage.advance(0.2)
    assert statuses(sent) == [408]
    assert sorted(methods(sent)) == [("CANCEL", "192.0.2.11"), ("CANCEL", "192.0.2.12")]
    assert statuses(call.answer(PHONES[0], 487)) == []


def test_ringing_does_not_prolong_the_ring_time() -> None:
    call = Call(CONTACTS[0], ring_seconds=20)
    call.answer(PHONES[0], 180)
    call.stage.advance(15)
    call.answer(PHONES[0], 180)
    assert 408 in statuses(call.stage.advance(5.1))


def test_after_no_answer_the_next_group_rings() -> None:
    call = Call(*CONTACTS[:2], q=(0.9, 0.5), ring_seconds=20)
    call.answer(PHONES[0], 180)
    sent = call.stage.advance(20.1)
    assert methods(sent) == [("CANCEL", "192.0.2.11"), ("INVITE", "192.0.2.12")]
    call.collect(sent)
    assert statuses(call.answer(PHONES[1], 200)) == [200]


def test_timer_c_begins_anew_with_each_ringing() -> None:
    call = Call(CONTACTS[0], ring_seconds=1000)
    call.answer(PHONES[0], 180)
    call.stage.advance(170)
    call.answer(PHONES[0], 183)
    assert statuses(call.stage.advance(170)) == []
    assert statuses(call.stage.advance(12))[0] == 408


def test_silence_is_told_once_and_never_after_a_stop() -> None:
    wheel = TimerWheel()
    told: list[float] = []
    first = RingTime(wheel, 20.0, 180.0, told.append)
    RingTime(wheel, 30.0, 180.0, told.append).stop()
    for now in (19.9, 20.1, 40.0, 200.0):
        wheel.advance(now)
    assert told == [20.1]
    first.stop()
