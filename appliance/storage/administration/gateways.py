"""Rows of gateways, of the routes to them, and of trusted peers: added, removed, and made as a file wants
them.

A gateway's group has a name, and is made when it is named first. What is made from a file is one
transaction. Must not know what a row decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Table, and_, delete, insert, select, update
from sqlalchemy.engine import Connection

from appliance.errors import DuplicateRow, StorageError
from appliance.storage.engine import Database
from appliance.storage.tables import address, gw, gw_grp, lcr, trusted

#: The columns by which a row is the same one.
KEYS: dict[str, tuple[str, ...]] = {
    gw.name: ("gw_name",),
    lcr.name: ("prefix", "from_uri", "grp_id"),
    trusted.name: ("src_ip", "proto", "from_pattern"),
    address.name: ("grp", "ip_addr", "mask", "port"),
}
_TABLES: dict[str, Table] = {table.name: table for table in (gw, lcr, trusted, address)}

Row = dict[str, Any]


class Done(NamedTuple):
    """What was done, or would be: lines for people, ``+`` added, ``~`` changed, ``-`` removed."""

    added: list[str]
    changed: list[str]
    removed: list[str]

    @property
    def lines(self) -> list[str]:
        return [
            *(f"+ {each}" for each in self.added),
            *(f"~ {each}" for each in self.changed),
            *(f"- {each}" for each in self.removed),
        ]


class Wanted(NamedTuple):
    """Rows as a file has them; ``gw`` and ``lcr`` name their group under ``group``."""

    gateways: Sequence[Row]
    routes: Sequence[Row]
    trusted: Sequence[Row]
    addresses: Sequence[Row]


def add(database: Database, table: str, row: Mapping[str, Any], said: str) -> None:
    """A new row; DuplicateRow, with ``said`` as its words, when that one is there."""

    def work(connection: Connection) -> None:
        complete = _complete(connection, row)
        if _find(connection, table, complete) is not None:
            raise DuplicateRow(said)
        connection.execute(insert(_TABLES[table]).values(**complete))

    database.run(work, f"{table}_add")


def remove(database: Database, table: str, **values: Any) -> int:
    """Take away the rows that have all these values; how many there were. A group without gateways and
    routes goes too."""

    def work(connection: Connection) -> int:
        chosen = dict(values)
        if "group" in chosen:
            number = _group(connection, chosen.pop("group"))
            if number is None:
                return 0
            chosen["grp_id"] = number
        columns = _TABLES[table].c
        same = and_(True, *(columns[name] == value for name, value in chosen.items()))
        count = connection.execute(delete(_TABLES[table]).where(same)).rowcount
        _forget_groups(connection)
        return count

    return database.run(work, f"{table}_remove")


def every(database: Database, table: str) -> list[Row]:
    """All rows, in the order of their ids; with ``group``, the name of their group."""

    def work(connection: Connection) -> list[Row]:
        names = _names(connection)
        rows = connection.execute(select(_TABLES[table]).order_by(_TABLES[table].c.id)).mappings()
        found = [dict(row) for row in rows]
        for row in found:
            if "grp_id" in row:
                row["group"] = names.get(row["grp_id"], str(row["grp_id"]))
        return found

    return database.run(work, f"{table}_list")


def has_group(database: Database, name: str) -> bool:
    """Whether there are gateways of that group."""
    return database.run(lambda connection: _group(connection, name) is not None, "gw_grp_list")


def apply(database: Database, wanted: Wanted, *, remove: bool = False, check: bool = False) -> Done:
    """Make the rows as ``wanted`` says, all or none; with ``remove`` those go that it does not have.

    With ``check`` nothing is changed, only told. Raises StorageError.
    """

    def work(connection: Connection) -> Done:
        done = Done([], [], [])
        groups = {row["group"] for row in (*wanted.gateways, *wanted.routes)}
        unknown = {row["group"] for row in wanted.routes} - {row["group"] for row in wanted.gateways}
        for name in sorted(unknown):
            if remove or _group(connection, name) is None:
                raise StorageError(f"a route leads to the group {name!r}, and no gateway is in it")
        for name in sorted(groups):
            if _group(connection, name) is None:
                connection.execute(insert(gw_grp).values(grp_name=name))
        named = {name: number for number, name in _names(connection).items()}
        for table, rows in zip(_TABLES, wanted, strict=True):
            _make(connection, table, [_numbered(row, named) for row in rows], remove, done)
        _forget_groups(connection)
        if check:
            connection.rollback()
        return done

    return database.run(work, "gateway_apply")


def _make(connection: Connection, table: str, rows: Sequence[Row], remove: bool, done: Done) -> None:
    columns = _TABLES[table]
    kept: set[int] = set()
    for row in rows:
        there = _find(connection, table, row)
        if there is None:
            result = connection.execute(insert(columns).values(**row))
            kept.update(result.inserted_primary_key or ())
            done.added.append(told(table, row))
            continue
        kept.add(there["id"])
        if any(there[name] != value for name, value in row.items()):
            connection.execute(update(columns).where(columns.c.id == there["id"]).values(**row))
            done.changed.append(told(table, row))
    if remove:
        for old in connection.execute(select(columns)).mappings().all():
            if old["id"] not in kept:
                connection.execute(delete(columns).where(columns.c.id == old["id"]))
                done.removed.append(told(table, dict(old)))


def told(table: str, row: Mapping[str, Any]) -> str:
    """A row in the words of those who made it."""
    if table == gw.name:
        return f"gateway {row['gw_name']} at {row['ip_addr']}"
    if table == lcr.name:
        return f"route of {row['prefix'] or 'any number'} to group {row['grp_id']}"
    if table == trusted.name:
        return f"trusted {row['src_ip']} ({row['proto']})"
    return f"trusted {row['ip_addr']}/{row['mask']}"


def _find(connection: Connection, table: str, row: Mapping[str, Any]) -> Row | None:
    columns = _TABLES[table].c
    # NULL and an empty text say the same in all of them.
    same = and_(
        *(
            columns[name].in_(("",)) | columns[name].is_(None)
            if row.get(name) in (None, "")
            else columns[name] == row[name]
            for name in KEYS[table]
        )
    )
    found = connection.execute(select(_TABLES[table]).where(same)).mappings().first()
    return None if found is None else dict(found)


def _complete(connection: Connection, row: Mapping[str, Any]) -> Row:
    """The row with its group's number; a group that is not there yet is made."""
    if "group" not in row:
        return dict(row)
    if _group(connection, row["group"]) is None:
        connection.execute(insert(gw_grp).values(grp_name=row["group"]))
    return _numbered(row, {name: number for number, name in _names(connection).items()})


def _numbered(row: Mapping[str, Any], named: Mapping[str, int]) -> Row:
    complete = dict(row)
    if "group" in complete:
        complete["grp_id"] = named[complete.pop("group")]
    return complete


def _names(connection: Connection) -> dict[int, str]:
    return {row.grp_id: row.grp_name for row in connection.execute(select(gw_grp))}


def _group(connection: Connection, name: str) -> int | None:
    found = connection.execute(select(gw_grp.c.grp_id).where(gw_grp.c.grp_name == name)).scalar()
    return None if found is None else int(found)


def _forget_groups(connection: Connection) -> None:
    used = set(connection.execute(select(gw.c.grp_id)).scalars())
    used |= set(connection.execute(select(lcr.c.grp_id)).scalars())
    for number in _names(connection):
        if number not in used:
            connection.execute(delete(gw_grp).where(gw_grp.c.grp_id == number))
