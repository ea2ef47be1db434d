"""Who gets in: strangers by allowances, known sources always, and nobody banned by forged datagrams."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from appliance.protection.bans import Ban, Bans
from appliance.protection.door import UNPROVED_SECONDS, Door, Rates
from appliance.protection.familiar import Familiar

RATES = Rates(burst=10, per_second=5, together=100, failures=3, failures_per_minute=6, room=1000)
PHONE, STRANGER = "192.0.2.10", "198.51.100.7"


class Bench:
    """A door with a clock that is told; counts what it drops and bans."""

    def __init__(self, *exempt: str, rates: Rates = RATES) -> None:
        self.now = 1000.0
        self.dropped = dict.fromkeys(("source", "strangers", "failures", "banned", "known"), 0)
        self.banned: list[Ban] = []
        self.familiar = Familiar([ip_network(each) for each in exempt], rates.room)
        bans = Bans(300, 86_400, 100)
        self.door = Door(rates, self.familiar, bans, lambda: self.now, self.dropped, self.banned.append)

    def sends(self, host: str, count: int, *, reliable: bool = False) -> int:
        """How many of so many messages are let in."""
        return sum(self.door.admits(host, reliable) for _ in range(count))


def test_a_stranger_has_a_burst_and_then_a_rate() -> None:
    bench = Bench()
    assert bench.sends(STRANGER, 50) == 10
    assert bench.dropped["source"] == 40
    bench.now += 1
    assert bench.sends(STRANGER, 50) == 5
    bench.now += 60
    assert bench.sends(STRANGER, 50) == 10
    assert bench.sends("198.51.100.8", 50) == 10


def test_a_household_of_ipv6_is_one_source() -> None:
    bench = Bench()
    assert sum(bench.sends(f"2001:db8:0:1::{number:x}", 1) for number in range(1, 51)) == 10
    assert bench.sends("2001:db8:0:2::1", 5) == 5


def test_whoever_is_registered_is_not_limited() -> None:
    bench = Bench()
    bench.familiar.add(PHONE)
    bench.familiar.add(PHONE)
    assert bench.sends(PHONE, 5000) == 5000
    bench.familiar.discard(PHONE)
    assert bench.sends(PHONE, 5000) == 5000
    bench.familiar.discard(PHONE)
    assert bench.sends(PHONE, 50) == 10


def test_an_office_that_registers_anew_gets_back_what_it_has_used() -> None:
    bench = Bench()
    for _ in range(100):
        bench.now += 0.01
        assert bench.sends(STRANGER, 2) == 2
        bench.door.succeeded(STRANGER)
    # It is known from the first success on.
    assert bench.sends(STRANGER, 1000) == 1000


@pytest.mark.parametrize("place", ["203.0.113.5", "203.0.113.0/24"])
def test_peers_are_known_for_as_long_as_they_are_some(place: str) -> None:
    bench = Bench()
    assert bench.sends("203.0.113.5", 50) == 10
    bench.familiar.peers_are([ip_network(place)])
    assert bench.sends("203.0.113.5", 500) == 500
    assert bench.sends("203.0.112.5", 50) == 10
    bench.familiar.peers_are([])
    assert bench.sends("203.0.113.5", 50) == 0


def test_exempt_networks_and_ourselves_are_known_whatever_else_changes() -> None:
    bench = Bench("203.0.113.0/24", "192.0.2.1", "2001:db8::/32", "2001:db9::7/128")
    bench.familiar.peers_are([])
    bench.familiar.forget_all()
    for host in ("203.0.113.5", "192.0.2.1", "2001:db8:7::1", "2001:db9::7"):
        assert bench.sends(host, 500) == 500, host
    assert bench.sends("2001:db7::1", 50) == 10


# -- all strangers together ------------------------------------------------------------------------------


def test_in_hard_times_a_new_sender_gets_in_by_repeating_himself() -> None:
    bench = Bench()
    flood = sum(bench.sends(f"10.{n >> 8}.{n & 255}.1", 1) for n in range(5000))
    assert flood == 200  # what all together may do at once
    assert bench.door.is_hard(bench.now)
    assert bench.sends(STRANGER, 1) == 0
    bench.now += 0.5  # T1
    sum(bench.sends(f"10.{n >> 8}.{n & 255}.2", 1) for n in range(5000))
    assert bench.sends(STRANGER, 1) == 1
    assert bench.sends(STRANGER, 4) == 4  # the credentials, at once
    assert bench.sends(STRANGER, 100) < 3
    bench.now += 10
    assert not bench.door.is_hard(bench.now)
    assert bench.sends(STRANGER, 1) == 1


def test_in_hard_times_a_connection_need_not_come_twice() -> None:
    bench = Bench()
    for n in range(1000):
        bench.sends(f"10.0.{n >> 8}.{n & 255}", 1)
    assert bench.sends(STRANGER, 1, reliable=True) == 1
    assert bench.sends(STRANGER, 100, reliable=True) == 5


def test_a_thousand_addresses_get_little_in_hard_times() -> None:
    bench = Bench(rates=RATES._replace(room=4000))
    flooders = [f"10.0.{n >> 8}.{n & 255}" for n in range(1000)]
    let_in = 0
    for _ in range(50):  # ten seconds of 5,000 packets a second
        bench.now += 0.2
        let_in += sum(bench.sends(flooder, 1) for flooder in flooders)
    assert let_in < 200 + 10 * 100 + 1000 * (6 + 10)
    assert bench.sends(STRANGER, 1) == 0
    bench.now += 0.5
    assert bench.sends(STRANGER, 1) == 1


def test_nothing_is_known_that_a_registered_phone_could_notice_of_a_flood() -> None:
    bench = Bench()
    bench.familiar.add(PHONE)
    for n in range(20_000):
        bench.sends(f"10.{n >> 8}.{n & 255}.1", 1)
        assert bench.sends(PHONE, 1) == 1


def test_memory_is_bounded_whatever_comes() -> None:
    bench = Bench()
    for n in range(50_000):
        host = f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}"
        bench.sends(host, 1)
        bench.door.failed(host, "garbage", proved=False)
        bench.door.failed(host, "guessing", proved=True)
    assert bench.door.remembered <= 2 * RATES.room * (4 + 6)


# -- failures --------------------------------------------------------------------------------------------


def test_who_proves_his_address_and_fails_too_often_is_banned_for_longer_each_time() -> None:
    bench = Bench()
    for seconds in (300, 1200, 4800, 19_200, 76_800, 86_400, 86_400):
        for _ in range(4):
            assert bench.sends(STRANGER, 1) == 1
            bench.door.failed(STRANGER, "guessing", proved=True)
        assert bench.banned[-1].until - bench.now == seconds
        bench.now += seconds - 1
        assert bench.sends(STRANGER, 1) == 0
        bench.now += 2
        bench.door.tick()
    assert len(bench.banned) == 7


def test_a_phone_with_a_wrong_password_that_tries_seldom_is_not_banned() -> None:
    bench = Bench()
    for _ in range(100):
        bench.now += 30
        bench.door.failed(STRANGER, "guessing", proved=True)
    assert bench.banned == []


def test_forged_datagrams_ban_nobody_and_silence_him_for_a_minute_at_most() -> None:
    bench = Bench()
    for _ in range(10_000):
        bench.door.failed(STRANGER, "guessing", proved=False)
    assert bench.banned == []
    assert bench.sends(STRANGER, 1) == 0
    assert bench.sends(STRANGER, 1, reliable=True) == 1
    bench.now += UNPROVED_SECONDS + 0.1
    assert bench.sends(STRANGER, 1) == 1


def test_whoever_is_known_is_never_banned_and_goes_on_when_much_of_it_fails() -> None:
    bench = Bench("203.0.113.0/24")
    bench.familiar.add(PHONE)
    bench.familiar.peers_are([ip_network("203.0.112.9")])
    for host in (PHONE, "203.0.113.5", "203.0.112.9"):
        for proved in (True, False):
            for _ in range(5000):
                bench.door.failed(host, "guessing", proved=proved)
        # As a stranger now, for a minute, unless it is exempt.
        assert bench.sends(host, 100) == (100 if host == "203.0.113.5" else 10), host
    assert bench.banned == []
    bench.now += UNPROVED_SECONDS + 0.1
    bench.door.tick()
    assert bench.sends(PHONE, 1000) == 1000


def test_a_few_failures_of_a_known_source_do_not_matter() -> None:
    bench = Bench()
    bench.familiar.add(PHONE)
    for _ in range(100):
        bench.door.failed(PHONE, "guessing", proved=True)
    assert bench.sends(PHONE, 1000) == 1000


def test_whoever_has_proved_himself_is_known_for_an_hour() -> None:
    bench = Bench()
    bench.door.succeeded(STRANGER)
    assert bench.door.is_known(STRANGER)
    assert bench.sends(STRANGER, 1000) == 1000
    bench.now += 3601
    assert not bench.door.is_known(STRANGER)
