"""The change log read once a second, and those told who keep rows in memory.

Triggers write the key of every changed row into ``change_log``, so that an ``UPDATE`` typed into the mysql
client takes effect within a second. Numbers are given when a row is written and seen when its transaction is
committed: a lower number may appear after a higher one. So gaps are watched for a minute, and looked at
again. When there are too many to watch, or when the log cannot have been read for long, everything in memory
is forgotten instead: that costs queries, never correctness.

Must not know what is kept in memory.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import gevent
from gevent.event import Event
from sqlalchemy import and_, delete, func, or_, select
from sqlalchemy.engine import Connection

from appliance.errors import DatabaseRefused, StorageError
from appliance.storage.engine import Database
from appliance.storage.tables import change_log

#: Entries read at once; the rest comes with the next query, at once.
_ENTRIES_AT_ONCE = 2000
#: How long a transaction may stay open after another one has overtaken it.
_GAP_SECONDS = 60.0
_GAPS_WATCHED = 50
#: Entries are kept for others to read, and removed after an hour; whoever reads less often starts anew.
_KEPT_SECONDS = 3600
_REMOVE_EVERY = 600.0
_REMOVED_AT_ONCE = 5_000
_TOO_LATE_SECONDS = 1800.0
#: How long stopping waits for a query that is under way.
_LAST_QUERY_SECONDS = 2.0
#: Where reading begins: what was written just before may still be under way.
_LOOK_BACK = 500


class Change(NamedTuple):
    """A row of ``table`` with this key was added, changed or removed."""

    table: str
    username: str
    domain: str


class ChangeLog:
    """Reads the log of one database for one process.

    ``tell`` callbacks get the changes of each reading, none too, so that who could not follow can try again;
    ``tell_all`` callbacks mean that anything may have changed.
    ``clock`` is monotonic seconds.
    """

    def __init__(
        self, database: Database, *, every: float = 1.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.tell: list[Callable[[list[Change]], None]] = []
        self.tell_all: list[Callable[[], None]] = []
        self.last_error: str | None = None
        self._database = database
        self._every = every
        self._clock = clock
        self._last: int | None = None
        self._last_read = 0.0
        self._next_removal = 0.0
        self._gaps: dict[tuple[int, int], float] = {}
        self._forget_at: float | None = None
        self._stopping = Event()
        self._greenlet: gevent.Greenlet[[], None] | None = None

    def start(self) -> None:
        """Read from now on, in a greenlet of its own."""
        if self._greenlet is None:
            self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        """Read no more; a query that is under way is waited for, not cut off."""
        if self._greenlet is not None:
            self._stopping.set()
            self._greenlet.join(_LAST_QUERY_SECONDS)
            self._greenlet.kill()
            self._greenlet = None
            self._stopping.clear()

    def poll(self) -> list[Change]:
        """Read what is new, tell everybody, return it. Raises StorageError; the next reading tries again."""
        now = self._clock()
        if self._last is None or now - self._last_read > _TOO_LATE_SECONDS:
            self._begin()
        changes: list[Change] = []
        while True:
            entries = self._database.run(self._read, "change_log")
            changes += self._take_in(entries, now)
            if len(entries) < _ENTRIES_AT_ONCE:
                break
            gevent.sleep(0)
        self._last_read = now
        self._close_gaps(now)
        self._tell(changes)
        if now >= self._next_removal:
            self._next_removal = now + _REMOVE_EVERY
            while self._database.run(_remove_old, "change_log_removal") >= _REMOVED_AT_ONCE:
                gevent.sleep(0)
        return changes

    # ---------------------------------------------------------------------------------------------- internals

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.poll()
                self.last_error = None
            except StorageError as error:
                self.last_error = str(error)
                if isinstance(error, DatabaseRefused):
                    self._last = None  # made anew, perhaps: its numbers begin again
            self._stopping.wait(self._every)

    def _tell(self, changes: list[Change]) -> None:
        """Tell everybody, whoever fails; the first failure is raised when all have been told."""
        failure: StorageError | None = None
        for tell in self.tell:
            try:
                tell(changes)
            except StorageError as error:
                failure = failure or error
        if failure is not None:
            raise failure

    def _begin(self) -> None:
        """Begin with the present, and forget all that was read before."""
        newest = self._database.run(
            lambda connection: connection.execute(select(func.max(change_log.c.id))).scalar(), "change_log"
        )
        self._last = max(0, (newest or 0) - _LOOK_BACK)
        self._gaps.clear()
        self._forget_all()

    def _forget_all(self) -> None:
        self._forget_at = None
        for tell in self.tell_all:
            tell()

    def _read(self, connection: Connection) -> list[tuple[int, str, str, str]]:
        column = change_log.c
        new = column.id > self._last
        late = [and_(column.id >= first, column.id <= last) for first, last in self._gaps]
        query = (
            select(column.id, column.table_name, column.username, column.domain)
            .where(or_(new, *late))
            .order_by(column.id)
            .limit(_ENTRIES_AT_ONCE)
        )
        return [tuple(row) for row in connection.execute(query)]

    def _take_in(self, entries: list[tuple[int, str, str, str]], now: float) -> list[Change]:
        """Note which numbers were seen and which were passed over."""
        last = self._last or 0
        for number, *_ in entries:
            if number > last:
                if number > last + 1 and last:
                    self._gaps[last + 1, number - 1] = now
                last = number
            else:
                self._fill(number)
        self._last = last
        if len(self._gaps) > _GAPS_WATCHED:
            self._gaps.clear()
            self._forget_at = self._forget_at or now + _GAP_SECONDS
        return [Change(table, username, domain.lower()) for _, table, username, domain in entries]

    def _fill(self, number: int) -> None:
        for (first, last), since in list(self._gaps.items()):
            if first <= number <= last:
                del self._gaps[first, last]
                if first < number:
                    self._gaps[first, number - 1] = since
                if number < last:
                    self._gaps[number + 1, last] = since

    def _close_gaps(self, now: float) -> None:
        """Numbers that nobody used: their transactions were rolled back."""
        for gap, since in list(self._gaps.items()):
            if now - since > _GAP_SECONDS:
                del self._gaps[gap]
        if self._forget_at is not None and now >= self._forget_at:
            self._forget_all()


def _remove_old(connection: Connection) -> int:
    """Not too many at a time: a long delete would hold up those who write."""
    old = datetime.now(UTC).replace(tzinfo=None) - timedelta(seconds=_KEPT_SECONDS)
    statement = delete(change_log).where(change_log.c.changed < old)
    limited = statement.with_dialect_options(mysql_limit=_REMOVED_AT_ONCE, mariadb_limit=_REMOVED_AT_ONCE)
    return connection.execute(limited).rowcount
