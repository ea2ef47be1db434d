from __future__ import annotations

import dataclasses

from appliance.operations import commands
from tests.unit.operations.conftest import Bench


def test_without_neighbours_there_is_no_word_of_them(bench: Bench) -> None:
    assert commands(bench.box)["status"]()["neighbours"] == {}


def test_one_that_is_silent_is_a_problem(bench: Bench) -> None:
    box = dataclasses.replace(bench.box, neighbours=lambda: {"pbx-2": True, "pbx-3": False})
    told = commands(box)["status"]()
    assert told["neighbours"] == {"pbx-2": True, "pbx-3": False}
    assert told["state"] == "degraded"
    (problem,) = told["problems"]
    assert problem["what"].startswith("Nothing is heard of pbx-3.")
