from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.errors import DatabaseUnavailable
from appliance.storage.spool import Entry, Spool


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    spool = Spool(tmp_path / "state" / "spool.db")
    spool.open()
    yield spool
    spool.close()


def entry(key: str, row: list[object] | None, kind: str = "location") -> Entry:
    return Entry(kind, key, "2007-04-22 18:46:09", row)


def test_it_is_flushed_and_nobody_elses(spool: Spool) -> None:
    other = sqlite3.connect(spool.file)
    assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    other.close()
    assert spool._connection is not None
    assert spool._connection.execute("PRAGMA synchronous").fetchone() == (2,)  # FULL
    assert spool.file.stat().st_mode & 0o777 == 0o600


def test_the_oldest_comes_first(spool: Spool) -> None:
    spool.add([entry("b", ["b", 1, None, 0.5]), entry("a", None)])
    spool.add([entry("c", ["ünï"])])
    assert [(each.key, each.row) for each in spool.after(0, 10)] == [
        ("b", ["b", 1, None, 0.5]),
        ("a", None),
        ("c", ["ünï"]),
    ]
    assert [each.key for each in spool.after(0, 1)] == ["b"]


def test_what_comes_later_takes_the_place_of_what_came_before(spool: Spool) -> None:
    spool.add([entry("a", [1]), entry("b", [1])])
    spool.add([entry("a", None)])
    spool.add([entry("a", [1], kind="acc")])
    assert len(spool) == 3
    assert [(each.kind, each.key, each.row) for each in spool.after(0, 10)] == [
        ("location", "b", [1]),
        ("location", "a", None),
        ("acc", "a", [1]),
    ]


def test_what_was_replaced_meanwhile_is_not_removed(spool: Spool) -> None:
    spool.add([entry("a", [1]), entry("b", [1])])
    replayed = spool.after(0, 10)
    spool.add([entry("a", [2])])
    spool.remove(replayed)
    assert [(each.key, each.row) for each in spool.after(0, 10)] == [("a", [2])]
    assert len(spool) == 1


def test_it_is_there_in_the_next_life(spool: Spool) -> None:
    spool.add([entry("a", [1]), entry("b", None)])
    another = Spool(spool.file)
    another.open()
    assert len(another) == 2
    assert [each.key for each in another.after(0, 10)] == ["a", "b"]
    another.close()


def test_a_disk_that_does_not_let_us_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a directory")
    with pytest.raises(DatabaseUnavailable, match=r"spool\.db cannot be used"):
        Spool(tmp_path / "file" / "spool.db").open()
    (tmp_path / "spool.db").write_text("not a database, but long enough to look like one" * 100)
    with pytest.raises(DatabaseUnavailable, match="cannot be used"):
        Spool(tmp_path / "spool.db").open()
