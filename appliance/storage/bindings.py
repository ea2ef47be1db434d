"""The writer of bindings: how durable the 200 OK to a REGISTER is, and what that costs.

The four location modes are OpenSER's ``db_mode`` 0 to 3: ``memory`` writes nothing; ``write-through`` answers
when the binding would survive a power cut; ``write-back`` answers at once and writes every minute;
``database`` writes through and reads every time.

Commits are grouped: whatever arrives while one commit is under way goes into the next, in the order of the
key, one statement for all. While the database is away, changes are flushed to the spool, answered, and
replayed when it is back, before anything newer is written to it. Must not know REGISTER.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import gevent
from gevent.event import Event

from appliance.errors import DatabaseUnavailable, StorageError
from appliance.registrar.binding import Binding
from appliance.registrar.locations import Locations
from appliance.sip.hop import Hop
from appliance.sip.uri import AddressOfRecord
from appliance.storage.channel import Channel
from appliance.storage.engine import Database
from appliance.storage.loading import Loader
from appliance.storage.location_mariadb import MariaLocations
from appliance.storage.location_rows import (
    CONTACT,
    RUID,
    LocationTable,
    Row,
    binding_of,
    is_dead,
    moment,
    row_of,
)
from appliance.storage.location_sqlite import SqliteLocations
from appliance.storage.location_writes import LocationWrites, Written
from appliance.storage.spool import Spool

#: A flush costs both processes as much as thirty rows do. So while phones keep coming, a commit waits for
#: them: in slices, until one brings nobody, there are enough, or the first has waited long enough. A phone
#: that comes alone never waits.
_SLICE, _ENOUGH, _LONGEST_WAIT = 0.005, 100, 0.05
#: A write-back flush goes out in pieces, so that phones that register meanwhile do not wait for all of it.
_FLUSHED_AT_ONCE = 500
_READ_AT_ONCE = 500


class WriterState(NamedTuple):
    """What ``sipbox status`` and the metrics show. ``waiting`` are changes that are not durable yet."""

    mode: str
    available: bool
    waiting: int
    spooled: int
    written: int
    commits: int
    last_error: str | None


class _Batch:
    """Changes that go into one commit, and the event for those who wait for it. None stands for a removal."""

    __slots__ = ("changes", "done", "failure", "refused", "waiting")

    def __init__(self) -> None:
        self.changes: dict[str, Binding | None] = {}
        self.waiting = 0
        self.done = Event()
        self.failure: StorageError | None = None
        self.refused: dict[str, StorageError] = {}


class BindingWriter:
    """Makes bindings durable, as ``mode`` says; the ``BindingStore`` of the registrar.

    ``spool`` None: while the database is away, commits fail (SQLite, whose outages a spool would share).
    ``sole_writer`` False: others write the same rows, so whole rows are written always. ``way`` gives the way
    back to the phone of a binding that was read from the database. ``clock`` is monotonic seconds, ``wall``
    seconds since 1970.
    """

    def __init__(
        self,
        database: Database,
        *,
        mode: str = "write-through",
        spool: Spool | None = None,
        write_back_seconds: float = 60,
        gather_seconds: float = 0,
        sole_writer: bool = True,
        way: Callable[[Binding], Hop | None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._mode = mode
        self._clock, self._wall = clock, wall
        self._channel = Channel(database)
        self._table: LocationTable = (
            SqliteLocations(database) if database.dialect == "sqlite" else MariaLocations(self._channel)
        )
        self._writes = LocationWrites(
            database, self._table, spool, remember=sole_writer and mode != "database"
        )
        self._way = way
        self._gather_seconds = gather_seconds
        self._write_back_seconds = write_back_seconds
        self._batch = _Batch()
        self._under_way = _Batch()
        self._dirty: dict[str, Binding | None] = {}
        self._removed_while_loading: set[str] | None = None
        self._wake = Event()
        self._greenlets: list[gevent.Greenlet[[], None]] = []
        database.on_change.append(lambda _: self._wake.set())

    # ----------------------------------------------------------------------------------- the registrar's side

    def commit(self, upserts: Sequence[Binding], deletes: Sequence[Binding]) -> None:
        """Return when both are as durable as the mode asks for.

        Raises RowRefused when the database does not take one of these rows, DatabaseUnavailable when it is
        away and there is no spool.
        """
        if self._removed_while_loading is not None:
            self._removed_while_loading.update(binding.ruid for binding in deletes)
        if self._mode == "memory":
            return
        if self._mode == "write-back":
            self._dirty.update((binding.ruid, None) for binding in deletes)
            self._dirty.update((binding.ruid, binding) for binding in upserts)
            return
        batch = self._batch
        changes = batch.changes
        for binding in deletes:
            changes[binding.ruid] = None
        for binding in upserts:
            changes[binding.ruid] = binding
        batch.waiting += 1
        self._wake.set()
        batch.done.wait()
        if batch.failure is not None:
            # Each of those who waited gets its own: an exception grows with everybody who raises it.
            raise type(batch.failure)(str(batch.failure)) from None
        if batch.refused:
            for binding in upserts:
                if binding.ruid in batch.refused:
                    raise batch.refused[binding.ruid]

    def fetch(self, aor: AddressOfRecord) -> list[Binding]:
        """The rows of one user. Raises DatabaseUnavailable while nobody can know."""
        if self._mode == "memory":
            return []
        if self._writes.spooled:
            raise DatabaseUnavailable("the database has not yet got all that was answered while it was away")
        offset = self._wall() - self._clock()
        return [self._read(row, offset) for row in self._table.of_user(aor) if row[CONTACT]]

    def everything(self) -> Iterator[Binding]:
        """All living bindings as the database has them, in pages: who asks may wait in between.

        For the mode ``database``, where memory holds none. Raises StorageError.
        """
        after = ""
        while rows := self._table.page(after, _READ_AT_ONCE):
            after = rows[-1][RUID]
            offset = self._wall() - self._clock()
            yield from (self._read(row, offset) for row in rows if not is_dead(row, self._wall()))

    # -------------------------------------------------------------------------------------- the server's side

    def start(self) -> None:
        """Begin to write, whether the database is there or not. Raises StorageError when the spool cannot be
        opened.
        """
        self._writes.open()
        if not self._database.watched:
            self._database.watch()
        self._greenlets = [gevent.spawn(self._run)]
        if self._mode == "write-back":
            self._greenlets.append(gevent.spawn(self._write_back))

    def load(self, locations: Locations) -> int:
        """Read all bindings into ``locations`` and return how many; waits until the database is there.

        ``locations.loading`` is True until then. The loop is never held up for more than a few milliseconds.
        """
        if self._mode in ("memory", "database"):
            locations.loading = False
            return 0
        self._removed_while_loading = set()
        loader = Loader(self._table, self._writes, self._read, self._clock)
        self._wake.set()  # what the spool holds goes first
        try:
            return loader.load(locations, self._removed_while_loading, lambda: self._wall() - self._clock())
        finally:
            self._removed_while_loading = None

    def flush(self) -> None:
        """Write now what the mode write-back has not written yet. Raises StorageError; then it is kept."""
        dirty, self._dirty = self._dirty, {}
        ruids = list(dirty)
        for first in range(0, len(ruids), _FLUSHED_AT_ONCE):
            some = {ruid: dirty[ruid] for ruid in ruids[first : first + _FLUSHED_AT_ONCE]}
            try:
                self._write(some)
            except StorageError:
                left = {ruid: dirty[ruid] for ruid in ruids[first:]}
                self._dirty = left | self._dirty  # what came meanwhile is newer
                raise

    def stop(self) -> None:
        """Write what is waiting, then end."""
        if self._mode == "write-back":
            try:
                self.flush()
            except StorageError as error:
                self._writes.last_error = str(error)
        while self._greenlets and (batch := self._unfinished()) is not None:
            batch.done.wait()
        gevent.killall(self._greenlets)
        self._greenlets = []
        self._writes.close()
        self._channel.close()

    @property
    def state(self) -> WriterState:
        """How it goes."""
        writes = self._writes
        return WriterState(
            self._mode,
            self._database.available,
            len(self.unwritten),
            writes.spooled,
            writes.written,
            writes.commits,
            writes.last_error or self._database.last_error,
        )

    @property
    def unwritten(self) -> frozenset[str]:
        """The bindings, by ruid, whose last state is neither in the database nor in the spool."""
        return frozenset().union(self._under_way.changes, self._batch.changes, self._dirty)

    def forget(self, ruids: Iterable[str]) -> None:
        """Others have written these rows: write them whole the next time."""
        self._writes.forget(ruids)

    # ------------------------------------------------------------------------------------------------ writing

    def _run(self) -> None:
        """One commit after the other, and between them what the spool holds."""
        crowded = False
        while True:
            self._wake.wait(timeout=self._writes.pause)
            self._wake.clear()
            if self._batch.changes:
                self._gather(crowded)
            batch = self._under_way = self._batch
            self._batch = _Batch()
            if batch.changes:
                crowded = batch.waiting > 1
                try:
                    batch.refused = self._write(batch.changes).refused
                except StorageError as error:
                    batch.failure = error
                except Exception as error:  # noqa: BLE001 - a fault of ours must not leave everybody waiting
                    batch.failure = StorageError(f"bindings cannot be written: {error!r}")
                    gevent.get_hub().handle_error(self, *sys.exc_info())
                self._under_way = _Batch()
                batch.done.set()
            if self._writes.replay():
                self._wake.set()  # there is more

    def _gather(self, crowded: bool) -> None:
        """Let others join this commit, when it looks as if there were any."""
        if self._gather_seconds:
            gevent.sleep(self._gather_seconds)
        batch = self._batch
        seen = 0 if crowded or batch.waiting > 1 else 1
        slices = int(_LONGEST_WAIT / _SLICE)
        while seen < batch.waiting < _ENOUGH and slices > 0:
            seen = batch.waiting
            slices -= 1
            gevent.sleep(_SLICE)

    def _unfinished(self) -> _Batch | None:
        """A commit that somebody waits for."""
        return next((batch for batch in (self._under_way, self._batch) if batch.changes), None)

    def _write(self, changes: dict[str, Binding | None]) -> Written:
        offset = self._wall() - self._clock()
        removals = [ruid for ruid, binding in changes.items() if binding is None]
        rows = [row_of(binding, offset) for binding in changes.values() if binding is not None]
        rows.sort()  # by ruid: rivals then lock in the same order, and neighbours lie together
        return self._writes.write(rows, removals, moment(int(self._wall())))

    def _write_back(self) -> None:
        while True:
            gevent.sleep(self._write_back_seconds)
            try:
                self.flush()
            except StorageError as error:
                self._writes.last_error = str(error)

    def _read(self, row: Row, offset: float) -> Binding:
        binding = binding_of(row, offset)
        if self._way is not None:
            binding.hop = self._way(binding)
        return binding
