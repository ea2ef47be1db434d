"""What a box carries, from inputs that are easy to reckon with."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from benchmarks.scaling_box import Box, Carrier, Mix, hottest, largest, seconds_a_second
from benchmarks.scaling_boxes import active, cells, largest_cell, pair, shares
from benchmarks.scaling_inputs import Inputs, Load, inputs

KEPT = inputs()
MIX = Mix("phones", 60, 0.0)
BOX = Box(4, 1e12, 1)


def load(rate: float, server: float, database: float = 0.0) -> Load:
    return Load("registration", rate, server, database, 1, 2, 0, 1, "here.json")


def carrier(**figures: float) -> Carrier:
    """A registration costs 200 + 10 µs, everything else nothing but what is given."""
    nothing = dict.fromkeys(
        (
            "telling",
            "hearing",
            "telling a box",
            "telling one box more",
            "hearing a box",
            "handing over",
            "keep-alive",
            "OPTIONS keep-alive",
            "row whole",
            "row certified",
            "commit certified",
            "row applied",
            "commit applied",
        ),
        0.0,
    )
    asked = {**KEPT.figures, **nothing, "row refreshed": 0.0, "in place": 1.0, "back within": 1e9, **figures}
    here: Inputs = replace(
        KEPT, registrations=(load(1000, 200, 10),), calls=(load(100, 1000),), figures=asked
    )
    return Carrier(here)


def test_costs_lie_on_lines_between_what_was_measured_and_do_not_fall_beyond() -> None:
    loads = (load(100, 1000), load(1000, 200))

    def of(rate: float) -> float:
        return seconds_a_second(loads, rate, lambda each: each.server)

    assert of(100) == pytest.approx(0.1)
    assert of(50) == pytest.approx(0.05)
    assert of(550) == pytest.approx(0.15)
    assert of(2000) == pytest.approx(0.4)


def test_a_core_that_may_be_busy_for_70_percent_carries_3500_registrations() -> None:
    found = carrier()
    assert found.phones(BOX, MIX) / MIX.every == pytest.approx(3500, rel=0.01)
    assert found.use(BOX, MIX, 1000).first == "CPU: one worker"


def test_twice_the_workers_carry_twice_as_much_when_they_tell_nothing() -> None:
    found = carrier()
    one, two = found.phones(BOX, MIX), found.phones(replace(BOX, workers=2), MIX)
    assert two / one == pytest.approx(2, rel=0.02)


def test_hearing_of_the_others_costs_the_more_the_more_they_are() -> None:
    found = carrier(hearing=50)
    carried = [found.phones(Box(200, 1e12, workers), MIX) / workers for workers in (1, 2, 8, 64)]
    assert carried == sorted(carried, reverse=True)
    # Nobody carries more than all could hear of.
    assert carried[-1] * 64 / MIX.every < 0.7 / 50e-6


def test_memory_is_bindings_times_workers() -> None:
    found = carrier(**{"binding": 1000, "subscriber": 0, "row on disk": 0, "idle worker": 0, "system": 0})
    assert found.memory(Box(8, 1e9, 4), MIX, 1000) == 4_000_000
    assert found.use(Box(8, 5e6, 4), MIX, 1000).memory == pytest.approx(1)


def test_everything_that_is_measured_dearer_makes_a_box_carry_less() -> None:
    base = carrier().phones(BOX, MIX)
    dearer: dict[str, Any] = {"rows a second": 100.0, "packets a core": 100.0, "back within": 1.0}
    for name, value in dearer.items():
        assert carrier(**{name: value}).phones(BOX, MIX) < base, name
    streams, asked = MIX._replace(tcp=1), MIX._replace(asked=20)
    assert carrier(**{"connections a worker": 10}).phones(BOX, streams) == pytest.approx(10, abs=1)
    assert carrier(**{"keep-alives a worker": 10}).phones(BOX, asked) == pytest.approx(200, abs=1)


def test_chance_favours_one_worker_and_less_so_with_many_phones() -> None:
    assert hottest(1000, 1) == 1
    assert hottest(1000, 8) > hottest(1_000_000, 8) > 1


def test_the_largest_that_fits() -> None:
    assert largest(lambda phones: phones <= 12_345) == pytest.approx(12_345, rel=0.001)
    assert largest(lambda _: False) == 0


def test_a_start_reads_every_row_for_every_worker() -> None:
    found = Carrier(replace(KEPT, cold_call_s=1, loaded_s=3, loaded_bindings=100_000))
    assert found.start(Box(8, 1e9, 1), 200_000) == pytest.approx(5)
    assert found.start(Box(2, 1e9, 4), 200_000) > 5


def test_a_pair_carries_what_one_box_does_and_three_less_than_thrice() -> None:
    found = carrier(hearing=5, telling=1, **{"row certified": 5, "row applied": 10, "commit applied": 300})
    one = found.phones(found.best(8, MIX), MIX)
    assert 0.9 * one <= pair(found, 8, MIX).phones <= one
    three = active(found, 8, MIX, 3).phones
    assert one < three < 2 * one


def test_commits_are_as_many_as_rows_until_they_wait_for_one_another() -> None:
    found = carrier(**{"commits apart": 0.02, "enough to commit": 20})
    assert [found.commits(rate) for rate in (10, 500, 4000)] == pytest.approx([10, 50, 200])
    assert carrier(**{"commits apart": 0.0}).commits(4000) == 4000


def test_cells_know_nothing_of_one_another() -> None:
    found = carrier()
    most = largest_cell(found, BOX, MIX)
    assert cells(found, BOX, MIX, 10_000_000, most).rate == pytest.approx(
        cells(found, BOX, MIX, 20_000_000, most).rate, rel=0.05
    )
    assert cells(found, BOX, MIX, most, most).number == 1


def test_what_a_registration_costs_where_it_comes_hardly_grows_with_the_boxes() -> None:
    pieces = {"telling a box": 6, "telling one box more": 1, "hearing a box": 15, "row applied": 10}
    found = carrier(**pieces, **{"row certified": 5})
    one, two, ten = (shares(found, 1000, count) for count in (1, 2, 10))
    assert (one.server, one.database, one.together(1)) == pytest.approx((200, 10, 210))
    assert (two.server, two.database) == pytest.approx((206, 15))
    assert (two.other_server, two.other_database) == pytest.approx((15, 10))
    assert (ten.server, ten.database) == pytest.approx((214, 15))
    assert ten.together(10) == pytest.approx(214 + 15 + 9 * 25)


def test_the_worker_that_speaks_for_its_box_is_used_up_first() -> None:
    found = carrier(**{"telling a box": 6, "hearing a box": 15})
    box = Box(8, 1e12, 8)
    assert found.leading(box, MIX, 60_000, 60_000) == 0
    assert found.leading(box, MIX, 60_000, 180_000) == pytest.approx((1000 * 6 + 2000 * 15) / 1e6)
    alone, among = found.use(box, MIX, 60_000), found.use(box, MIX, 60_000, 180_000)
    assert among.worker == pytest.approx(alone.worker + found.leading(box, MIX, 60_000, 180_000) / 0.7)
