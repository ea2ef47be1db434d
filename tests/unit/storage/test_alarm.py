from __future__ import annotations

import time

import gevent
import pytest

from appliance.storage.alarm import Alarm


@pytest.fixture
def alarm() -> Alarm:
    return Alarm()


def test_somebody_ends_the_sleep(alarm: Alarm) -> None:
    sleeper = gevent.spawn(alarm.wait, None)
    gevent.sleep(0)
    assert not sleeper.ready()
    alarm.set(0)
    sleeper.get(timeout=10)


def test_it_ends_by_itself(alarm: Alarm) -> None:
    begun = time.monotonic()
    with gevent.Timeout(10):
        alarm.wait(0.02)
    assert time.monotonic() - begun >= 0.019


def test_a_sleep_of_no_length_is_none(alarm: Alarm) -> None:
    with gevent.Timeout(10):
        alarm.wait(0)
        alarm.wait(-1)


@pytest.mark.parametrize("before", [None, 3600.0])
def test_another_end_takes_the_place_of_the_first(alarm: Alarm, before: float | None) -> None:
    sleeper = gevent.spawn(alarm.wait, before)
    gevent.sleep(0)
    alarm.set(0.01)
    sleeper.get(timeout=10)


def test_set_for_at_once_while_nobody_sleeps_it_counts_for_one_sleep(alarm: Alarm) -> None:
    alarm.set(0)
    alarm.set(0)
    with gevent.Timeout(10):
        alarm.wait(None)
    sleeper = gevent.spawn(alarm.wait, None)
    gevent.sleep(0.01)
    assert not sleeper.ready()
    alarm.set(0)
    sleeper.get(timeout=10)


def test_a_sleeper_who_is_killed_leaves_it_usable(alarm: Alarm) -> None:
    sleeper = gevent.spawn(alarm.wait, 0.01)
    gevent.sleep(0)
    sleeper.kill()
    another = gevent.spawn(alarm.wait, None)
    gevent.sleep(0.03)
    assert not another.ready()
    alarm.set(0)
    another.get(timeout=10)
