"""What was answered while the database was away: kept on the disk until the database has it.

A SQLite file of its own in the state directory, with every entry flushed before anybody is answered. One
entry for each key and kind: what comes later takes the place of what came before, so the file does not grow
with the length of an outage. Removals are entries too. Must not know what the entries mean to the database.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from gevent.threadpool import ThreadPool

from appliance.errors import DatabaseUnavailable, StorageError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS entry (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    modified TEXT NOT NULL,
    row BLOB,
    UNIQUE (kind, key)
)
"""
_DELETE_KEY = "DELETE FROM entry WHERE kind = ? AND key = ?"
_PUT = "INSERT INTO entry (kind, key, modified, row) VALUES (?, ?, ?, ?)"
_AFTER = "SELECT kind, key, modified, row, number FROM entry WHERE number > ? ORDER BY number LIMIT ?"
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(list[Any]).decode


class Entry(NamedTuple):
    """``row`` is what is to be written, None what is to be removed; ``modified`` is when, ``number`` the
    order.
    """

    kind: str
    key: str
    modified: str
    row: Sequence[Any] | None
    number: int = 0


class Spool:
    """The spool in ``file``. All its calls run in one native thread; ``len`` is known without asking."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._thread = ThreadPool(1)
        self._connection: sqlite3.Connection | None = None
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def open(self) -> None:
        """Open it, or make it. Raises StorageError when the disk does not let us."""
        self._call(self._open)

    def add(self, entries: Iterable[Entry]) -> None:
        """Keep them; they survive a power cut when this returns."""
        rows = [
            (each.kind, each.key, each.modified, None if each.row is None else _encode(each.row))
            for each in entries
        ]
        self._call(lambda: self._replace(rows))

    def after(self, number: int, count: int) -> list[Entry]:
        """The oldest entries behind ``number``; 0 is before all of them."""
        rows: list[tuple[Any, ...]] = self._call(
            lambda: self._opened().execute(_AFTER, (number, count)).fetchall()
        )
        return [
            Entry(kind, key, modified, None if row is None else _decode(row), number)
            for kind, key, modified, row, number in rows
        ]

    def remove(self, entries: Iterable[Entry]) -> None:
        """The database has them. An entry whose place another has taken meanwhile stays."""
        numbers = [(each.number,) for each in entries]
        self._call(lambda: self._delete(numbers))

    def close(self) -> None:
        self._call(self._close)

    # -------------------------------------------------------------------------------------- in its own thread

    def _open(self) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.touch(mode=0o600)
        connection = sqlite3.connect(self.file, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute(_SCHEMA)
            self._length = connection.execute("SELECT count(*) FROM entry").fetchone()[0]
        except sqlite3.Error:
            connection.close()
            raise
        self._connection = connection

    def _opened(self) -> sqlite3.Connection:
        if self._connection is None:
            self._open()
        if self._connection is None:
            raise DatabaseUnavailable(f"the spool {self.file} cannot be opened")
        return self._connection

    def _replace(self, rows: Sequence[tuple[Any, ...]]) -> None:
        connection = self._opened()
        with _transaction(connection):
            gone = connection.executemany(_DELETE_KEY, [row[:2] for row in rows]).rowcount
            connection.executemany(_PUT, rows)
        self._length += len(rows) - max(0, gone)

    def _delete(self, numbers: Sequence[tuple[int]]) -> None:
        connection = self._opened()
        with _transaction(connection):
            gone = connection.executemany("DELETE FROM entry WHERE number = ?", numbers).rowcount
        self._length -= max(0, gone)

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _call(self, work: Any) -> Any:
        fault, value = self._thread.apply(_outcome, (work,))
        if fault is None:
            return value
        if isinstance(fault, StorageError):
            raise fault
        if isinstance(fault, (sqlite3.Error, OSError)):
            raise DatabaseUnavailable(f"the spool {self.file} cannot be used: {fault}") from fault
        raise fault


@contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _outcome(work: Any) -> tuple[BaseException | None, Any]:
    try:
        return None, work()
    except Exception as error:  # noqa: BLE001 - it is raised again in the greenlet that waits
        return error, None
