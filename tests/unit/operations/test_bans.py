"""The ban of who has become known rests, and is said to."""

from __future__ import annotations

import dataclasses
from collections import Counter

from appliance.operations.bans import Bans as Operations
from appliance.protection.bans import Bans
from appliance.protection.door import Door, Rates
from appliance.protection.familiar import Familiar
from tests.unit.operations.conftest import Bench


def test_a_ban_rests_for_as_long_as_its_source_is_known(bench: Bench) -> None:
    familiar = Familiar([], 100)
    clock = bench.box.clock
    door = Door(Rates(), familiar, Bans(300, 3600, 100), clock, Counter(), lambda ban: None)
    operations = Operations(dataclasses.replace(bench.box, door=door))
    sources = ("192.0.2.66", "198.51.100.0/24", "2001:db8:0:7::/64")
    for source in sources:
        door.bans.add(source, 300, "administrator", clock())
    assert {row["source"]: row["rests"] for row in operations.rows()} == dict.fromkeys(sources, False)
    for host in ("192.0.2.66", "198.51.100.0", "2001:db8:0:7::12"):
        familiar.add(host)
    assert {row["source"]: row["rests"] for row in operations.rows()} == {
        "192.0.2.66": True,
        "198.51.100.0/24": False,
        "2001:db8:0:7::/64": True,
    }
    familiar.discard("192.0.2.66")
    assert not operations.rows()[0]["rests"]
