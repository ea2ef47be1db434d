"""What is told of rtpengine, and a node that is taken out of the work."""

from __future__ import annotations

import dataclasses

import pytest
from msgspec import structs

from appliance.config import MediaSettings
from appliance.errors import ControlError
from appliance.operations import Box, commands
from tests.unit.operations.conftest import Bench

ONE, OTHER = "127.0.0.1:2223", "192.0.2.7:2223"


def with_nodes(bench: Bench, when_away: str = "refuse", **up: bool) -> Box:
    media = MediaSettings(mode="always", when_away=when_away)  # type: ignore[arg-type]
    return dataclasses.replace(
        bench.box,
        settings=structs.replace(bench.box.settings, media=media),
        media_nodes=lambda: {ONE: up.get("one", True), OTHER: up.get("other", True)},
        media_disabled=lambda: {OTHER},
        media_enable=lambda name, enabled: name in (ONE, OTHER),
    )


def test_without_media_there_are_no_nodes(bench: Bench) -> None:
    assert commands(bench.box)["status"]()["media"] == {"mode": "never", "nodes": {}}
    assert commands(bench.box)["media_nodes"]() == []


def test_nodes_that_answer_are_no_problem(bench: Bench) -> None:
    told = commands(with_nodes(bench))["status"]()
    assert told["media"] == {"mode": "always", "nodes": {ONE: True, OTHER: True}}
    assert told["problems"] == []


@pytest.mark.parametrize(
    ("when_away", "up", "words"),
    [
        ("refuse", {"one": False}, f"No answer from rtpengine at {ONE}. The others take its calls."),
        ("refuse", {"one": False, "other": False}, "Calls whose media has to be relayed are refused."),
        ("pass", {"one": False, "other": False}, "Calls go on, and their media is not relayed."),
    ],
)
def test_those_that_do_not_are(bench: Bench, when_away: str, up: dict[str, bool], words: str) -> None:
    told = commands(with_nodes(bench, when_away, **up))["status"]()
    assert told["state"] == "degraded"
    (problem,) = told["problems"]
    assert problem["what"].endswith(words)
    assert "rtpengine-daemon" in problem["todo"]


def test_nodes_are_told_and_switched(bench: Bench) -> None:
    box = with_nodes(bench, other=False)
    assert commands(box)["media_nodes"]() == [
        {"node": ONE, "up": True, "enabled": True},
        {"node": OTHER, "up": False, "enabled": False},
    ]
    commands(box)["media_enable"](node=ONE, enabled=False)
    with pytest.raises(ControlError) as refused:
        commands(box)["media_enable"](node="192.0.2.99:1", enabled=False)
    assert refused.value.code == 404
