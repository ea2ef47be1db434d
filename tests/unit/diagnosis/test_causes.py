from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from appliance import diagnosis
from appliance.diagnosis import CHECKS, Finding, diagnose
from appliance.diagnosis.causes import EXPLAINED_BY, explained
from tests.unit.diagnosis.made import around

WRONG = Finding("wrong", "it is")


def test_each_cause_is_looked_at_before_what_follows_from_it() -> None:
    order = list(CHECKS)
    for part, causes in EXPLAINED_BY.items():
        assert all(order.index(cause) < order.index(part) for cause in causes), part


def test_a_fault_is_explained_by_its_cause_and_by_no_other() -> None:
    assert explained("locations", WRONG, {"database": "database"}).because == "database"
    assert explained("locations", WRONG, {"clock": "clock"}).because == ""
    assert explained("locations", Finding("ok", "well"), {"database": "database"}).because == ""


def test_what_follows_from_a_consequence_follows_from_the_cause(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wrong(_: Any) -> Finding:
        return WRONG

    monkeypatch.setattr(diagnosis, "CHECKS", dict.fromkeys(("disk", "database", "locations", "dns"), wrong))
    found = {name: each.because for name, each in diagnose(around(tmp_path))}
    assert found == {"disk": "", "database": "disk", "locations": "disk", "dns": ""}
