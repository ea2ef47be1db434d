"""Old rows of ``acc``, ``missed_calls`` and ``cdrs`` go, when the settings say after how many days.

Gently: a few hundred rows in a transaction, with a pause behind each, so that nobody waits for it. Must not
know what the rows mean.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import gevent
from sqlalchemy import Column, Table, delete, select
from sqlalchemy.engine import Connection

from appliance.errors import StorageError
from appliance.storage import tables
from appliance.storage.engine import Database

_AT_ONCE = 500
_PAUSE = 0.2
_EVERY_SECONDS = 3600.0


class AccountingCleaner:
    """Removes what is older than ``days``, now and each hour. ``wall`` is UTC seconds."""

    def __init__(
        self,
        database: Database,
        days: int,
        say: Callable[[str, str], None],
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._days = days
        self._say = say
        self._wall = wall
        self._greenlet: gevent.Greenlet[[], None] | None = None

    def start(self) -> None:
        if self._greenlet is None:
            self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        if self._greenlet is not None:
            self._greenlet.kill()
            self._greenlet = None

    def clean(self, pause: float = _PAUSE) -> int:
        """Remove all that is too old; how many rows. Raises StorageError."""
        before = datetime.fromtimestamp(self._wall(), UTC).replace(tzinfo=None) - timedelta(days=self._days)
        removed = 0
        for table, when in (
            (tables.acc, tables.acc.c.time),
            (tables.missed_calls, tables.missed_calls.c.time),
            (tables.cdrs, tables.cdrs.c.call_setup_time),
        ):
            while some := self._remove_some(table, when, before):
                removed += some
                gevent.sleep(pause)
        return removed

    def _remove_some(self, table: Table, when: Column[Any], before: datetime) -> int:
        """Of the rows that were written first, those that are too old: no index is needed to find them."""
        key = next(iter(table.primary_key))
        first = select(key, when.label("moment")).order_by(key).limit(_AT_ONCE).subquery()

        def work(connection: Connection) -> int:
            keys = list(connection.execute(select(first.c[0]).where(first.c.moment < before)).scalars())
            if keys:
                connection.execute(delete(table).where(key.in_(keys)))
            return len(keys)

        return self._database.run(work, "accounting_clean")

    def _run(self) -> None:
        while True:
            try:
                self.clean()
            except StorageError as error:
                self._say("warning", f"old rows of acc, missed_calls and cdrs stay for now: {error}")
            gevent.sleep(_EVERY_SECONDS)
