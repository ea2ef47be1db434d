"""The line of ``sipbox diagnose`` about floods."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from appliance.config import Settings
from appliance.config.sections import ProtectionSettings
from appliance.diagnosis.flood import judge, look
from tests.unit.diagnosis.made import STATUS, around

TOLD = {"on": True, "hard": False, "bans": 2, "dropped": {"source": 3, "banned": 4}}


def test_calm_hard_and_off() -> None:
    calm = judge(Settings(), TOLD)
    assert (calm.state, calm.what) == (
        "ok",
        "on: 2 bans now, 7 messages of strangers dropped since the start",
    )
    hard = judge(Settings(), {**TOLD, "hard": True})
    assert hard.state == "wrong"
    assert "docs/attacks.md" in hard.todo
    assert judge(Settings(protection=ProtectionSettings(enabled=False)), None).state == "off"
    assert judge(Settings(), None).state == "ok"


def test_a_flood_that_ends_in_the_kernel() -> None:
    flood = judge(Settings(), TOLD, (1200, 0))
    assert flood.state == "wrong" and flood.what.endswith("registered phones pass; 2 bans now")
    assert flood.todo.startswith("See where it comes from: nft list set inet sipbox heard4; ")
    assert judge(Settings(), None, (1, 0)).state == "wrong"
    loud = judge(Settings(), TOLD, (0, 900))
    assert loud.state == "ok" and loud.what.endswith("what is too much of single addresses")


def test_two_looks_tell_whether_it_goes_on(tmp_path: Path) -> None:
    def counters(*packets: int) -> Iterator[str]:
        for number in packets:
            rule = {"comment": "strangers", "expr": [{"counter": {"packets": number, "bytes": 0}}]}
            yield json.dumps({"nftables": [{"rule": rule}]})

    for packets, state in (((500, 900), "wrong"), ((500, 500), "ok"), ((500, 0), "ok")):
        box = around(tmp_path, {**STATUS, "flood": TOLD})
        told = counters(*packets)
        box.run = lambda _, told=told: next(told)  # type: ignore[misc]
        assert look(box).state == state
    assert look(around(tmp_path, {**STATUS, "flood": TOLD})).state == "ok"  # there is no such firewall
