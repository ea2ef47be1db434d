"""On SQLite; with MariaDB in tests/wire/test_backup.py."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from appliance.errors import StorageError
from appliance.storage import archive, schema
from appliance.storage.engine import Database
from tests.unit.storage.made import sql


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "saved.tar"


@pytest.fixture
def made(database: Database, url: str, tmp_path: Path, file: Path) -> archive.Manifest:
    """A backup of two subscribers and a key."""
    sql(database, "insert into subscriber (username, password) values ('10', 'abc10'), ('11', 'abc11')")
    (tmp_path / "key").write_bytes(b"\0secret\n")
    return archive.create(url, file, {"state/key": tmp_path / "key"})


def rewrite(file: Path, change: Callable[[str, bytes], bytes | None]) -> None:
    """The same archive, each of its files as ``change`` wants it; None leaves it out."""
    with tarfile.open(file) as tar:
        contents = {name: tar.extractfile(name).read() for name in tar.getnames()}  # type: ignore[union-attr]
    with tarfile.open(file, "w") as tar:
        for name, content in contents.items():
            changed = change(name, content)
            if changed is not None:
                member = tarfile.TarInfo(name)
                member.size = len(changed)
                tar.addfile(member, io.BytesIO(changed))


def test_it_says_what_is_in_it(made: archive.Manifest, file: Path) -> None:
    assert made.rows["subscriber"] == made.row_count == 2
    assert made.files == ["state/key"]
    assert set(made.migrations) == set(schema.GROUPS)
    assert archive.manifest_of(file) == archive.verify(file) == made
    assert file.stat().st_mode & 0o777 == 0o600


def test_nothing_else_stays_behind(made: archive.Manifest, file: Path) -> None:
    assert [each.name for each in file.parent.iterdir() if each.name.startswith(".")] == []


def test_what_was_saved_comes_back(made: archive.Manifest, file: Path, tmp_path: Path) -> None:
    second, place = f"sqlite:///{tmp_path / 'second.db'}", tmp_path / "new" / "key"
    assert archive.restore(second, file, {"state/key": place, "not/there": tmp_path / "no"}) == made
    database = Database(second)
    assert sql(database, "select username, password from subscriber") == [("10", "abc10"), ("11", "abc11")]
    database.close()
    assert place.read_bytes() == b"\0secret\n"
    assert place.stat().st_mode & 0o777 == 0o600
    assert not (tmp_path / "no").exists()


def test_rows_that_are_there_are_replaced_when_asked(
    made: archive.Manifest, file: Path, database: Database, url: str, tmp_path: Path
) -> None:
    sql(database, "update subscriber set username = '12' where username = '10'")
    (tmp_path / "key").write_bytes(b"another")
    with pytest.raises(StorageError, match="has rows"):
        archive.restore(url, file, {"state/key": tmp_path / "key"})
    assert (tmp_path / "key").read_bytes() == b"another"  # nothing half-way
    archive.restore(url, file, {"state/key": tmp_path / "key"}, replace=True)
    assert sql(database, "select username from subscriber order by username") == [("10",), ("11",)]
    assert (tmp_path / "key").read_bytes() == b"\0secret\n"


def test_a_backup_that_fails_leaves_nothing(database: Database, url: str, tmp_path: Path, file: Path) -> None:
    with pytest.raises(StorageError, match="no-such-key"):
        archive.create(url, file, {"state/key": tmp_path / "no-such-key"})
    with pytest.raises(StorageError, match="cannot be written"):
        archive.create(url, tmp_path / "nowhere" / "saved.tar", {})
    assert {each.name.split("-")[0] for each in tmp_path.iterdir()} == {"sipbox.db"}


@pytest.mark.parametrize("plant", [lambda at, to: at.symlink_to(to), lambda at, _to: os.mkfifo(at)])
def test_what_is_no_file_is_not_read(
    database: Database, url: str, tmp_path: Path, file: Path, plant: Callable[[Path, Path], None]
) -> None:
    (tmp_path / "shadow").write_bytes(b"of somebody else")
    plant(tmp_path / "secret", tmp_path / "shadow")
    with pytest.raises(StorageError, match=r"cannot be written: .*secret: "):
        archive.create(url, file, {"state/secret": tmp_path / "secret"})
    assert not file.exists()


@pytest.mark.parametrize("end", [100, 1500, 3000, -10240, -12000])
def test_half_of_it_is_noticed(made: archive.Manifest, file: Path, end: int) -> None:
    file.write_bytes(file.read_bytes()[:end])
    with pytest.raises(StorageError, match=r"not a (whole )?backup|is damaged"):
        archive.verify(file)


def test_a_bit_that_changed_is_noticed(made: archive.Manifest, file: Path, url: str) -> None:
    for name in ("state/key", archive.ROWS):
        before = file.read_bytes()
        rewrite(file, lambda each, content, name=name: content[:-1] + b"?" if each == name else content)
        with pytest.raises(StorageError, match=f"the checksum of {name} is another"):
            archive.restore(url, file, {}, replace=True)
        file.write_bytes(before)


def test_a_missing_or_foreign_file_is_noticed(made: archive.Manifest, file: Path) -> None:
    before = file.read_bytes()
    for name in ("state/key", archive.ROWS):
        rewrite(file, lambda each, content, name=name: None if each == name else content)
        with pytest.raises(StorageError, match=f"{name} is missing"):
            archive.verify(file)
        file.write_bytes(before)
    with tarfile.open(file, "a") as tar:
        tar.addfile(tarfile.TarInfo("../../etc/passwd"))
    with pytest.raises(StorageError, match="is damaged"):
        archive.verify(file)


def changed_manifest(file: Path, **values: object) -> None:
    def change(name: str, content: bytes) -> bytes:
        if name != archive.MANIFEST:
            return content
        return msgspec.json.encode(msgspec.json.decode(content) | values)

    rewrite(file, change)


def test_rows_are_counted(made: archive.Manifest, file: Path) -> None:
    changed_manifest(file, rows=made.rows | {"subscriber": 3})
    with pytest.raises(StorageError, match="its rows are not those"):
        archive.verify(file)


def test_a_later_versions_is_refused_before_anything_is_changed(
    made: archive.Manifest, file: Path, database: Database, url: str
) -> None:
    changed_manifest(file, sipbox="9.0", migrations=made.migrations | {"core": "core_9999"})
    with pytest.raises(StorageError, match=r"made by sipbox 9\.0, whose tables \(core_9999\)"):
        archive.restore(url, file, {}, replace=True)
    assert len(sql(database, "select * from subscriber")) == 2
    changed_manifest(file, format=2)
    with pytest.raises(StorageError, match="in a format that this version cannot read"):
        archive.manifest_of(file)


@pytest.mark.parametrize("content", [b"", b"hello", b"\0" * 10240])
def test_another_file_is_no_backup(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    with pytest.raises(StorageError, match=r"not a (whole )?backup"):
        archive.verify(file)
