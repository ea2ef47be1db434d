"""Guessing is stopped for each user, and nobody locks the owner out by it."""

from __future__ import annotations

from appliance.protection.guesses import Guesses

OWNER, ELSEWHERE = "192.0.2.10", "203.0.113.50"


def attack(guesses: Guesses, sources: int, tries: int, now: float, *, proved: bool = True) -> int:
    """How many of the guesses at one user's password are looked at."""
    looked_at = 0
    for number in range(sources):
        source = f"10.0.{number >> 8}.{number & 255}"
        for _ in range(tries):
            if guesses.may_try("10@example.org", source, proved, now):
                looked_at += 1
                guesses.failed("10@example.org", source, proved, now)
    return looked_at


def test_many_sources_together_get_few_tries_at_one_user() -> None:
    guesses = Guesses(10_000)
    assert attack(guesses, 100, 1000, 1000.0) <= 20 + 100 * 3
    assert guesses.may_try("11@example.org", "10.0.0.1", True, 1000.0)


def test_forged_senders_get_no_more_than_the_user_has_in_all() -> None:
    guesses = Guesses(10_000)
    assert attack(guesses, 1000, 10, 1000.0, proved=False) <= 21


def test_the_owner_gets_in_from_his_own_place_and_from_a_new_one() -> None:
    guesses = Guesses(10_000)
    guesses.succeeded("10@example.org", OWNER, 0.0)
    attack(guesses, 1000, 10, 1000.0)
    for _ in range(100):
        assert guesses.may_try("10@example.org", OWNER, False, 1000.0)
        guesses.failed("10@example.org", OWNER, False, 1000.0)
    assert guesses.may_try("10@example.org", ELSEWHERE, True, 1000.0)


def test_tries_come_back() -> None:
    guesses = Guesses(10_000)
    attack(guesses, 1, 1000, 1000.0)
    assert not guesses.may_try("10@example.org", "10.0.0.0", True, 1000.0)
    assert guesses.may_try("10@example.org", "10.0.0.0", True, 1601.0)


def test_what_others_have_heard_counts_here_and_is_not_told_again() -> None:
    here, there = Guesses(1000), Guesses(1000)
    here.share()
    there.share()
    assert attack(here, 1, 15, 1000.0) == 15
    there.hear(here.news(), 1000.0)
    assert here.news() == there.news() == {}
    assert attack(there, 100, 1, 1000.0, proved=False) <= 6


def test_nobody_is_told_of_what_is_at_an_end_already() -> None:
    guesses = Guesses(1000)
    guesses.share()
    for number in range(1000):
        guesses.failed("10@example.org", f"10.0.0.{number & 255}", True, 1000.0)
    assert guesses.news() == {"10@example.org": 20}


def test_where_there_is_nobody_else_nothing_is_kept_for_them() -> None:
    guesses = Guesses(1000)
    attack(guesses, 1, 15, 1000.0)
    assert guesses.news() == {}
