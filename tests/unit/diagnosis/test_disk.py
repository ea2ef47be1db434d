from __future__ import annotations

from pathlib import Path

from appliance.diagnosis.disk import Room, judge, look
from tests.unit.diagnosis.made import around

GIGABYTE = 1 << 30


def test_room_enough() -> None:
    found = judge([Room("/var/lib/sipbox", 40 * GIGABYTE, 100 * GIGABYTE, 5000, 9000)])
    assert (found.state, found.what) == ("ok", "40.0 GB free for /var/lib/sipbox")


def test_a_large_disk_may_be_almost_full() -> None:
    assert judge([Room("/", 3 * GIGABYTE, 1000 * GIGABYTE)]).state == "ok"


def test_a_full_disk_is_named_with_what_makes_room() -> None:
    found = judge([Room("/var/log", 9 * GIGABYTE, 20 * GIGABYTE), Room("/", 100 << 20, 20 * GIGABYTE)])
    assert (found.state, found.what) == ("wrong", "the disk of / has 100 MB of 20.0 GB left")
    assert "journalctl --vacuum-size=100M; du -xh --max-depth=3 / |" in found.todo
    assert judge([Room("/", GIGABYTE, 100 * GIGABYTE)]).state == "wrong"


def test_a_disk_that_takes_no_more_files() -> None:
    found = judge([Room("/", 9 * GIGABYTE, 20 * GIGABYTE, 12, 1_000_000)])
    assert (found.state, found.what) == ("wrong", "the disk of / takes only 12 more files")


def test_the_machine_itself_is_looked_at(tmp_path: Path) -> None:
    assert "free for" in look(around(tmp_path)).what or look(around(tmp_path)).state == "wrong"
