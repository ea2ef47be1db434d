"""Accounting on MariaDB: a handful of statements for many records, on a connection of its own.

Each statement is a transaction (autocommit): what a broken connection leaves undone is written again with the
rest.

The statements are put together here as text, as those of ``location_mariadb`` are, and for the same reason:
the values are what a row costs most. All of them are escaped by the driver's own function. Must not know when
records are written.
"""

# ruff: noqa: S608 - the statements are put together here on purpose; every value is escaped

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Final

from pymysql.converters import escape_string

from appliance.storage.accounting_rows import CALL, REQUEST, Record, Row
from appliance.storage.channel import Channel

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

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def write(self, records: Sequence[Record]) -> None:
        self._send(_ACC, [record.request for record in records], _THERE)
        self._send(_MISSED, [record.request for record in records if record.missed], _THERE)
        for told, head in _CALLS.items():
            # In the order of their key: rivals then lock in the same order.
            calls = sorted([record.call for record in records if record.told == told], key=_key)
            self._send(head, calls, _ADDED[told])

    def _send(self, head: str, rows: Sequence[Row], tail: str) -> None:
        if rows:
            self._channel.execute(head + ",".join(map(_values, rows)) + tail, "accounting")


def _values(row: Row) -> str:
    """One row of texts in parentheses."""
    text = "','".join(row)
    # Nearly always there is nothing to escape, and no quote but those that stand between the texts.
    if text.isprintable() and "\\" not in text and text.count("'") == 2 * len(row) - 2:
        return f"('{text}')"
    return "('" + "','".join([escape_string(value) for value in row]) + "')"
