from __future__ import annotations

import pytest

from appliance.agent.throttle import Throttle, plain_address


def test_a_full_bucket_and_then_what_time_brings() -> None:
    throttle = Throttle(60)
    assert all(throttle.take("192.0.2.1", 100.0) for _ in range(60))
    assert not throttle.take("192.0.2.1", 100.0)
    assert throttle.wait("192.0.2.1", 100.0) == pytest.approx(1.0)
    assert throttle.take("192.0.2.1", 101.0)
    assert not throttle.take("192.0.2.1", 101.0)


def test_one_address_takes_nothing_from_another() -> None:
    throttle = Throttle(1)
    assert throttle.take("192.0.2.1", 0)
    assert not throttle.take("192.0.2.1", 0)
    assert throttle.take("192.0.2.2", 0)


def test_what_costs_more_keeps_away_for_longer() -> None:
    throttle = Throttle(60)
    throttle.charge("192.0.2.1", 0, 80)
    assert not throttle.take("192.0.2.1", 20)
    assert throttle.wait("192.0.2.1", 20) == pytest.approx(1)
    assert throttle.take("192.0.2.1", 21.5)


def test_a_refusal_takes_nothing() -> None:
    throttle = Throttle(60)
    throttle.charge("192.0.2.1", 0, 60)
    for _ in range(1000):
        assert not throttle.take("192.0.2.1", 0.5)
    assert throttle.take("192.0.2.1", 1.5)


def test_a_network_of_ipv6_is_one() -> None:
    throttle = Throttle(1)
    assert throttle.take("2001:db8:1:2::1", 0)
    assert not throttle.take("2001:db8:1:2:ffff::9", 0)
    assert throttle.take("2001:db8:1:3::1", 0)
    assert throttle.take("::ffff:192.0.2.1", 0)
    assert not throttle.take("192.0.2.1", 0)


def test_it_is_bounded() -> None:
    throttle = Throttle(1, addresses=3)
    for last in range(10):
        throttle.take(f"192.0.2.{last}", 0)
    assert len(throttle) == 3
    assert not throttle.take("192.0.2.9", 0)


@pytest.mark.parametrize(
    ("text", "plain"),
    [("::ffff:192.0.2.1", "192.0.2.1"), ("fe80::1%eth0", "fe80::1"), ("192.0.2.1", "192.0.2.1"), ("", "")],
)
def test_addresses_as_they_are(text: str, plain: str) -> None:
    assert plain_address(text) == plain
