"""The tables of a run, from readings alone."""

from __future__ import annotations

import json

import pytest

from benchmarks import report
from benchmarks.ladder import STEPS, climb
from benchmarks.load import Cost
from benchmarks.report import Reading
from benchmarks.side_by_side import turns

KAMAILIO = "Kamailio, tuned, db_mode 1"
WHAT = "registration, 1,000/s"


def cost(server: float, database: float = 0.0, *, failed: int = 0) -> Cost:
    return Cost(server, database, 1000, failed, 0, 4.0, 8.0)


def readings(*pairs: tuple[Cost, Cost]) -> list[Reading]:
    return [
        Reading.of(number, name, WHAT, value)
        for number, pair in enumerate(pairs, 1)
        for name, value in zip(("sipbox", KAMAILIO), pair, strict=True)
    ]


def test_ratios_are_of_server_and_database_together() -> None:
    found = report.ratio(readings((cost(40, 10), cost(60, 40)), (cost(50), cost(90, 10))), WHAT, KAMAILIO)
    assert found is not None
    assert (found.value, found.rounds) == (pytest.approx(0.5), 2)


def test_a_round_in_which_one_failed_compares_nothing() -> None:
    found = report.ratio(
        readings((cost(40), cost(80)), (cost(1, failed=3), cost(80)), (cost(40), cost(80))), WHAT, KAMAILIO
    )
    assert found is not None
    assert (found.value, found.rounds) == (pytest.approx(0.5), 2)


def test_a_round_with_many_retransmissions_compares_nothing() -> None:
    busy = cost(200)._replace(retransmissions=11)
    found = report.ratio(
        readings((cost(40), cost(80)), (busy, cost(80)), (cost(40), cost(80))), WHAT, KAMAILIO
    )
    assert found is not None
    assert (found.value, found.rounds) == (pytest.approx(0.5), 2)


def test_without_a_common_round_there_is_no_ratio() -> None:
    assert report.ratio(readings((cost(1, failed=1), cost(2))), WHAT, KAMAILIO) is None


def test_a_target_that_is_missed_says_no() -> None:
    missed = report.targets(readings((cost(90), cost(100)), (cost(91), cost(100)), (cost(89), cost(100))))
    assert f"| {WHAT} | {KAMAILIO} | ≤ 0.5 | 0.90 (0.88–0.93) | no |" in missed


def test_a_slow_disk_widens_the_limit_of_p99_and_no_other() -> None:
    half, started = "registration, half the highest rate", "start, 100,000 bindings: first call, s"
    ours = [Reading.of(1, "sipbox", half, cost(50)._replace(p99=20.0)), Reading.of(1, "sipbox", started, 2.5)]
    strict, wide = report.limits(ours, 1.0), report.limits(ours, 8.0)
    assert "half the highest rate: p99, ms | ≤ 10 | 20.00 | no |" in strict
    assert "half the highest rate: p99, ms | ≤ 24 | 20.00 | yes |" in wide
    assert "bindings: first call, s | ≤ 2 | 2.50 | no |" in strict
    assert "bindings: first call, s | ≤ 2 | 2.50 | no |" in wide


def test_sipbox_is_compared_with_itself() -> None:
    what = "workers: call, 200/s each"
    pairs = [("sipbox, one worker", 100.0), ("sipbox, two workers", 120.0)]
    both = [Reading.of(number, name, what, cost(value)) for number in (1, 2) for name, value in pairs]
    told = report.targets(both)
    assert (
        f"| {what} | sipbox, two workers through sipbox, one worker | ≤ 1.3 | 1.20 (1.20–1.20) | yes |"
        in told
    )
    assert report.ratios(both) == ""


def test_ratios_near_1_have_three_digits() -> None:
    what = "watching: call"
    pairs = [("sipbox's core", 100.4), ("without tracing", 100.0)]
    both = [Reading.of(number, name, what, value) for number in (1, 2) for name, value in pairs]
    assert "≤ 1.01 | 1.004 (1.004–1.004) | yes |" in report.targets(both)


def test_the_table_has_medians_and_latencies() -> None:
    rows = report.medians(
        readings((cost(40, 9), cost(80)), (cost(50, 11), cost(80)), (cost(60, 10), cost(81)))
    )
    assert rows.splitlines() == [
        f"|  | sipbox | {KAMAILIO} |",
        "| --- | --- | --- |",
        f"| {WHAT} | 50 + 10 (4/8 ms) | 80 + 0 (4/8 ms) |",
    ]


def test_a_kept_run_prints_the_same_again() -> None:
    machine, options = {"CPU": "a fast one", "fdatasync p99": "2.0 ms"}, {"rounds": 2}
    run = report.kept(machine, options, readings((cost(40), cost(80)), (cost(41, failed=2), cost(80))))
    told = report.text(json.loads(json.dumps(run)))
    assert told == report.text(run)
    assert "CPU a fast one" in told
    assert "Not clean, round 2: sipbox, registration, 1,000/s: 2 failed" in told


@pytest.mark.parametrize(
    ("stands", "begin"), [(3000, 3000), (3000, 1000), (3000, 8500), (100, 3000), (10**9, 8500)]
)
def test_the_search_ends_at_the_highest_clean_step(stands: int, begin: int) -> None:
    assert climb(lambda rate: rate <= stands, begin) == max(step for step in STEPS if step <= stands)


def test_a_server_that_stands_nothing_has_the_rate_0() -> None:
    assert climb(lambda _: False, 1000) == 0


def test_everybody_is_first_in_turn() -> None:
    orders = [turns(("a", "b", "c"), number) for number in range(3)]
    assert [order[0] for order in orders] == ["a", "b", "c"]
    assert all(sorted(order) == ["a", "b", "c"] for order in orders)
