"""The writer of bindings: how durable the 200 OK to a REGISTER is, and what that costs.

The four location modes are OpenSER's ``db_mode`` 0 to 3: ``memory`` writes nothing; ``write-through`` answers
when the binding would survive a power cut; ``write-back`` answers at once and writes every minute;
``database`` writes through and reads every time.

Commits are grouped (``group_commit``), one statement for all. While the database is away, changes are flushed
to the spool, answered, and replayed when it is back, before anything newer is written to it
(``location_writes``). Must not know REGISTER.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import attrgetter
from typing import NamedTuple

from appliance.errors import DatabaseUnavailable
from appliance.registrar.binding import Binding
from appliance.registrar.locations import Locations
from appliance.sip.uri import AddressOfRecord
from appliance.storage.channel import Channel
from appliance.storage.engine import Database
from appliance.storage.group_commit import Changes, GroupCommit, Refused
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
)
from appliance.storage.location_sqlite import SqliteLocations
from appliance.storage.location_writes import LocationWrites
from appliance.storage.spool import Spool
from appliance.storage.write_back import WriteBack

_READ_AT_ONCE = 500
_ruid = attrgetter("ruid")


class WriterState(NamedTuple):
    """What ``sipbox status`` and the metrics show. ``waiting`` are changes that are not durable yet."""

    mode: str
    available: bool
    waiting: int
    spooled: int
    written: int
    commits: int
    last_error: str | None


class BindingWriter:
    """Makes bindings durable, as ``mode`` says; the ``BindingStore`` of the registrar.

    ``spool`` None: while the database is away, commits fail (SQLite, whose outages a spool would share).
    ``sole_writer`` False: others write the same rows, so whole rows are written always; ``tell`` is theirs
    (``GroupCommit``). ``complete``
    puts into a binding that was read from the database what its row does not say. ``clock`` is monotonic
    seconds, ``wall`` seconds since 1970.
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
        tell: Callable[[Changes, Callable[[], None]], None] | None = None,
        complete: Callable[[Binding], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._mode = mode
        self._clock, self._wall = clock, wall
        self._channel = Channel(database)
        self._table = self._table_on(self._channel)
        self._writes = LocationWrites(
            database, self._table, spool, remember=sole_writer and mode != "database"
        )
        self._complete = complete
        self._tell = tell
        self._groups = GroupCommit(
            self._write,
            between=self._writes.replay,
            pause=lambda: self._writes.pause,
            gather_seconds=gather_seconds,
            tell=None if mode == "database" else tell,
        )
        self._back = WriteBack(self._write, write_back_seconds, self._writes.failed)
        self._removed_while_loading: set[str] | None = None
        database.on_change.append(lambda _: self._groups.wake())

    # ----------------------------------------------------------------------------------- the registrar's side

    def commit(self, upserts: Sequence[Binding], deletes: Sequence[Binding]) -> None:
        """Return when both are as durable as the mode asks for.

        Raises RowRefused when the database does not take one of these rows, DatabaseUnavailable when it is
        away and there is no spool.
        """
        if self._removed_while_loading is not None:
            self._removed_while_loading.update(binding.ruid for binding in deletes)
        if self._mode not in ("memory", "write-back"):
            self._groups.commit(upserts, deletes)
            return
        if self._mode == "write-back":
            self._back.put(upserts, deletes)
        if self._tell is not None:
            changes: Changes = {binding.ruid: None for binding in deletes}
            self._tell(changes | {binding.ruid: binding for binding in upserts}, _nothing)

    def fetch(self, aor: AddressOfRecord) -> list[Binding]:
        """The rows of one user. Raises DatabaseUnavailable while nobody can know."""
        if self._mode == "memory":
            return []
        if self._writes.spooled:
            raise DatabaseUnavailable("the database has not yet got all that was answered while it was away")
        offset = self._wall() - self._clock()
        read = [self._read(row, offset) for row in self._table.of_user(aor) if row[CONTACT]]
        return [binding for binding in read if binding.aor == aor]

    def everything(self) -> Iterator[Binding]:
        """All living bindings as the database has them, in pages: who asks may wait in between.

        For the mode ``database``, where memory holds none. Raises StorageError.
        """
        after = ""
        while rows := self._table.page(after, _READ_AT_ONCE):
            after = rows[-1][RUID]
            offset = self._wall() - self._clock()
            yield from (self._read(row, offset) for row in rows if not is_dead(row, self._wall()))

    def remove_dead(self) -> None:
        """Remove the rows that nobody can be reached by; raises StorageError.

        For the mode ``database`` too: memory, which tells of what has run out otherwise, holds nothing there.
        """
        after = ""
        while rows := self._table.page(after, _READ_AT_ONCE):
            after, wall = rows[-1][RUID], self._wall()
            if dead := [row[RUID] for row in rows if is_dead(row, wall)]:
                self._table.delete(dead, expired_before=moment(int(wall)))

    def remove_expired(self, bindings: Iterable[Binding]) -> None:
        """Remove the rows of bindings that have run out, but for those that somebody else has refreshed.

        A row says the full second after the end of its binding: a second that is not over yet counts.
        """
        ruids = [binding.ruid for binding in bindings]
        self._writes.forget(ruids)
        self._table.delete(ruids, expired_before=moment(math.ceil(self._wall())))

    def remove_row(self, ruid: str) -> None:
        """Another node has this binding by now, or has taken it away: nobody is told. Raises StorageError."""
        if self._mode != "memory":
            self.removed([ruid])
            self._writes.forget([ruid])
            self._table.delete([ruid])

    def removed(self, ruids: Iterable[str]) -> None:
        """Somebody else has removed these rows: a reading that is under way must not bring them back."""
        if self._removed_while_loading is not None:
            self._removed_while_loading.update(ruids)

    # -------------------------------------------------------------------------------------- the server's side

    def start(self) -> None:
        """Begin to write, whether the database is there or not. Raises StorageError when the spool cannot be
        opened.
        """
        self._writes.open()
        if not self._database.watched:
            self._database.watch()
        self._groups.start()
        if self._mode == "write-back":
            self._back.start()

    def load(self, locations: Locations, *, again: bool = False) -> int:
        """Read all bindings into ``locations`` and return how many; waits until the database is there.

        ``locations.loading`` is True until then. The loop is never held up for more than a few milliseconds.
        ``again``: what is in memory may be wrong, but for what is just being written.
        """
        if self._mode in ("memory", "database"):
            locations.loading = False
            return 0
        self._removed_while_loading = set()
        if again:
            locations.loading = True
            locations.forget_all(self.unwritten)
            self.removed(ruid for ruid in self.unwritten if locations.get(ruid) is None)
        # A connection of its own: who writes, or asks for one user, does not wait for a page of rows.
        channel = Channel(self._database)
        loader = Loader(self._table_on(channel), self._writes, self._read, self._clock)
        self._groups.wake()  # what the spool holds goes first
        try:
            return loader.load(locations, self._removed_while_loading, lambda: self._wall() - self._clock())
        finally:
            channel.close()
            self._removed_while_loading = None

    def when_replayed(self, tell: Callable[[], None]) -> None:
        """``tell()`` whenever all that the spool held is in the database."""
        self._writes.on_replayed = tell

    def flush(self) -> None:
        """Write now what the mode write-back has not written yet. Raises StorageError; then it is kept."""
        self._back.flush()

    def stop(self) -> None:
        """Write what is waiting, then end."""
        self._back.stop()
        self._groups.stop()
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
        return frozenset().union(self._groups.unfinished, self._back.unfinished)

    def forget(self, ruids: Iterable[str]) -> None:
        """Others have written these rows: write them whole the next time."""
        self._writes.forget(ruids)

    # ---------------------------------------------------------------------------------------------- internals

    def _table_on(self, channel: Channel) -> LocationTable:
        return (
            SqliteLocations(self._database) if self._database.dialect == "sqlite" else MariaLocations(channel)
        )

    def _write(self, changes: Changes) -> Refused:
        offset = self._wall() - self._clock()
        removals = [ruid for ruid, binding in changes.items() if binding is None]
        bindings = [binding for binding in changes.values() if binding is not None]
        bindings.sort(key=_ruid)  # rivals then lock in the same order, and neighbours lie together
        return self._writes.write(bindings, removals, offset, moment(int(self._wall())))

    def _read(self, row: Row, offset: float) -> Binding:
        binding = binding_of(row, offset)
        self._complete(binding)
        return binding


def _nothing() -> None:
    """Nobody waits for others in a mode that answers at once."""
