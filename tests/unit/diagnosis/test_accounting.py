from __future__ import annotations

from pathlib import Path
from typing import Any

from appliance.diagnosis.accounting import judge, look
from appliance.diagnosis.locations import WAITS_FOR_DATABASE
from tests.unit.diagnosis.made import STATUS, around, database, settings

ON = settings()


def test_on_and_off() -> None:
    assert judge(ON, 2, 0, 0, available=True).what == (
        "on: calls are recorded, and kept for good; 2 records under way"
    )
    kept = settings("[accounting]\nretention_days = 180\n")
    assert "kept for 180 days" in judge(kept, 0, 0, 0, available=True).what
    assert judge(settings("[accounting]\nenabled = false\n"), 0, 0, 0, available=True).state == "off"


def test_records_wait() -> None:
    found = judge(ON, 0, 3, 0, available=False)
    assert (found.state, found.what, found.todo) == ("wrong", "3 records wait on disk", WAITS_FOR_DATABASE)
    assert judge(ON, 5000, 0, 0, available=True).what == "5000 records wait for the database"


def test_records_are_lost() -> None:
    found = judge(ON, 0, 0, 4, available=True)
    assert (found.state, found.what) == ("wrong", "4 records of calls are lost since the start")


def test_the_server_s_counts(tmp_path: Path) -> None:
    snapshot: dict[str, Any] = {
        "sipbox_accounting_waiting": [(["memory"], 1), (["disk"], 8)],
        "sipbox_accounting_requests_total": [(["written"], 90), (["lost"], 0)],
    }
    answers = {"metrics": {"snapshot": snapshot}}
    assert look(around(tmp_path, database(available=False), answers=answers)).what == "9 records wait on disk"
    assert look(around(tmp_path, STATUS, "[accounting]\nenabled = false\n")).state == "off"
