"""Accounting on SQLite: one transaction for many records. Must not know when records are written."""

# ruff: noqa: S608 - the statements are put together here on purpose; every value is bound

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy.engine import Connection

from appliance.storage.accounting_rows import CALL, REQUEST, Record
from appliance.storage.engine import Database


def _insert(table: str, columns: Sequence[str], key: str, conflict: str) -> str:
    marks = ",".join("?" * len(columns))
    return f"INSERT INTO {table} ({','.join(columns)}) VALUES ({marks}) ON CONFLICT ({key}) DO {conflict}"


_ACC: Final = _insert("acc", REQUEST, "callid, ruid", "NOTHING")
_MISSED: Final = _insert("missed_calls", REQUEST, "callid, ruid", "NOTHING")
# Whichever comes first, the INVITE's part or the BYE's: the other one adds to it.
_ADDED: Final = {
    "answered": "UPDATE SET " + ",".join(f"{name}=excluded.{name}" for name in CALL["answered"]),
    "failed": "NOTHING",
    "over": "UPDATE SET call_end_time=COALESCE(call_end_time,excluded.call_end_time)",
}
_CALLS: Final = {
    told: _insert("cdrs", columns, "sip_call_id, dialog", _ADDED[told]) for told, columns in CALL.items()
}


class SqliteAccounting:
    """Implements ``AccountingTables``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def write(self, records: Sequence[Record]) -> None:
        parts = (
            (_ACC, [record.request for record in records]),
            (_MISSED, [record.request for record in records if record.missed]),
            *(
                (statement, [record.call for record in records if record.told == told])
                for told, statement in _CALLS.items()
            ),
        )

        def work(connection: Connection) -> None:
            for statement, rows in parts:
                if rows:
                    connection.exec_driver_sql(statement, rows)

        self._database.run(work, "accounting")
