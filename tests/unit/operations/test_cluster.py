from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from appliance.operations import commands
from appliance.operations.cluster import problems_of
from tests.unit.operations.conftest import Bench


def cluster(**changes: Any) -> dict[str, Any]:
    member = {"address": "192.0.2.1", "version": "1.0", "settings": "aaaa"}
    told = {
        "shared_address": "192.0.2.9",
        "holders": ["pbx-1"],
        "differences": [],
        "members": [
            {"name": "pbx-1", "state": "this", **member},
            {"name": "pbx-2", "state": "alive", **member},
        ],
    }
    return {**told, **changes}


def what(told: dict[str, Any]) -> list[str]:
    return [problem["what"] for problem in problems_of(told)]


def test_all_is_well() -> None:
    assert problems_of(cluster()) == []
    assert problems_of({}) == []


def test_two_hold_the_address() -> None:
    told = what(cluster(holders=["pbx-1", "pbx-2"]))
    assert told == ["Split brain: pbx-1 and pbx-2 hold 192.0.2.9 at once."]


def test_nobody_holds_it() -> None:
    assert what(cluster(holders=[])) == ["No box holds 192.0.2.9: no phone can reach it."]
    assert what(cluster(holders=[], shared_address="")) == []


def test_one_was_never_heard_of() -> None:
    told = cluster()
    told["members"][1] = {"name": "pbx-2", "state": "never", "address": "192.0.2.2"}
    assert what(told) == ["Nothing was heard of pbx-2 since the start."]


@pytest.mark.parametrize("differs", ["version", "settings"])
def test_they_differ(differs: str) -> None:
    told = cluster(differences=[differs])
    told["members"][1] = {**told["members"][1], differs: "other"}
    (sentence,) = what(told)
    assert sentence.startswith(f"The boxes have not the same {differs}: pbx-1 ")
    assert sentence.endswith("pbx-2 other.")


def test_the_status_and_the_check_of_keepalived(bench: Bench) -> None:
    split = cluster(holders=["pbx-1", "pbx-2"], differences=["version"])
    box = dataclasses.replace(bench.box, cluster=lambda: split, fitness=lambda: ("", "the disk is full"))
    made = commands(box)
    told = made["status"]()
    assert told["state"] == "degraded"
    assert told["cluster"]["holders"] == ["pbx-1", "pbx-2"]
    assert len(told["problems"]) == 1, "a difference is usual while boxes are upgraded"
    assert len(told["cluster"]["problems"]) == 2
    assert made["fitness"]() == {"must_not": "", "better_not": "the disk is full"}
    assert commands(bench.box)["fitness"]() == {"must_not": "", "better_not": ""}
