"""``location`` on MariaDB: few statements, many rows in each, on a connection of its own.

The statements are put together here as text, because that is what a row costs most: SQLAlchemy and the driver
would spend three times as long on the values of each row. All values are escaped by the driver's own
function. Every statement is a transaction (autocommit): one journey to the server, one flush for all rows.

Must not know bindings or when rows are written.
"""

# ruff: noqa: S608 - the statements are put together here on purpose; every value is escaped

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from pymysql.converters import escape_string

from appliance.sip.uri import AddressOfRecord
from appliance.storage.channel import Channel
from appliance.storage.location_rows import COLUMNS, Refresh, Row
from appliance.storage.packed_rows import packed_page, unpacked

#: A statement stays far below max_allowed_packet even when every contact is as long as it may be.
_ROWS_AT_ONCE = 500

#: Whom a ruid stands for never changes, but a refresh that met no row has left one without a user.
_CHANGEABLE: Final = tuple(name for name in COLUMNS if name != "ruid")
_INSERT: Final = f"INSERT INTO location ({','.join(COLUMNS)}) VALUES "
_UPDATE: Final = " ON DUPLICATE KEY UPDATE " + ",".join(f"{name}=VALUES({name})" for name in _CHANGEABLE)
# Assignments are made from left to right: the time that is compared with comes last.
_UPDATE_OLDER: Final = " ON DUPLICATE KEY UPDATE " + ",".join(
    f"{name}=IF(VALUES(last_modified)>=last_modified,VALUES({name}),{name})"
    for name in (*(each for each in _CHANGEABLE if each != "last_modified"), "last_modified")
)
_REFRESH: Final = "INSERT INTO location (ruid,expires,cseq,last_modified) VALUES "
_REFRESHED: Final = (
    " ON DUPLICATE KEY UPDATE expires=VALUES(expires),cseq=VALUES(cseq),last_modified=VALUES(last_modified)"
)
_SELECT: Final = "SELECT " + ",".join(
    f"IFNULL(TIMESTAMPDIFF(SECOND,'1970-01-01',{name}),0)" if name in ("expires", "last_modified") else name
    for name in COLUMNS
)


class MariaLocations:
    """Implements ``LocationTable``."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    def upsert(self, rows: Sequence[Row]) -> None:
        for some in _parts(rows):
            self._channel.execute(f"{_INSERT}{','.join(map(_values, some))}{_UPDATE}", "location_upsert")

    def refresh(self, refreshes: Sequence[Refresh]) -> bool:
        whole = True
        for some in _parts(refreshes):
            values = ",".join(
                [
                    f"('{escape_string(ruid)}','{expires}',{cseq},'{modified}')"
                    for ruid, expires, cseq, modified in some
                ]
            )
            changed = self._channel.execute(f"{_REFRESH}{values}{_REFRESHED}", "location_refresh")
            # The server counts 2 for a changed row, 1 for a new one, 0 for one that was so already.
            whole = whole and changed == 2 * len(some)
        return whole

    def replay(self, rows: Sequence[Row], removals: Sequence[tuple[str, str]]) -> None:
        for some in _parts(rows):
            self._channel.execute(
                f"{_INSERT}{','.join(map(_values, some))}{_UPDATE_OLDER}", "location_replay"
            )
        for part in _parts(removals):
            older = " OR ".join(
                f"(ruid={_text(ruid)} AND last_modified<={_text(when)})" for ruid, when in part
            )
            self._channel.execute(f"DELETE FROM location WHERE {older}", "location_replay")

    def delete(self, ruids: Sequence[str], expired_before: str | None = None) -> None:
        dead = "" if expired_before is None else f" AND (expires<={_text(expired_before)} OR contact='')"
        for some in _parts(ruids):
            names = ",".join(map(_text, some))
            self._channel.execute(f"DELETE FROM location WHERE ruid IN ({names}){dead}", "location_delete")

    def page(self, after: str, limit: int) -> Sequence[Row]:
        begin = _text(after)
        rows = unpacked(self._channel.select(packed_page(begin, limit), "location_load"))
        if rows is not None:
            return rows
        return self._channel.select(
            f"{_SELECT} FROM location WHERE ruid>{begin} ORDER BY ruid LIMIT {limit}", "location_load"
        )

    def of_user(self, aor: AddressOfRecord) -> Sequence[Row]:
        user = f"username={_text(aor.username)} AND domain IN ({_text(aor.domain)},'')"
        return self._channel.select(f"{_SELECT} FROM location WHERE {user}", "location_user")


def _parts(rows: Sequence[Any]) -> list[Sequence[Any]]:
    return [rows[first : first + _ROWS_AT_ONCE] for first in range(0, len(rows), _ROWS_AT_ONCE)]


def _text(value: str | None) -> str:
    return "NULL" if value is None else f"'{escape_string(value)}'"


def _values(row: Row) -> str:
    """One row in parentheses, in the order of COLUMNS."""
    (
        ruid,
        username,
        domain,
        contact,
        received,
        path,
        expires,
        q,
        call_id,
        cseq,
        modified,
        flags,
        cflags,
        user_agent,
        socket,
        methods,
        instance,
        reg_id,
    ) = row
    return (
        f"('{escape_string(ruid)}','{escape_string(username)}','{escape_string(domain)}','{escape_string(contact)}'"
        f",{_text(received)},{_text(path)},'{expires}',{q:.2f},'{escape_string(call_id)}',{cseq:d},'{modified}'"
        f",{flags:d},{cflags:d},'{escape_string(user_agent)}',{_text(socket)}"
        f",{'NULL' if methods is None else int(methods)},{_text(instance)},{reg_id:d})"
    )
