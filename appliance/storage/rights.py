"""The MariaDB database itself and its users: what needs an administrator of the server.

The server's own user may read and write rows, no more: tables and triggers are made by the administrator.
Must not know the tables.
"""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import text
from sqlalchemy.engine import URL, Connection

from appliance.errors import DatabaseRefused
from appliance.storage.engine import Database
from appliance.storage.tables.columns import CHARSET, COLLATION

#: What the server needs at work.
ROW_RIGHTS = "SELECT, INSERT, UPDATE, DELETE"


def make_database(url: URL, admin_url: URL | None, reader: str | None, reader_password: str | None) -> None:
    """Make the database of ``url`` unless it is there, and with ``admin_url`` its users and their rights."""
    name = _database_name(url)

    def make(connection: Connection) -> None:
        connection.execute(
            text(f"CREATE DATABASE IF NOT EXISTS {_quoted(name)} CHARACTER SET {CHARSET} COLLATE {COLLATION}")
        )
        if admin_url is None:
            return
        if url.username and url.username != admin_url.username:
            _grant(connection, url.username, url.password, url, ROW_RIGHTS, name)
        if reader:
            _grant(connection, reader, reader_password, url, "SELECT", name)

    _on_server(admin_url or url, make)


def remove_database(url: URL, admin_url: URL | None) -> None:
    name = _database_name(url)
    _on_server(
        admin_url or url,
        lambda connection: connection.execute(text(f"DROP DATABASE IF EXISTS {_quoted(name)}")),
    )


def _on_server(url: URL, work: Callable[[Connection], object]) -> None:
    """Run ``work`` connected to the server, to no database of it."""
    database = Database(url.set(database=""))
    try:
        database.run(work, "administer")
    finally:
        database.close()


def _grant(
    connection: Connection, user: str, password: str | None, url: URL, rights: str, database: str
) -> None:
    account = f"{_literal(user)}@{_literal(_host(url))}"
    if password:
        connection.exec_driver_sql(
            f"CREATE USER IF NOT EXISTS {account} IDENTIFIED BY {_literal(password)}".replace("%", "%%")
        )
        connection.exec_driver_sql(
            f"ALTER USER {account} IDENTIFIED BY {_literal(password)}".replace("%", "%%")
        )
    else:
        # Without a password only the system user of that name gets in, through the unix socket.
        connection.exec_driver_sql(
            f"CREATE USER IF NOT EXISTS {account} IDENTIFIED VIA unix_socket".replace("%", "%%")
        )
    # An underscore in a database name would stand for any letter here.
    pattern = _quoted(database.replace("_", "\\_"))
    connection.exec_driver_sql(f"GRANT {rights} ON {pattern}.* TO {account}".replace("%", "%%"))


def _host(url: URL) -> str:
    local = url.host in (None, "", "localhost", "127.0.0.1", "::1") or "unix_socket" in url.query
    return "localhost" if local else "%"


def _database_name(url: URL) -> str:
    if not url.database:
        raise DatabaseRefused("the URL names no database: mysql+pymysql://user@host/openser")
    return url.database


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _literal(value: str) -> str:
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"
