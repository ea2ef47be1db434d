"""Ratios of rounds, their intervals, and percentiles."""

from __future__ import annotations

import math

import pytest

from benchmarks.statistics_of_rounds import Ratio, paired_ratio, percentile


def test_a_steady_ratio_has_a_narrow_interval_however_much_the_machine_changes() -> None:
    found = paired_ratio([10.0, 20.0, 40.0], [20.0, 40.0, 80.0])
    assert found is not None
    assert found.value == pytest.approx(0.5)
    assert found.low == pytest.approx(0.5)
    assert found.high == pytest.approx(0.5)


def test_the_interval_is_students_on_the_logarithms() -> None:
    # Logarithms -1, 0, 1: mean 0, deviation 1, so half the width is 4.303 / sqrt(3).
    found = paired_ratio([math.exp(-1), 1.0, math.e], [1.0, 1.0, 1.0])
    assert found is not None
    assert found.value == pytest.approx(1.0)
    assert found.high == pytest.approx(math.exp(4.303 / math.sqrt(3)))
    assert found.low == pytest.approx(1 / found.high)


def test_one_round_says_nothing_about_the_interval() -> None:
    found = paired_ratio([1.0], [2.0])
    assert found == Ratio(0.5, 0.0, math.inf, 1)
    assert str(found) == "0.50 (one round)"
    assert found.at_most(0.7) == "open"


def test_no_round_is_no_ratio() -> None:
    assert paired_ratio([], []) is None


def test_many_rounds_come_near_the_normal_distribution() -> None:
    ours = [math.exp((-1) ** number) for number in range(40)]
    found = paired_ratio(ours, [1.0] * 40)
    assert found is not None
    assert math.log(found.high) == pytest.approx(1.96 * math.sqrt(40 / 39) / math.sqrt(40))


@pytest.mark.parametrize(
    ("low", "high", "at_most", "at_least"),
    [(0.3, 0.5, "yes", "open"), (0.6, 0.9, "no", "yes"), (0.4, 0.6, "open", "open"), (0.2, 0.4, "yes", "no")],
)
def test_a_target_is_met_or_missed_only_when_the_whole_interval_says_so(
    low: float, high: float, at_most: str, at_least: str
) -> None:
    found = Ratio((low + high) / 2, low, high, 10)
    assert found.at_most(0.5) == at_most
    assert found.at_least(0.5) == at_least


def test_percentiles_are_values_that_were_measured() -> None:
    ordered = [float(number) for number in range(1, 201)]
    assert percentile(ordered, 50) == 100
    assert percentile(ordered, 99) == 198
    assert percentile([7.0], 99) == 7
    assert math.isnan(percentile([], 50))
