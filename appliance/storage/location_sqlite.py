"""``location`` on SQLite: one transaction for many rows. Must not know bindings or when rows are written."""

# ruff: noqa: S608 - the statements are put together here on purpose; every value is bound

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy.engine import Connection

from appliance.sip.uri import AddressOfRecord
from appliance.storage.engine import Database
from appliance.storage.location_rows import COLUMNS, Refresh, Row

_CHANGEABLE: Final = tuple(name for name in COLUMNS if name not in ("ruid", "username", "domain"))
_UPSERT: Final = (
    f"INSERT INTO location ({','.join(COLUMNS)}) VALUES ({','.join('?' * len(COLUMNS))})"
    f" ON CONFLICT (ruid) DO UPDATE SET {','.join(f'{name}=excluded.{name}' for name in _CHANGEABLE)}"
)
_UPSERT_OLDER: Final = f"{_UPSERT} WHERE excluded.last_modified >= location.last_modified"
_REFRESH: Final = "UPDATE location SET expires=?, cseq=?, last_modified=? WHERE ruid=?"
_SELECT: Final = "SELECT " + ",".join(
    f"CAST(strftime('%s',{name}) AS INTEGER)" if name in ("expires", "last_modified") else name
    for name in COLUMNS
)


class SqliteLocations:
    """Implements ``LocationTable``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def upsert(self, rows: Sequence[Row]) -> None:
        self._many(_UPSERT, rows, "location_upsert")

    def refresh(self, refreshes: Sequence[Refresh]) -> bool:
        values = [(expires, cseq, modified, ruid) for ruid, expires, cseq, modified in refreshes]

        def work(connection: Connection) -> bool:
            return connection.exec_driver_sql(_REFRESH, values).rowcount == len(values)

        return self._database.run(work, "location_refresh")

    def replay(self, rows: Sequence[Row], removals: Sequence[tuple[str, str]]) -> None:
        self._many(_UPSERT_OLDER, rows, "location_replay")
        self._many("DELETE FROM location WHERE ruid=? AND last_modified<=?", removals, "location_replay")

    def delete(self, ruids: Sequence[str], expired_before: str | None = None) -> None:
        if expired_before is None:
            self._many("DELETE FROM location WHERE ruid=?", [(ruid,) for ruid in ruids], "location_delete")
            return
        dead = [(ruid, expired_before) for ruid in ruids]
        self._many(
            "DELETE FROM location WHERE ruid=? AND (expires<=? OR contact='')", dead, "location_delete"
        )

    def page(self, after: str, limit: int) -> Sequence[Row]:
        return self._rows(
            f"{_SELECT} FROM location WHERE ruid>? ORDER BY ruid LIMIT ?", (after, limit), "location_load"
        )

    def of_user(self, aor: AddressOfRecord) -> Sequence[Row]:
        return self._rows(
            f"{_SELECT} FROM location WHERE username=? AND domain IN (?,'')", tuple(aor), "location_user"
        )

    def _many(self, statement: str, values: Sequence[tuple[Any, ...]], name: str) -> None:
        if values:
            self._database.run(lambda connection: connection.exec_driver_sql(statement, list(values)), name)

    def _rows(self, statement: str, values: tuple[Any, ...], name: str) -> Sequence[Row]:
        def work(connection: Connection) -> list[Row]:
            return [tuple(row) for row in connection.exec_driver_sql(statement, values)]

        return self._database.run(work, name)
