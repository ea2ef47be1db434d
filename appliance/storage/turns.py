"""One administrator at a time: who changes tables while another one does waits for him.

A single MariaDB has locks by name for it, which go with their connection. Members of a Galera cluster have
not: there a row of ``version`` is the lock, because two members cannot both insert the same key. It says the
minute that it was made in, so that one which somebody left behind is seen. Must not know what is changed.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

import gevent
from sqlalchemy import delete, insert, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateTable

from appliance.errors import DatabaseUnavailable, DuplicateRow
from appliance.storage.failures import TryAgain, meaning
from appliance.storage.galera import is_member
from appliance.storage.tables import version

#: How long somebody waits for his turn, and after how many minutes a lock is one that was left behind.
_SECONDS: Final = 60
_MINUTES: Final = 60
#: Minutes are counted up to here, because the column is a small one.
_AROUND: Final = 30_000
_NAME: Final = "tables are being changed"
_BUSY: Final = (
    "somebody else is changing the tables, here or at another member: try again when he has finished"
    " (what was interrupted ends within an hour)"
)
_LOCK: Final = "sipbox-schema"


@contextmanager
def only_one(connection: Connection) -> Iterator[None]:
    """Have the turn, or wait for it; raises DatabaseUnavailable when it does not come."""
    if connection.dialect.name == "sqlite":
        yield
    elif not is_member(connection):
        if connection.execute(text(f"SELECT GET_LOCK('{_LOCK}', {_SECONDS})")).scalar() != 1:
            raise DatabaseUnavailable("somebody else is changing the tables; try again when he has finished")
        connection.commit()
        yield
    else:
        _take(connection)
        try:
            yield
        finally:
            with suppress(DBAPIError):
                connection.rollback()
                connection.execute(delete(version).where(version.c.table_name == _NAME))
                connection.commit()


def _take(connection: Connection) -> None:
    # Nothing is asked before: the other one may come in between.
    connection.execute(CreateTable(version, if_not_exists=True))
    connection.commit()
    deadline = time.monotonic() + _SECONDS
    while True:
        minute = int(time.time() / 60) % _AROUND
        try:
            recent = [(minute - ago) % _AROUND for ago in range(-1, _MINUTES)]
            left_behind = version.c.table_version.not_in(recent)
            connection.execute(delete(version).where(version.c.table_name == _NAME, left_behind))
            connection.execute(insert(version).values(table_name=_NAME, table_version=minute))
            connection.commit()
        except DBAPIError as error:
            connection.rollback()
            if not isinstance(meaning(error), (DuplicateRow, TryAgain)):
                raise
        else:
            return
        if time.monotonic() > deadline:
            raise DatabaseUnavailable(_BUSY)
        gevent.sleep(0.5)
