from __future__ import annotations

import sqlite3

import pymysql.err
import pytest
from sqlalchemy import exc

from appliance.errors import DatabaseRefused, DatabaseUnavailable, DuplicateRow, RowRefused
from appliance.storage.failures import ShutOut, TryAgain, meaning


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (pymysql.err.OperationalError(2003, "Can't connect to MySQL server"), DatabaseUnavailable),
        (
            pymysql.err.OperationalError(2013, "Lost connection to MySQL server during query"),
            DatabaseUnavailable,
        ),
        (pymysql.err.OperationalError(1040, "Too many connections"), DatabaseUnavailable),
        (pymysql.err.OperationalError(1053, "Server shutdown in progress"), DatabaseUnavailable),
        (pymysql.err.OperationalError(1290, "running with the --read-only option"), DatabaseUnavailable),
        (pymysql.err.OperationalError(1047, "WSREP has not yet prepared node"), DatabaseUnavailable),
        (pymysql.err.InternalError(1114, "The table is full"), DatabaseUnavailable),
        (pymysql.err.InterfaceError(0, ""), DatabaseUnavailable),
        (ConnectionResetError("reset by peer"), DatabaseUnavailable),
        (pymysql.err.OperationalError(1213, "Deadlock found"), TryAgain),
        (pymysql.err.OperationalError(1205, "Lock wait timeout exceeded"), TryAgain),
        (pymysql.err.IntegrityError(1062, "Duplicate entry '10' for key 'user_id'"), DuplicateRow),
        (pymysql.err.DataError(1406, "Data too long for column 'contact'"), RowRefused),
        (pymysql.err.DataError(1264, "Out of range value for column 'cseq'"), RowRefused),
        (pymysql.err.OperationalError(1366, "Incorrect string value"), RowRefused),
        (pymysql.err.OperationalError(1045, "Access denied for user"), ShutOut),
        (pymysql.err.OperationalError(1049, "Unknown database 'openser'"), ShutOut),
        (pymysql.err.ProgrammingError(1146, "Table 'openser.location' doesn't exist"), DatabaseRefused),
        (pymysql.err.OperationalError(1142, "INSERT command denied"), DatabaseRefused),
        (pymysql.err.OperationalError(1347, "'address' is not of type 'BASE TABLE'"), DatabaseRefused),
        (sqlite3.OperationalError("database is locked"), TryAgain),
        (sqlite3.OperationalError("disk I/O error"), DatabaseUnavailable),
        (sqlite3.OperationalError("database or disk is full"), DatabaseUnavailable),
        (sqlite3.OperationalError("unable to open database file"), DatabaseUnavailable),
        (sqlite3.OperationalError("no such table: location"), DatabaseRefused),
        (sqlite3.DatabaseError("file is not a database"), ShutOut),
        (sqlite3.IntegrityError("UNIQUE constraint failed: subscriber.username"), DuplicateRow),
        (sqlite3.IntegrityError("NOT NULL constraint failed: subscriber.username"), RowRefused),
        (exc.TimeoutError("QueuePool limit reached"), DatabaseUnavailable),
    ],
)
def test_what_an_error_means(error: Exception, kind: type[Exception]) -> None:
    assert type(meaning(error)) is kind
    if not isinstance(error, (exc.SQLAlchemyError, OSError)):
        wrapped = exc.DBAPIError.instance("select", None, error, sqlite3.Error)  # type: ignore[arg-type]
        assert wrapped is not None


def test_sqlalchemys_wrapping_is_seen_through() -> None:
    wrapped = exc.OperationalError("select 1", {}, pymysql.err.OperationalError(1213, "Deadlock found"))
    assert isinstance(meaning(wrapped), TryAgain)


@pytest.mark.parametrize(
    "error",
    [
        ValueError("ours"),
        pymysql.err.ProgrammingError(1064, "syntax"),
        sqlite3.OperationalError("syntax error"),
    ],
)
def test_a_fault_of_ours_is_no_outage(error: Exception) -> None:
    assert meaning(error) is None


@pytest.mark.parametrize(
    ("number", "advice"), [(1045, "url"), (1049, "create"), (1146, "upgrade"), (1142, "rights")]
)
def test_a_refusal_says_what_to_do(number: int, advice: str) -> None:
    assert advice in str(meaning(pymysql.err.OperationalError(number, "no")))
