"""What the steps have in common."""

from __future__ import annotations

from sqlalchemy import delete, insert, inspect
from sqlalchemy.engine import Connection

from appliance.storage import tables
from appliance.storage.triggers import make_triggers


def make_tables(connection: Connection, group: str) -> None:
    """Make the tables of a group that are not there yet, and say in ``version`` which layout each has."""
    tables.version.create(connection, checkfirst=True)
    made = tables.tables_of(group)
    tables.GROUPS[group].create_all(connection, tables=made, checkfirst=True)
    if group == "core":
        tables.core.cluster_by_ruid(connection)
    versions = [
        {"table_name": table.name, "table_version": table.info["version"]}
        for table in made
        if "version" in table.info
    ]
    names = [row["table_name"] for row in versions]
    connection.execute(delete(tables.version).where(tables.version.c.table_name.in_(names)))
    connection.execute(insert(tables.version), versions)


def mend(connection: Connection, group: str) -> list[str]:
    """Make the tables of a group that somebody has removed; returns their names."""
    there = set(inspect(connection).get_table_names())
    missing = [table.name for table in tables.tables_of(group) if table.name not in there]
    if missing:
        make_tables(connection, group)
        if group == "core":
            make_triggers(connection)  # they went with their tables
    return missing
