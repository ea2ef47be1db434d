"""One connection to MariaDB beside the pool, for the few statements that are sent thousands of times a
second.

Each statement is a transaction of its own (autocommit). A connection that the server has closed is opened
again and the statement sent once more, so every statement has to be repeatable. Must not know what is asked.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import pymysql
from gevent.lock import RLock

from appliance.storage.engine import Database

_GONE = (0, 2006, 2013, 2055, 4031)
#: Whoever finds a closed connection finds it at once; what took longer was sent and is under way.
_AT_ONCE = 1.0


class Channel:
    """A connection that is opened when it is needed; one caller at a time, the others wait."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: pymysql.connections.Connection[Any] | None = None
        self._turn = RLock()

    def execute(self, statement: str, name: str) -> int:
        """Send a statement that changes rows; how many the server counted. Raises like ``Database.run``."""
        with self._turn:
            return self._database.call(lambda: self._send(statement)[0], name)

    def select(self, statement: str, name: str) -> Sequence[tuple[Any, ...]]:
        """Send a query; its rows."""
        with self._turn:
            return self._database.call(lambda: self._send(statement)[1], name)

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None and connection.open:
            connection.close()

    def _send(self, statement: str) -> tuple[int, Sequence[tuple[Any, ...]]]:
        connection = self._connection
        fresh = connection is None
        began = time.monotonic()
        if connection is None:
            connection = self._connection = self._open()
        try:
            with connection.cursor() as cursor:
                return cursor.execute(statement), cursor.fetchall()
        except pymysql.err.Error as error:
            if connection.open:
                raise
            self._connection = None
            if fresh or not error.args or error.args[0] not in _GONE or time.monotonic() - began > _AT_ONCE:
                raise
        except BaseException:
            # A time-out or a killed greenlet in the middle of a reply: nobody may read the rest of it.
            self.close()
            raise
        return self._send(statement)  # it had been idle and was closed: once more on a new one

    def _open(self) -> pymysql.connections.Connection[Any]:
        raw = self._database.engine.raw_connection()
        connection: pymysql.connections.Connection[Any] = raw.driver_connection  # type: ignore[assignment]
        raw.detach()
        connection.autocommit(True)
        return connection
