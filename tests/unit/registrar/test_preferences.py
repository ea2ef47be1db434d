from __future__ import annotations

import pytest

from appliance.registrar.preferences import ATTRIBUTES, Preferences, gather_preferences


def test_each_attribute_has_its_place() -> None:
    values = ("sip:1@x", "2", "3", "4", "default", "20000", "0900*", "1")
    assert gather_preferences(zip(ATTRIBUTES, values, strict=True)) == Preferences(
        always="sip:1@x",
        busy="2",
        no_answer="3",
        not_registered="4",
        voicemail="default",
        ring_seconds=20.0,
        blocked_beginnings=("0900",),
        rejects_anonymous=True,
    )


def test_several_callers_may_be_blocked() -> None:
    found = gather_preferences([("blocked_caller", "SIP:Bob@Spam.Example"), ("blocked_caller", " 0891 ")])
    assert found == Preferences(blocked=frozenset({"bob@spam.example", "0891"}))


@pytest.mark.parametrize(
    "row",
    [
        ("fwd_busy_target", " "),
        ("fr_inv_timer", "soon"),
        ("fr_inv_timer", "-5"),
        ("fr_inv_timer", "0"),
        ("blocked_caller", ""),
        ("reject_anonymous", "0"),
        ("language", "en"),
    ],
)
def test_what_says_nothing_is_no_preference(row: tuple[str, str]) -> None:
    assert gather_preferences([row]) is None


def test_of_several_targets_the_last_counts_and_nobody_rings_for_ever() -> None:
    rows = [("fwd_busy_target", "11"), ("fwd_busy_target", "12"), ("fr_inv_timer", "999999999")]
    assert gather_preferences(rows) == Preferences(busy="12", ring_seconds=3600.0)
