from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from appliance.errors import StorageError
from appliance.storage import backup_files
from appliance.storage.backup_files import BackupFile

NOON = datetime(2026, 11, 29, 12, tzinfo=UTC)  # a Sunday


def days_ago(*days: float) -> list[BackupFile]:
    return [BackupFile(Path(f"{day}"), NOON - timedelta(days=day)) for day in days]


def names(files: list[BackupFile]) -> list[str]:
    return [each.file.name for each in files]


def test_a_name_is_its_moment_in_utc(tmp_path: Path) -> None:
    file = backup_files.new_name(tmp_path, NOON)
    assert file.name == "2026-11-29T120000Z.tar"
    file.touch()
    assert backup_files.new_name(tmp_path, NOON).name == "2026-11-29T120001Z.tar"
    assert backup_files.every(tmp_path) == [BackupFile(file, NOON)]


def test_what_has_another_name_is_not_ours(tmp_path: Path) -> None:
    for name in ("notes", "2026-11-29T120000Z.tar.gpg", ".2026-11-29T120000Z.tar.partial", "x.tar"):
        (tmp_path / name).touch()
    (tmp_path / "2026-11-29T120000Z.tar").mkdir()
    assert backup_files.every(tmp_path) == []
    assert backup_files.every(tmp_path / "nowhere") == []


def test_the_newest_comes_first(tmp_path: Path) -> None:
    for name in ("2026-11-28T120000Z.tar", "2026-11-29T120000Z.tar", "2025-12-31T235959Z.tar"):
        (tmp_path / name).touch()
    years = [each.made.year for each in backup_files.every(tmp_path)]
    assert years == [2026, 2026, 2025]


def test_the_last_of_each_day_stays() -> None:
    files = days_ago(0, 0.25, 1, 1.1, 2, 3)
    assert names(backup_files.surplus(files, daily=2, weekly=0)) == ["0.25", "1.1", "2", "3"]


def test_the_last_of_each_week_stays() -> None:
    files = days_ago(*range(30))
    gone = names(backup_files.surplus(files, daily=3, weekly=3))
    assert sorted(set(map(int, names(files))) - set(map(int, gone))) == [0, 1, 2, 7, 14]


def test_days_without_a_backup_do_not_count() -> None:
    assert backup_files.surplus(days_ago(40, 50, 60), daily=3, weekly=0) == []


def test_the_newest_stays_whatever_is_asked() -> None:
    assert names(backup_files.surplus(days_ago(5, 6), daily=0, weekly=0)) == ["6"]


def test_the_directory_is_for_its_owner_alone(tmp_path: Path) -> None:
    place = tmp_path / "a" / "b"
    backup_files.prepare(place)
    assert place.stat().st_mode & 0o777 == 0o700
    place.chmod(0o750)
    with pytest.raises(StorageError, match="may be entered by others"):
        backup_files.prepare(place)
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="cannot be used for backups"):
        backup_files.prepare(tmp_path / "file")
