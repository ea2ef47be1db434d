"""The list of bans on disk: workers that share it, a restart, a file that is none."""

from __future__ import annotations

from pathlib import Path

from appliance.protection.bans import Bans
from appliance.storage.ban_list import BanList

WALL = 1_800_000_000.0


class Worker:
    """A worker with its bans and the file that all share."""

    def __init__(self, place: Path) -> None:
        self.said: list[str] = []
        self.bans = Bans(300, 86_400, 100)
        self.list = BanList(
            place, self.bans, lambda: 1000.0, lambda: WALL, lambda _, text: self.said.append(text)
        )

    def banned(self) -> list[str]:
        self.list.tick()
        return [ban.source for ban in self.bans.listed(1000.0)]


def test_what_one_worker_bans_and_lifts_the_others_know(tmp_path: Path) -> None:
    one, two = Worker(tmp_path / "bans.json"), Worker(tmp_path / "bans.json")
    one.bans.strike("192.0.2.1", "guessing", 1000.0)
    two.bans.strike("192.0.2.2", "guessing", 1000.0)
    assert one.banned() == ["192.0.2.1"]
    assert two.banned() == ["192.0.2.1", "192.0.2.2"]
    assert one.banned() == ["192.0.2.1", "192.0.2.2"]
    two.bans.lift("192.0.2.1")
    assert two.banned() == ["192.0.2.2"]
    assert one.banned() == ["192.0.2.2"]
    assert Worker(tmp_path / "bans.json").banned() == ["192.0.2.2"]  # after a restart
    assert one.said == two.said == []


def test_a_file_that_is_none_is_told_and_written_anew_with_all_that_hold(tmp_path: Path) -> None:
    worker = Worker(tmp_path / "bans.json")
    worker.bans.strike("192.0.2.1", "guessing", 1000.0)
    assert worker.banned() == ["192.0.2.1"]
    (tmp_path / "bans.json").write_text("{")
    assert worker.banned() == ["192.0.2.1"]
    assert "the list of bans cannot be kept" in worker.said[0]
    worker.bans.strike("192.0.2.2", "guessing", 1000.0)
    worker.bans.strike("192.0.2.3", "guessing", 1000.0)
    worker.bans.lift("192.0.2.3")
    assert worker.banned() == ["192.0.2.1", "192.0.2.2"]
    assert Worker(tmp_path / "bans.json").banned() == ["192.0.2.1", "192.0.2.2"]


def test_a_place_that_cannot_be_written_is_told_and_bans_hold_without_it(tmp_path: Path) -> None:
    worker = Worker(tmp_path / "away" / "bans.json")
    worker.bans.strike("192.0.2.1", "guessing", 1000.0)
    assert worker.banned() == ["192.0.2.1"]
    assert worker.banned() == ["192.0.2.1"]
    assert len(set(worker.said)) == 1
    assert "the list of bans cannot be kept" in worker.said[0]
    (tmp_path / "away").mkdir()
    assert worker.banned() == ["192.0.2.1"]
    assert Worker(tmp_path / "away" / "bans.json").banned() == ["192.0.2.1"]
