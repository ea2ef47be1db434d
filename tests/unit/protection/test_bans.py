"""The list of bans: lifted, over, of networks, taken over, and never longer than its room."""

from __future__ import annotations

import pytest

from appliance.protection.bans import Bans
from appliance.protection.source import named_source, source_of


def test_a_ban_ends_and_can_be_lifted_and_then_the_next_is_a_first_one() -> None:
    bans = Bans(10, 1000, 5)
    assert bans.strike("192.0.2.1", "guessing", 0.0).until == 10
    assert bans.strike("192.0.2.1", "guessing", 20.0).until == 60
    assert bans.holds("192.0.2.1", 59.0)
    assert not bans.holds("192.0.2.1", 60.0)
    assert bans.lift("192.0.2.1")
    assert not bans.lift("192.0.2.1")
    assert bans.strike("192.0.2.1", "guessing", 30.0).times == 1


def test_a_network_is_banned_as_a_whole() -> None:
    bans = Bans(10, 1000, 5)
    bans.add("192.0.2.0/24", 100, "administrator", 0.0)
    bans.add("2001:db8::/48", 100, "administrator", 0.0)
    assert bans.holds("192.0.2.77", 50.0)
    assert bans.holds(source_of("2001:db8:0:7::1"), 50.0)
    assert not bans.holds("192.0.3.77", 50.0)
    assert not bans.holds("192.0.2.77", 101.0)
    bans.lift("192.0.2.0/24")
    assert not bans.holds("192.0.2.77", 50.0)


def test_the_shortest_makes_room() -> None:
    bans = Bans(10, 1000, 3)
    for number in range(10):
        bans.add(f"192.0.2.{number}", 100 + number, "administrator", 0.0)
    assert [ban.source for ban in bans.listed(1.0)] == ["192.0.2.7", "192.0.2.8", "192.0.2.9"]


def test_the_newest_come_first() -> None:
    bans = Bans(10, 1000, 5)
    for number in range(4):
        bans.add(f"192.0.2.{number}", 100, "administrator", float(number))
    bans.add("192.0.2.9", 1, "administrator", 5.0)  # over
    found = bans.newest(2, 10.0, 1000.0)
    assert [(ban.source, ban.since, ban.until) for ban in found] == [
        ("192.0.2.3", 993.0, 1093.0),
        ("192.0.2.2", 992.0, 1092.0),
    ]


def test_rows_travel_by_wall_time_and_a_clock_that_was_set_makes_no_ban_eternal() -> None:
    bans, other = Bans(10, 1000, 5), Bans(10, 1000, 5)
    bans.strike("192.0.2.1", "guessing", 500.0)
    bans.strike("192.0.2.1", "guessing", 500.0)
    rows = bans.rows(505.0, 1_800_000_000.0)
    assert [(row.since, row.until) for row in rows] == [(1_799_999_995.0, 1_800_000_035.0)]
    other.take(rows, 7.0, 1_800_000_010.0)
    assert other.holds("192.0.2.1", 31.0)
    assert not other.holds("192.0.2.1", 33.0)
    assert other.strike("192.0.2.1", "guessing", 40.0).times == 3
    other.take(rows, 7.0, 1_000_000_000.0)
    assert not other.holds("192.0.2.1", 7.0 + 1001)
    other.take([], 7.0, 0.0)
    assert len(other) == 0


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("192.0.2.7/24", "192.0.2.0/24"),
        ("2001:db8:0:1::7", "2001:db8:0:1::/64"),
        ("2001:DB8::/48", "2001:db8::/48"),
        (" 192.0.2.7/32 ", "192.0.2.7"),
    ],
)
def test_what_somebody_types_has_one_name(typed: str, name: str) -> None:
    assert named_source(typed) == name


@pytest.mark.parametrize("typed", ["", "office", "192.0.2.7/33", "192.0.2", "::/0/0"])
def test_what_is_no_address_is_refused(typed: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        named_source(typed)


@pytest.mark.parametrize(
    ("host", "source"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:0:1:2:3:4:5", "2001:db8:0:1::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("example.org", "example.org"),
        ("a:b:nonsense", "a:b:nonsense"),
    ],
)
def test_the_source_of_an_address(host: str, source: str) -> None:
    assert source_of(host) == source


def test_what_nobody_comes_for_is_bounded_and_what_holds_is_kept() -> None:
    bans = Bans(10, 1000, 100)
    bans.add("192.0.2.1", 1000, "administrator", 0.0)
    for number in range(5000):
        source = f"198.51.{number // 250}.{number % 250}"
        bans.strike(source, "guessing", number / 100)
        bans.lift(source) if number % 2 else bans.expire(number / 100)
    assert len(bans.news) <= 200
    assert bans.news["192.0.2.1"] is not None
    assert bans.news["198.51.19.249"] is None
    assert {ban.source for ban in bans.listed(50.0)} <= bans.news.keys()
