"""How a connection to MariaDB or SQLite is opened, and what each session is told first.

MariaDB: UTC, and strict whatever the server's default is: nothing is cut silently. SQLite: write-ahead log
with ``synchronous=FULL``: a committed transaction survives a power cut, and readers do not wait for writers.
Whether the server itself flushes at each commit is asked by ``durability``.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pymysql
from gevent.threadpool import ThreadPool
from sqlalchemy import create_engine, event
from sqlalchemy.engine import URL, Connection, Engine, ExceptionContext
from sqlalchemy.pool import StaticPool

from appliance.errors import DatabaseRefused

SQL_MODE = "STRICT_TRANS_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION"
#: A connection that has been idle for longer is opened again: firewalls and wait_timeout close them unseen.
_RECYCLE_SECONDS = 280
#: "WSREP has not yet prepared node for application use": a member of a cluster that is not in sync.
NOT_READY = 1047
#: A host whose kernel has acknowledged nothing for four seconds is dead. One that lives may answer later.
_DEAD_HOST = (
    (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 4000),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 2),
    (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1),
)


def mariadb_arguments(url: URL, *, connect_timeout: float, query_timeout: float) -> dict[str, Any]:
    """What PyMySQL is told beside ``url``."""
    return {
        "charset": "utf8mb4",
        "connect_timeout": max(1, int(connect_timeout)),
        "read_timeout": query_timeout,
        "write_timeout": query_timeout,
        "init_command": f"SET time_zone='+00:00', sql_mode='{SQL_MODE}'",
        # Unasked it speaks TLS with every server that can, by a unix socket too, where nobody listens.
        "ssl_disabled": not is_by_network(url),
    }


def engine(url: URL, *, pool_size: int, connect_timeout: float, query_timeout: float) -> Engine:
    """An engine for ``url``; nothing is opened yet. Raises DatabaseRefused for a database that we do not
    know.
    """
    backend = url.get_backend_name()
    if backend == "sqlite":
        return _sqlite(url)
    if backend in ("mysql", "mariadb"):
        made = create_engine(
            url.set(drivername="mysql+pymysql"),
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=query_timeout,
            pool_recycle=_RECYCLE_SECONDS,
            pool_use_lifo=True,
            isolation_level="READ COMMITTED",
            connect_args=mariadb_arguments(url, connect_timeout=connect_timeout, query_timeout=query_timeout),
        )
        event.listen(made, "handle_error", _leave_who_is_out_of_sync)
        if is_by_network(url):
            event.listen(made, "connect", _notice_a_dead_host)
        return made
    raise DatabaseRefused(f"{backend!r} is no database that sipbox knows: use mysql+pymysql or sqlite")


def bare(
    engine: Engine, *, connect_timeout: float, query_timeout: float
) -> pymysql.connections.Connection[Any]:
    """A connection of the driver's own to where a MariaDB engine leads; raises the driver's errors."""
    positional, named = engine.dialect.create_connect_args(engine.url)
    told = mariadb_arguments(engine.url, connect_timeout=connect_timeout, query_timeout=query_timeout)
    return pymysql.connect(*positional, **{**named, **told})


def _leave_who_is_out_of_sync(context: ExceptionContext) -> None:
    """A member that has lost the majority refuses even a rollback: its connections are thrown away."""
    fault = context.original_exception
    if fault.args and fault.args[0] == NOT_READY:
        context.is_disconnect = True


def _notice_a_dead_host(connection: Any, _record: Any) -> None:
    """A host without power says nothing: an answer to its kernel is missed long before one to a query."""
    sock: socket.socket = connection._sock  # PyMySQL has no other way to it
    for level, option, value in _DEAD_HOST:
        sock.setsockopt(level, option, value)


def _sqlite(url: URL) -> Engine:
    made = create_engine(url, poolclass=StaticPool, connect_args={"check_same_thread": False, "timeout": 5.0})

    @event.listens_for(made, "connect")
    def _settings(connection: Any, _record: Any) -> None:
        # SQLAlchemy's own BEGIN below, not the driver's, which leaves DDL and reads outside of transactions.
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(made, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return made


def caller(url: URL) -> Callable[[Callable[[], Any]], Any]:
    """How a function that touches the database is called: for SQLite in a thread of its own, one for each
    Database.
    """
    if url.get_backend_name() == "sqlite":
        # typed here, because ThreadPool.apply takes arguments for ``work`` as well
        in_thread: Callable[[Callable[[], Any]], Any] = ThreadPool(1).apply
        return in_thread
    return lambda work: work()


def sqlite_file(url: URL) -> Path:
    """The file of a SQLite URL. Raises DatabaseRefused for one without."""
    if not url.database or url.database == ":memory:":
        raise DatabaseRefused("a SQLite database needs a file: sqlite:////var/lib/sipbox/sipbox.db")
    return Path(url.database)


def is_by_network(url: URL) -> bool:
    """Whether it is a MariaDB of another host, or asked as if it were."""
    return url.get_backend_name() in ("mysql", "mariadb") and "unix_socket" not in url.query


def is_by_socket(url: URL) -> bool:
    """Whether MariaDB lets the system user in as itself: by its unix socket, without a password."""
    backend = url.get_backend_name()
    return backend in ("mysql", "mariadb") and "unix_socket" in url.query and not url.password
