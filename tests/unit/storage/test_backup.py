"""On SQLite; between the two databases in tests/wire/test_storage_backup.py."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from appliance.errors import StorageError
from appliance.storage import backup, schema
from appliance.storage.engine import Database
from tests.unit.storage.made import sql


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "saved.backup"


@pytest.fixture
def second(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'second.db'}"


def fill(database: Database) -> None:
    sql(
        database,
        "insert into subscriber (username, password) values ('10', 'abc10'), ('11', 'it''s \"abc\"')",
    )
    sql(database, "insert into location (username, contact, q) values ('10', 'sip:10@192.0.2.1', 0.7)")
    sql(database, "insert into silo (username, body) values ('10', x'00ff41')")
    sql(database, "insert into active_sessions (sid, name, val) values ('a', 'b', 'ünï')")


def test_what_is_saved_comes_back(database: Database, url: str, second: str, file: Path) -> None:
    fill(database)
    saved = backup.backup(url, file)
    assert saved.rows["subscriber"] == 2
    assert saved.groups == ("core", "extra", "phones", "presence", "serweb")
    assert backup.restore(second, file) == saved
    restored = Database(second)
    for table in ("subscriber", "location", "silo", "active_sessions"):
        assert sql(restored, f"select * from {table}") == sql(database, f"select * from {table}")
    assert schema.status(second).ready
    restored.close()


def test_only_the_owner_reads_it(database: Database, url: str, file: Path) -> None:
    file.touch(mode=0o644)
    backup.backup(url, file)
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_backup_that_fails_leaves_the_older_one(database: Database, url: str, file: Path) -> None:
    fill(database)
    backup.backup(url, file)
    before = file.read_bytes()
    sql(database, "alter table subscriber rename to elsewhere")
    with pytest.raises(StorageError):
        backup.backup(url, file)
    assert file.read_bytes() == before
    assert [each.name for each in file.parent.iterdir() if "partial" in each.name] == []


def test_it_is_restored_into_an_empty_database_only(database: Database, url: str, file: Path) -> None:
    fill(database)
    backup.backup(url, file)
    with pytest.raises(StorageError, match="has rows: a backup is restored into an empty database"):
        backup.restore(url, file)
    assert len(sql(database, "select * from subscriber")) == 2


@pytest.mark.parametrize("cut", [1, 30, 300])
def test_half_a_backup_is_noticed(database: Database, url: str, second: str, file: Path, cut: int) -> None:
    fill(database)
    backup.backup(url, file)
    file.write_bytes(file.read_bytes()[:-cut])
    with pytest.raises(StorageError, match="not a whole backup"):
        backup.verify(file)
    with pytest.raises(StorageError, match="not a whole backup"):
        backup.restore(second, file)
    assert not schema.status(second).reachable  # nothing was begun


def test_missing_lines_are_noticed(database: Database, url: str, file: Path) -> None:
    fill(database)
    backup.backup(url, file)
    lines = gzip.decompress(file.read_bytes()).splitlines(keepends=True)
    without_a_row = [line for line in lines if b"abc10" not in line]
    for damaged in (lines[:-1], without_a_row):
        file.write_bytes(gzip.compress(b"".join(damaged)))
        with pytest.raises(StorageError, match="its end is missing"):
            backup.verify(file)


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", gzip.compress(b'{"some": "json"}\n', mtime=0), gzip.compress(b"{", mtime=0)],
    ids=["nothing", "text", "another JSON", "broken JSON"],
)
def test_another_file_is_no_backup(second: str, file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(StorageError, match=r"not a (whole )?backup"):
        backup.restore(second, file)


def test_a_later_format_is_refused(file: Path) -> None:
    file.write_bytes(gzip.compress(b'{"sipbox": "9.0", "format": 2}\n'))
    with pytest.raises(StorageError, match=r"made by sipbox 9\.0"):
        backup.verify(file)


def test_columns_that_somebody_added_are_kept(database: Database, url: str, second: str, file: Path) -> None:
    sql(database, "alter table acc add column cost integer")
    sql(database, "insert into acc (method, cost) values ('INVITE', 7)")
    backup.backup(url, file)
    with pytest.raises(StorageError, match="cost"):
        backup.restore(second, file)  # the new database does not have it …
    restored = Database(second)
    sql(restored, "alter table acc add column cost integer")
    backup.restore(second, file)  # … until somebody adds it there too
    assert sql(restored, "select method, cost from acc") == [("INVITE", 7)]
    restored.close()
