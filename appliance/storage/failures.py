"""What a database's error means for us: it is away, it refuses, this row cannot be, or the same again may
work.

Numbers are MariaDB's (its "Error Codes"), texts SQLite's, whose errors have no numbers in Python 3.11's
oldest drivers. Must not know what was asked of the database.
"""

from __future__ import annotations

import sqlite3
from typing import Final

import pymysql.err
from sqlalchemy import exc

from appliance.errors import DatabaseRefused, DatabaseUnavailable, DuplicateRow, RowRefused, StorageError

#: Deadlock, lock wait timeout, row changed since it was read: the transaction was rolled back and may run
#: again.
_AGAIN: Final = frozenset({1213, 1205, 1020})
_DUPLICATE: Final = frozenset({1062, 1586})
#: Too long, wrong text for the character set, out of range, wrong datetime, not null, no default, truncated.
_ROW: Final = frozenset({1406, 1366, 1264, 1292, 1048, 1364, 1265, 1690, 1411, 3819, 4025})
#: Shutting down, too many connections, out of memory or threads, killed, interrupted, network trouble,
#: read-only, disk or table full, a Galera node without a quorum, a statement that took too long. Numbers from
#: 2000 are the client's own: no connection, or one that broke.
_AWAY: Final = frozenset(
    {
        *(0, 1021, 1030, 1037, 1038, 1040, 1041, 1042, 1043, 1047, 1053, 1077, 1079, 1114, 1129, 1135, 1152),
        *(1158, 1159, 1160, 1161, 1180, 1184, 1203, 1226, 1290, 1317, 1836, 1927, 1969, 4031),
    }
)
_REFUSED: Final = {
    1045: "it refuses our user name or password: correct [database] url, or create the user"
    " with 'sipbox database create'",
    1044: "our user may not use this database: 'sipbox database create' grants the rights",
    1142: "our user lacks a right on a table: 'sipbox database create' grants the rights",
    1143: "our user lacks a right on a column: 'sipbox database create' grants the rights",
    1227: "our user lacks a right that this needs: run it as the database's administrator (--admin-url)",
    1419: "triggers need the database's administrator while its binary log is on: run it with --admin-url,"
    " or set log_bin_trust_function_creators=1",
    1049: "there is no such database: 'sipbox database create' makes it",
    1146: "a table is missing: 'sipbox database upgrade' makes it",
    1054: "a column is missing: 'sipbox database upgrade' adds it",
    1305: "a function is missing: 'sipbox database upgrade' adds it",
    1698: "it refuses our user: correct [database] url",
    2059: "it asks for an authentication method that is not supported: give the user a password",
}
#: Of the errors above, those that say that nobody gets in at all.
_SHUT_OUT: Final = frozenset({1045, 1044, 1049, 1698, 2059})
#: Of SQLite's errors, those of the disk.
_FILE_TROUBLE: Final = (
    "unable to open",
    "disk I/O error",
    "is full",
    "readonly",
    "out of memory",
    "interrupted",
)


class TryAgain(Exception):
    """The transaction was rolled back for the sake of another one: run it again."""


class ShutOut(DatabaseRefused):
    """The database lets nobody of ours in: for calls and registrations it is as good as away."""


def meaning(error: BaseException) -> StorageError | TryAgain | None:
    """The error of ours for a driver's error or SQLAlchemy's wrapping of it; None: a fault in our program."""
    if isinstance(error, exc.TimeoutError):
        return DatabaseUnavailable("all connections to the database are busy")
    if isinstance(error, exc.NoSuchTableError):
        return DatabaseRefused(f"the table {error} is missing: 'sipbox database upgrade' makes it")
    original = getattr(error, "orig", None) or error
    if isinstance(original, pymysql.err.Error):
        return _of_mariadb(original)
    if isinstance(original, sqlite3.Error):
        return _of_sqlite(original)
    if isinstance(original, OSError):  # a socket's, in the middle of a reply
        return DatabaseUnavailable(f"the database is away: {original}")
    return None


def _of_mariadb(error: pymysql.err.Error) -> StorageError | TryAgain | None:
    number = error.args[0] if error.args and isinstance(error.args[0], int) else 0
    text = str(error.args[1]) if len(error.args) > 1 else str(error)
    if number in _AGAIN:
        return TryAgain(text)
    if number in _DUPLICATE:
        return DuplicateRow(text)
    if number in _ROW:
        return RowRefused(text)
    if number in _REFUSED:
        kind = ShutOut if number in _SHUT_OUT else DatabaseRefused
        return kind(f"the database says {text!r}: {_REFUSED[number]}")
    if number in _AWAY or 2000 <= number < 3000:
        return DatabaseUnavailable(f"the database is away: {text}" if text else "the database is away")
    if isinstance(
        error, (pymysql.err.OperationalError, pymysql.err.InterfaceError, pymysql.err.InternalError)
    ):
        return DatabaseRefused(f"the database says {text!r}")
    if isinstance(error, (pymysql.err.DataError, pymysql.err.IntegrityError)):
        return RowRefused(text)
    return None


def _of_sqlite(error: sqlite3.Error) -> StorageError | TryAgain | None:
    text = str(error)
    if isinstance(error, sqlite3.IntegrityError):
        return DuplicateRow(text) if "UNIQUE" in text else RowRefused(text)
    if "locked" in text or "busy" in text:
        return TryAgain(text)
    if "no such table" in text or "no such column" in text or "has no column" in text:
        return DatabaseRefused(f"the database says {text!r}: 'sipbox database upgrade' makes what is missing")
    if "not a database" in text or "malformed" in text:
        return ShutOut(
            f"the database file is damaged ({text}): restore a backup with 'sipbox backup restore'"
        )
    if any(cause in text for cause in _FILE_TROUBLE):
        return DatabaseUnavailable(f"the database file cannot be used: {text}")
    if isinstance(error, sqlite3.OperationalError) and "syntax" not in text:
        return DatabaseRefused(f"the database says {text!r}")
    if isinstance(error, sqlite3.DataError):
        return RowRefused(text)
    return None
