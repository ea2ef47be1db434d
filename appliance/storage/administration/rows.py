"""Rows that belong to a subscriber: aliases, permissions, preferences and speed dials."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Table, and_, delete, insert, select
from sqlalchemy.engine import Connection

from appliance.errors import DuplicateRow
from appliance.storage.engine import Database


def add(database: Database, table: Table, said: str, /, **values: Any) -> None:
    """A new row of ``table``; DuplicateRow, with ``said`` as its words, when that one is there."""

    def work(connection: Connection) -> None:
        connection.execute(insert(table).values(**values))

    try:
        database.run(work, f"{table.name}_add")
    except DuplicateRow as error:
        raise DuplicateRow(said) from error


def remove(database: Database, table: Table, /, **values: Any) -> int:
    """Take away the rows of ``table`` that have all these values; how many there were."""
    gone = delete(table).where(_all(table, values))
    return database.run(lambda connection: connection.execute(gone).rowcount, f"{table.name}_remove")


def every(
    database: Database, table: Table, columns: tuple[str, ...], /, **values: Any
) -> list[dict[str, Any]]:
    """These columns of the rows that have all these values (None: any), in the order of the columns."""
    wanted = select(*(table.c[name] for name in columns))
    wanted = wanted.where(_all(table, {name: value for name, value in values.items() if value is not None}))
    ordered = wanted.order_by(*(table.c[name] for name in columns))
    return database.run(
        lambda connection: [dict(row) for row in connection.execute(ordered).mappings()], f"{table.name}_list"
    )


def _all(table: Table, values: dict[str, Any]) -> ColumnElement[bool]:
    return and_(True, *(table.c[name] == value for name, value in values.items()))
