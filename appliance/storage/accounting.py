"""Where accounted requests go: into the database in batches, by a greenlet of its own, so that no call waits.

``put`` only appends to a queue. What gathers in a quarter of a second is one transaction. While the database
is away, refuses, or does not answer within two seconds, records are flushed to a spool, and replayed from
there when it takes them again, or by the next process. A record may be written twice and in any order
(``accounting_rows``), so nobody has to know whether a transaction that broke off had been committed.

A crash loses what is still in the queue: the requests of the last ``gather_seconds``, and those of two more
seconds in the moment in which a database stops to answer. Must not know SQL, nor what is accounted.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Final

import gevent
from gevent.event import Event

from appliance.errors import DatabaseUnavailable, RowRefused, StorageError
from appliance.storage.accounting_rows import AccountingTables, Record, record_of, spooled, unspooled
from appliance.storage.spool import Entry, Spool
from appliance.telemetry.accounted import Accounted

KIND: Final = "accounted"
#: Records in one transaction: three milliseconds of work at most, in which no message is read.
_AT_ONCE = 200
#: How long the database may take before the records go to the spool, in seconds.
_PATIENCE = 2.0
#: Seconds until it is tried again.
_PAUSE = 1.0
#: How long a stop may take.
_STOP_SECONDS = 10.0


class AccountingWriter:
    """Implements ``Ledger``: ``put`` never waits and never raises.

    ``available()`` says whether the database answers. ``spool`` None: what cannot be written waits in the
    queue (SQLite, whose outages a spool would share). ``capacity`` is how many requests may wait in the
    queue; beyond it, new ones are lost and counted. ``say(level, message)`` tells the administrator.
    ``counts`` are requests by what became of them: ``written``, ``spooled`` (and written later), ``refused``
    by the database, ``lost``.
    """

    def __init__(
        self,
        tables: AccountingTables,
        available: Callable[[], bool],
        spool: Spool | None,
        *,
        say: Callable[[str, str], None],
        capacity: int = 20_000,
        gather_seconds: float = 0.25,
        patience: float = _PATIENCE,
        pause: float = _PAUSE,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tables = tables
        self._available = available
        self._spool = spool
        self._say = say
        self._capacity = capacity
        self._gather_seconds = gather_seconds
        self._patience = patience
        self._pause = pause
        self._clock = clock
        self._queue: deque[Accounted] = deque()
        self._wake = Event()
        self._not_before = 0.0
        self._stopping = False
        self._told = ""
        self._greenlet: gevent.Greenlet[[], None] | None = None
        self.counts = {"written": 0, "spooled": 0, "refused": 0, "lost": 0}

    def put(self, accounted: Accounted) -> None:
        queue = self._queue
        if len(queue) >= self._capacity:
            self.counts["lost"] += 1
            return
        queue.append(accounted)
        if len(queue) == 1:
            self._wake.set()

    @property
    def waiting(self) -> int:
        """Requests in the queue: what a crash would lose."""
        return len(self._queue)

    @property
    def spooled(self) -> int:
        """Requests in the spool."""
        return 0 if self._spool is None else len(self._spool)

    def start(self) -> None:
        """Begin to write. Raises StorageError when the spool cannot be opened."""
        if self._spool is not None:
            self._spool.open()
        if self._greenlet is None:
            self._stopping = False
            self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        """Write what waits, into the database or the spool, then end."""
        if self._greenlet is not None:
            self._stopping = True
            self._wake.set()
            self._greenlet.join(_STOP_SECONDS)
            self._greenlet.kill()
            self._greenlet = None
        if self._queue:
            self._say("error", f"{len(self._queue)} accounted requests are lost: {self._told}")
        if self._spool is not None:
            self._spool.close()

    def wake(self) -> None:
        """The database is back: look at once."""
        self._not_before = 0.0
        self._wake.set()

    # ---------------------------------------------------------------------------------------------- internals

    def _run(self) -> None:
        while True:
            self._wake.wait(timeout=self._pause if self._queue or self.spooled else None)
            self._wake.clear()
            if self._queue and not self._stopping:
                gevent.sleep(self._gather_seconds)
            try:
                # What comes meanwhile gathers for the next turn.
                left = len(self._queue)
                while left > 0 and (kept := self._keep_some(min(left, _AT_ONCE))):
                    left -= kept
                    gevent.sleep(0)
                if self._stopping and (left or not self._queue):
                    return
                if (self._queue and not left) or self._replay_some():
                    self._wake.set()  # there is more
            except StorageError as error:
                self._failed(error)
            except Exception as error:  # noqa: BLE001 - told; the calls that come later are accounted all the same
                self._give_up_some(error)

    def _give_up_some(self, error: Exception) -> None:
        """A fault of ours: whoever is at the head of the queue must not stay there for ever."""
        lost = [self._queue.popleft() for _ in range(min(_AT_ONCE, len(self._queue)))]
        self.counts["lost"] += len(lost)
        self._say("error", f"{len(lost)} requests are not accounted by a fault of ours: {error!r}")

    def _keep_some(self, count: int) -> int:
        """Keep the ``count`` oldest of the queue; 0 when that has to be tried again."""
        records = [record_of(accounted) for accounted in islice(self._queue, count)]
        spool = self._spool
        if spool is None:
            try:
                self._write(records)
            except StorageError as error:
                self._failed(error)
                return 0
        elif len(spool) or not self._may_try() or not self._try(records):
            try:
                spool.add([Entry(KIND, record.key, "", spooled(record)) for record in records])
            except StorageError as error:
                self._failed(error)
                return 0
            self.counts["spooled"] += count
        for _ in records:
            self._queue.popleft()
        return count

    def _replay_some(self) -> bool:
        """Give the database some of what the spool holds; True when there is more and it takes it."""
        spool = self._spool
        if spool is None or not len(spool) or not self._may_try():
            return False
        entries = spool.after(0, _AT_ONCE)
        if not self._try([unspooled(entry.row) for entry in entries if entry.row is not None]):
            return False
        spool.remove(entries)
        if not len(spool):
            self._told = ""
            self._say("info", "the accounted requests that waited on disk are in the database")
        return bool(len(spool))

    def _may_try(self) -> bool:
        return self._available() and self._clock() >= self._not_before

    def _try(self, records: Sequence[Record]) -> bool:
        """Whether the database has taken them, in time."""
        try:
            with gevent.Timeout(self._patience):
                self._write(records)
        except gevent.Timeout:
            self._failed(DatabaseUnavailable("the database does not answer in time"))
            return False
        except StorageError as error:
            self._failed(error)
            return False
        return True

    def _write(self, records: Sequence[Record]) -> None:
        """Into the database; a record that it does not take is found by halves, and keeps no other."""
        try:
            self._tables.write(records)
        except RowRefused as error:
            if len(records) == 1:
                self.counts["refused"] += 1
                self._say("error", f"a request is not accounted: {error}: {records[0].request}")
                return
            middle = len(records) // 2
            self._write(records[:middle])
            self._write(records[middle:])
        else:
            self.counts["written"] += len(records)

    def _failed(self, error: StorageError) -> None:
        self._not_before = self._clock() + self._pause
        if self._told != str(error):
            self._told = str(error)
            where = "in memory" if self._spool is None else "on disk"
            self._say("warning", f"accounted requests wait {where}: {error}")
