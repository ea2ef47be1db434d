"""Inputs: where each figure comes from, and that new measurements come in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.scaling_box import Carrier
from benchmarks.scaling_check import compared
from benchmarks.scaling_inputs import FILE, RESULTS, inputs, renewed
from benchmarks.scaling_simulation import filled
from benchmarks.scaling_tables import two_digits

KEPT = json.loads(FILE.read_text())


def result(place: Path, name: str, *readings: tuple[str, float, tuple[float, float] | None]) -> None:
    """A file as the benchmarks keep it."""
    shape = {"operations": 10, "failed": 0, "retransmissions": 0, "p50": 1.0, "p99": 2.0}
    told: list[dict[str, Any]] = [
        {
            "round": 1,
            "server": "sipbox",
            "what": what,
            "value": value,
            "cost": cost and {"server": cost[0], "database": cost[1], **shape},
        }
        for what, value, cost in readings
    ]
    machine = {"fdatasync p99": "1.5 ms", "load before": "0.5"}
    (place / name).write_text(json.dumps({"machine": machine, "options": {}, "readings": told}))


def test_every_figure_says_where_it_comes_from() -> None:
    for name, figure in KEPT["figures"].items():
        assert figure["kind"] in ("measured", "setting", "assumed"), name
        assert figure["from"], name
        assert figure["meaning"], name


def test_the_files_that_are_named_are_kept() -> None:
    files = [load["file"] for load in KEPT["loads"]]
    files += [figure["from"] for figure in KEPT["figures"].values() if figure["from"].endswith(".json")]
    for file in files:
        assert (RESULTS / file).exists(), file


def test_the_newest_measurement_counts(tmp_path: Path) -> None:
    result(tmp_path, "2027-01-01.json", ("piece: hearing a binding, µs", 1.0, None))
    result(
        tmp_path,
        "2027-01-02.json",
        ("piece: hearing a binding, µs", 7.0, None),
        ("piece: hearing a binding, µs", 9.0, None),
    )
    figure = renewed(KEPT, tmp_path)["figures"]["hearing"]
    assert (figure["value"], figure["from"]) == (8.0, "2027-01-02.json")


def test_what_a_registration_costs_so_many_boxes_is_of_one_run(tmp_path: Path) -> None:
    what = "{} boxes, registration, {}/s: sipbox at the first, µs"
    result(tmp_path, "2027-01-01.json", *((what.format(count, 300), 100.0, None) for count in (1, 2, 3)))
    result(tmp_path, "2027-01-02.json", (what.format(1, 300), 90.0, None), (what.format(1, 100), 300.0, None))
    assert inputs(renewed(KEPT, tmp_path)).boxes == {"1": {"sipbox at the first, µs": 90.0}}


def test_what_is_assumed_stays(tmp_path: Path) -> None:
    result(tmp_path, "2027-01-01.json", ("piece: hearing a binding, µs", 1.0, None))
    assert renewed(KEPT, tmp_path)["figures"]["busiest"] == KEPT["figures"]["busiest"]


def test_a_curve_is_of_one_run(tmp_path: Path) -> None:
    result(tmp_path, "2027-01-01.json", ("registration, 100/s", 9, (8, 1)), ("call, 200/s", 5, (4, 1)))
    result(
        tmp_path,
        "2027-01-02.json",
        ("registration, 1,000/s", 6, (5, 1)),
        ("highest rate, registrations/s", 4000, None),
        ("registration, half the highest rate", 3, (2, 1)),
    )
    read = inputs(renewed(KEPT, tmp_path))
    assert [(load.rate, load.server) for load in read.registrations] == [(1000, 5), (2000, 2)]
    assert [load.rate for load in read.calls] == [200]
    assert read.highest["registration"] == 4000


def test_a_start_with_more_bindings_counts_more(tmp_path: Path) -> None:
    result(
        tmp_path,
        "2027-01-01.json",
        *(
            (f"start, {count} bindings: {what}", value, None)
            for count, first in (("100,000", 1.0), ("1,000,000", 2.0))
            for what, value in (
                ("first call, s", first),
                ("all loaded, s", first + 5),
                ("memory a binding, bytes", 800),
            )
        ),
    )
    read = inputs(renewed(KEPT, tmp_path))
    assert (read.loaded_bindings, read.loaded_s, read["binding"]) == (1_000_000, 7.0, 800)


def test_new_measurements_change_the_answer(tmp_path: Path) -> None:
    result(tmp_path, "2027-01-01.json", ("registration, 1,000/s", 20, (19, 1)))
    before = Carrier(inputs(KEPT)).registration(1000)
    assert Carrier(inputs(renewed(KEPT, tmp_path))).registration(1000) == pytest.approx(0.019)
    assert before > 0.019


def test_the_model_is_compared_with_what_was_measured() -> None:
    found = {each.what: each for each in compared(Carrier(inputs()))}
    assert any("p99" in what for what in found)
    assert any("highest rate" in what for what in found)
    assert all(each.measured > 0 for each in found.values())


def test_places_that_are_empty_are_filled_each_for_itself() -> None:
    page = "<!-- table: a -->\n<!-- end -->\nbetween\n<!-- table: b -->\n<!-- end -->\n"
    told = filled(page, {"a": "1", "b": "2"})
    assert told == "<!-- table: a -->\n1\n<!-- end -->\nbetween\n<!-- table: b -->\n2\n<!-- end -->\n"


def test_tables_are_put_at_their_places() -> None:
    page = "a\n<!-- table: box -->\nold\n<!-- end -->\nb\n"
    once = filled(page, {"box": "| new |"})
    assert once == "a\n<!-- table: box -->\n| new |\n<!-- end -->\nb\n"
    assert filled(once, {"box": "| new |"}) == once
    with pytest.raises(KeyError):
        filled(page, {})


@pytest.mark.parametrize(
    ("value", "told"), [(1_249_999, "1,200,000"), (999, "990"), (41.7, "41"), (7.9, "7"), (0.27, "0.3")]
)
def test_figures_are_rounded_down_for_people(value: float, told: str) -> None:
    assert two_digits(value) == told
