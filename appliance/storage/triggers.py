"""The triggers that write changed keys into ``change_log``, so that nobody has to tell the server.

Whatever program changes a row (the mysql client, a web interface, a script), the key of the row as it was and
as it is now stands in the log in the same transaction: seen exactly when the change is. Must not know who
reads it.
"""

from __future__ import annotations

from sqlalchemy import inspect
from sqlalchemy.engine import Connection

#: For each watched table the columns that name whom a row concerns; an empty text where there is no such
#: column.
WATCHED: dict[str, tuple[str, str]] = {
    "subscriber": ("username", "domain"),
    "domain": ("", "domain"),
    "domain_attrs": ("", "did"),
    "aliases": ("username", "domain"),
    "dbaliases": ("alias_username", "alias_domain"),
    "uri": ("username", "domain"),
    "grp": ("username", "domain"),
    "re_grp": ("", ""),
    "usr_preferences": ("username", "domain"),
    "speed_dial": ("username", "domain"),
    "trusted": ("src_ip", ""),
    "address": ("", ""),
    "gw": ("", ""),
    "gw_grp": ("", ""),
    "lcr": ("", ""),
    "pdt": ("", ""),
    "silo": ("username", "domain"),
}


def make_triggers(connection: Connection) -> None:
    """Make them anew, whether they are there or not; a later step makes those of a table of its own."""
    seen = inspect(connection)
    there = {*seen.get_table_names(), *seen.get_view_names()}
    for table in [name for name in WATCHED if name in there]:
        for occasion in ("insert", "update", "delete"):
            for statement in _statements(table, occasion, connection.dialect.name):
                connection.exec_driver_sql(statement)


def trigger_names() -> set[str]:
    """The names of all of them."""
    return {f"{table}_{occasion}_logged" for table in WATCHED for occasion in ("insert", "update", "delete")}


def _statements(table: str, occasion: str, dialect: str) -> list[str]:
    name = f"{table}_{occasion}_logged"
    header = f"AFTER {occasion.upper()} ON `{table}` FOR EACH ROW"
    was, is_now = _entry(table, "OLD"), _entry(table, "NEW")
    if dialect == "sqlite":
        renamed = _insert(f"SELECT {is_now} WHERE {_renamed(table, 'IS')}")
        body = {"insert": _insert(f"SELECT {is_now}"), "delete": _insert(f"SELECT {was}")}.get(
            occasion, f"{_insert(f'SELECT {was}')}; {renamed}"
        )
        return [f"DROP TRIGGER IF EXISTS {name}", f"CREATE TRIGGER {name} {header} BEGIN {body}; END"]
    # VALUES, not SELECT: numbers are then given without gaps, which a reader would have to watch.
    body = {"insert": _insert(f"VALUES ({is_now})"), "delete": _insert(f"VALUES ({was})")}.get(
        occasion,
        f"BEGIN {_insert(f'VALUES ({was})')};"
        f" IF {_renamed(table, '<=>')} THEN {_insert(f'VALUES ({is_now})')}; END IF; END",
    )
    return [f"CREATE OR REPLACE TRIGGER {name} {header} {body}"]


def _insert(entry: str) -> str:
    return f"INSERT INTO change_log (table_name, username, domain) {entry}"


def _entry(table: str, row: str) -> str:
    return ", ".join([f"'{table}'", *(f"{row}.{column}" if column else "''" for column in WATCHED[table])])


def _renamed(table: str, same: str) -> str:
    """The condition that an update has changed the key; without a key there is nothing to rename."""
    equal = [f"OLD.{column} {same} NEW.{column}" for column in WATCHED[table] if column]
    return f"NOT ({' AND '.join(equal)})" if equal else "1 = 0"
