"""Accounting on MariaDB: a handful of statements for many records, in one transaction.

The statements are put together here as text, as those of ``location_mariadb`` are, and for the same reason:
the values are what a row costs most. All of them are escaped by the driver's own function. Must not know when
records are written.
"""

# ruff: noqa: S608 - the statements are put together here on purpose; every value is escaped

from __future__ import annotations

from collections.abc import Iterable, Sequence
from operator import itemgetter
from typing import Final

from pymysql.converters import escape_string
from sqlalchemy.engine import Connection

from appliance.storage.accounting_rows import CALL, REQUEST, Record, Row
from appliance.storage.engine import Database

_ACC: Final = f"INSERT INTO acc ({','.join(REQUEST)}) VALUES "
_MISSED: Final = f"INSERT INTO missed_calls ({','.join(REQUEST)}) VALUES "
_THERE: Final = " ON DUPLICATE KEY UPDATE ruid=VALUES(ruid)"
_CALLS: Final = {told: f"INSERT INTO cdrs ({','.join(columns)}) VALUES " for told, columns in CALL.items()}
# Whichever comes first, the INVITE's part or the BYE's: the other one adds to it.
_BEGUN: Final = " ON DUPLICATE KEY UPDATE " + ",".join(f"{name}=VALUES({name})" for name in CALL["answered"])
_ADDED: Final = {
    "answered": _BEGUN,
    "failed": " ON DUPLICATE KEY UPDATE dialog=VALUES(dialog)",
    "over": " ON DUPLICATE KEY UPDATE call_end_time=COALESCE(call_end_time,VALUES(call_end_time))",
}
_key = itemgetter(0)


class MariaAccounting:
    """Implements ``AccountingTables``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def write(self, records: Sequence[Record]) -> None:
        statements = [_statement(_ACC, [record.request for record in records], _THERE)]
        if missed := [record.request for record in records if record.missed]:
            statements.append(_statement(_MISSED, missed, _THERE))
        for told, head in _CALLS.items():
            # In the order of their key: rivals then lock in the same order.
            if calls := sorted([record.call for record in records if record.told == told], key=_key):
                statements.append(_statement(head, calls, _ADDED[told]))

        def work(connection: Connection) -> None:
            # Without parameters a percent sign is a percent sign.
            plain = connection.execution_options(no_parameters=True)
            for statement in statements:
                plain.exec_driver_sql(statement)

        self._database.run(work, "accounting")


def _statement(head: str, rows: Iterable[Row], tail: str) -> str:
    return head + ",".join(map(_values, rows)) + tail


def _values(row: Row) -> str:
    """One row of texts in parentheses."""
    text = "','".join(row)
    # Nearly always there is nothing to escape, and no quote but those that stand between the texts.
    if text.isprintable() and "\\" not in text and text.count("'") == 2 * len(row) - 2:
        return f"('{text}')"
    return "('" + "','".join([escape_string(value) for value in row]) + "')"
