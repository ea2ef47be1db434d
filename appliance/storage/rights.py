"""The MariaDB database itself and its users: what needs an administrator of the server.

The server's own user may read and write rows, no more: tables and triggers are made by the administrator. The
management agent has a user of its own where MariaDB knows system users by its unix socket, with rights on the
tables of the phones alone. Must not know what is in the tables.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlalchemy import text
from sqlalchemy.engine import URL, Connection

from appliance.errors import DatabaseRefused
from appliance.storage.connecting import is_by_socket
from appliance.storage.engine import Database
from appliance.storage.tables.columns import CHARSET, COLLATION

#: What the server needs at work.
ROW_RIGHTS = "SELECT, INSERT, UPDATE, DELETE"
#: The management agent's user: the system user that it runs as.
AGENT = "sipbox-agent"
#: What it may do: read phones and their lines, and write down which phone asked.
AGENT_RIGHTS = {"phone": "SELECT, UPDATE", "phone_line": "SELECT", "phone_seen": ROW_RIGHTS}


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


def let_members_in(url: URL, others: Sequence[URL], admin_url: URL) -> None:
    """Make the accounts of ``others``: by the network, where another box's member of the cluster is asked."""
    name = _database_name(url)
    accounts = {
        (other.username, other.password): other for other in others if other.username and other.password
    }

    def make(connection: Connection) -> None:
        for (user, password), other in accounts.items():
            _grant(connection, user, password, other, ROW_RIGHTS, name)

    if accounts:
        _on_server(admin_url, make)


def make_agent(url: URL, admin_url: URL) -> None:
    """Make the agent's user and give it its rights, when the user of ``url`` is let in by the socket too.

    The tables have to be there.
    """
    if not is_by_socket(url) or url.username in (None, admin_url.username):
        return
    name = _database_name(url)
    account = _account(AGENT, url)

    def make(connection: Connection) -> None:
        _make_user(connection, account, None)
        for table, rights in AGENT_RIGHTS.items():
            connection.exec_driver_sql(
                f"GRANT {rights} ON {_quoted(name)}.{_quoted(table)} TO {account}".replace("%", "%%")
            )

    _on_server(admin_url, make)


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
    account = _account(user, url)
    _make_user(connection, account, password)
    # An underscore in a database name would stand for any letter here.
    pattern = _quoted(database.replace("_", "\\_"))
    connection.exec_driver_sql(f"GRANT {rights} ON {pattern}.* TO {account}".replace("%", "%%"))


def _account(user: str, url: URL) -> str:
    return f"{_literal(user)}@{_literal(_host(url))}"


def _make_user(connection: Connection, account: str, password: str | None) -> None:
    if not password:
        # Without a password only the system user of that name gets in, through the unix socket.
        connection.exec_driver_sql(
            f"CREATE USER IF NOT EXISTS {account} IDENTIFIED VIA unix_socket".replace("%", "%%")
        )
        return
    for statement in ("CREATE USER IF NOT EXISTS", "ALTER USER"):
        connection.exec_driver_sql(
            f"{statement} {account} IDENTIFIED BY {_literal(password)}".replace("%", "%%")
        )


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
