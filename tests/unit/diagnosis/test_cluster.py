from __future__ import annotations

from typing import Any

import pytest

from appliance.diagnosis import cluster
from tests.unit.diagnosis.made import settings

TWO = """
[sip]
listen = ["udp:192.0.2.1:5060", "udp:192.0.2.9:5060"]
[replication]
interface = "192.0.2.1"
peers = ["192.0.2.2:5065"]
[cluster]
key_file = "/k"
shared_address = "192.0.2.9/24"
members = ["pbx-1=192.0.2.1", "pbx-2=192.0.2.2"]
"""


def told(**second: Any) -> dict[str, Any]:
    return {
        "shared_address": "192.0.2.9",
        "holders": ["pbx-1"],
        "differences": [],
        "problems": [],
        "members": [
            {"name": "pbx-1", "state": "this", "unfit": ""},
            {"name": "pbx-2", "state": "alive", "unfit": "", **second},
        ],
    }


def test_one_box() -> None:
    assert cluster.judge(settings(), {}).state == "off"
    assert cluster.judge(settings('[cluster]\nkey_file = "/k"\n'), {}).what.endswith("the only member so far")


def test_all_is_well() -> None:
    found = cluster.judge(settings(TWO), told())
    assert (found.state, found.what) == ("ok", "on: 2 boxes, all heard of, 192.0.2.9 is held by pbx-1")


@pytest.mark.parametrize(
    ("second", "words"),
    [
        ({"state": "silent"}, "pbx-2 is away"),
        ({"unfit": "the disk is full"}, "pbx-2 would not take the address: the disk is full"),
    ],
)
def test_the_box_and_the_remedy_are_named(second: dict[str, Any], words: str) -> None:
    found = cluster.judge(settings(TWO), told(**second))
    assert found.state == "wrong"
    assert words in found.what
    assert "pbx-2" in found.todo


def test_what_the_server_says_is_said() -> None:
    problem = {"what": "Split brain: pbx-1 and pbx-2 hold 192.0.2.9 at once.", "todo": "See."}
    found = cluster.judge(settings(TWO), {**told(), "problems": [problem]})
    assert (found.state, found.what, found.todo) == ("wrong", problem["what"].rstrip("."), "See.")
