"""One connection to MariaDB beside the pool, for the few statements that are sent thousands of times a
second.

Each statement is a transaction of its own (autocommit). A connection that the server has closed is opened
again and the statement sent once more, so every statement has to be repeatable. Must not know what is asked.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import pymysql
from gevent.lock import Semaphore

from appliance.storage.engine import Database
from appliance.storage.short_way import LONGEST_STATEMENT, Connection, ShortWay

S = TypeVar("S")
T = TypeVar("T")

_GONE = (0, 2006, 2013, 2055, 4031)
#: Whoever finds a closed connection finds it at once; what took longer was sent and is under way.
_AT_ONCE = 1.0


class Channel:
    """A connection that is opened when it is needed; one caller at a time, the others wait."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: Connection | None = None
        self._short: ShortWay | None = None
        self._member = database.engine
        self._turn = Semaphore()

    def execute(self, statement: str, name: str) -> int:
        """Send a statement that changes rows; how many the server counted. Raises like ``Database.run``."""
        encoded = statement.encode()
        with self._turn:
            return self._database.call(lambda: self._send(self._change, encoded), name)

    def select(self, statement: str, name: str) -> Sequence[tuple[Any, ...]]:
        """Send a query; its rows."""
        with self._turn:
            return self._database.call(lambda: self._send(self._ask, statement), name)

    def close(self) -> None:
        short, self._short = self._short, None
        if short is not None:
            short.close()
        connection, self._connection = self._connection, None
        if connection is not None and connection.open:
            connection.close()

    def _send(self, send: Callable[[Connection, S], T], statement: S) -> T:
        if self._member is not self._database.engine:  # another member of a cluster is asked by now
            self.close()
        fresh = self._connection is None
        began = time.monotonic()
        connection = self._connection or self._open()
        try:
            return send(connection, statement)
        except pymysql.err.Error as error:
            if connection.open:
                raise
            self.close()
            if fresh or not error.args or error.args[0] not in _GONE or time.monotonic() - began > _AT_ONCE:
                raise
        except BaseException:
            # A time-out or a killed greenlet in the middle of a reply: nobody may read the rest of it.
            self.close()
            raise
        return self._send(send, statement)  # it had been idle and was closed: once more on a new one

    def _change(self, connection: Connection, statement: bytes) -> int:
        if self._short is not None and len(statement) <= LONGEST_STATEMENT:
            return self._short.execute(statement)
        with connection.cursor() as cursor:
            counted: int = cursor.execute(statement)
            return counted

    def _ask(self, connection: Connection, statement: str) -> Sequence[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(statement)
            rows: Sequence[tuple[Any, ...]] = cursor.fetchall()
            return rows

    def _open(self) -> Connection:
        self._member = self._database.engine
        raw = self._member.raw_connection()
        connection: Connection = raw.driver_connection  # type: ignore[assignment]
        raw.detach()
        connection.autocommit(True)
        self._connection = connection
        if ShortWay.leads_to(connection):
            self._short = ShortWay(connection, self._database.query_timeout)
        return connection
