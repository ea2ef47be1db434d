"""Where changes of bindings go: into the database, or into the spool until they can.

A refresh, which is what most writes are, changes three columns. When the other columns of a row are known to
be as they were last written, only those three are sent: half the text, two thirds of the server's time, and
the row is not even made. The order of changes is kept: as long as the spool holds any, newer ones go behind
them.

Must not know when changes are gathered, nor who waits for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from appliance.errors import DatabaseRefused, DatabaseUnavailable, RowRefused, StorageError
from appliance.registrar.binding import Binding
from appliance.storage.engine import Database
from appliance.storage.location_rows import (
    RUID,
    LocationTable,
    Row,
    as_read,
    is_refresh,
    refresh_of,
    row_of,
)
from appliance.storage.spool import Entry, Spool

KIND: Final = "location"
#: Entries replayed between two commits of what arrives meanwhile.
_REPLAYED_AT_ONCE = 500
#: With no more refreshes than this, one statement for whole rows is cheaper than two statements.
_FEW = 8
#: Seconds until a replay that was refused is tried again.
_PAUSE = 1.0


class LocationWrites:
    """The changes of one process. ``remember`` False: others write the same rows, so whole rows are sent
    always.

    ``last_error`` is why the spool is in use, ``pause`` when to try again (None: when there is something to
    do).
    """

    def __init__(
        self, database: Database, table: LocationTable, spool: Spool | None, *, remember: bool = True
    ) -> None:
        self._database = database
        self._table = table
        self._spool = spool
        self._remember = remember
        # What was last written or read, by ruid; mostly the very bindings that are in memory anyway.
        self._written: dict[str, Binding] = {}
        self.last_error: str | None = None
        self.on_replayed: Callable[[], None] | None = None  # told when the spool is empty again
        self.written = 0
        self.commits = 0

    @property
    def spooled(self) -> int:
        """How many changes wait in the spool."""
        return len(self._spool) if self._spool is not None else 0

    @property
    def pause(self) -> float | None:
        return _PAUSE if self.spooled and self._database.available else None

    def open(self) -> None:
        if self._spool is not None:
            self._spool.open()

    def close(self) -> None:
        if self._spool is not None:
            self._spool.close()

    def forget(self, ruids: Iterable[str]) -> None:
        """These rows are not as we last wrote them."""
        for ruid in ruids:
            self._written.pop(ruid, None)

    def was_read(self, binding: Binding) -> None:
        """The row of this binding is what it was made of just now: its next refresh can be a short one."""
        if self._remember:
            self._written[binding.ruid] = binding

    def failed(self, error: StorageError) -> None:
        """Show this as what went wrong last."""
        self.last_error = str(error)

    def write(
        self, bindings: Sequence[Binding], removals: Sequence[str], offset: float, now: str
    ) -> dict[str, StorageError]:
        """Make them durable, in the database or in the spool; returns why bindings were refused, by ruid.

        ``offset`` as for ``row_of``. Raises StorageError when neither can.
        """
        refused: dict[str, StorageError] = {}
        if self._spool is None:
            self._to_database(bindings, removals, offset, refused)
        elif self.spooled or not self._database.available:
            self._to_spool(self._spool, _rows(bindings, offset), removals, now)
        else:
            try:
                self._to_database(bindings, removals, offset, refused)
            except (DatabaseUnavailable, DatabaseRefused) as error:
                self.last_error = str(error)
                self._to_spool(self._spool, _rows(bindings, offset), removals, now)
        self.written += len(bindings)
        self.commits += 1
        return refused

    def replay(self) -> bool:
        """Give the database some of what the spool holds; True when there is more and it takes it."""
        spool = self._spool
        if spool is None or not len(spool) or not self._database.available:
            return False
        entries = [each for each in spool.after(0, _REPLAYED_AT_ONCE) if each.kind == KIND]
        rows = sorted(tuple(each.row) for each in entries if each.row is not None)
        removals = [(each.key, each.modified) for each in entries if each.row is None]
        try:
            problem = self._replay(rows, removals)
        except StorageError as error:
            self.last_error = str(error)
            return False
        spool.remove(entries)
        if problem or not len(spool):
            self.last_error = problem
        if self.on_replayed is not None and not len(spool):
            self.on_replayed()
        return bool(len(spool))

    def waiting_rows(self) -> Iterable[tuple[str, Row | None]]:
        """What the spool holds: ruid and row as ``page`` gives it, None for a removal; the oldest first."""
        number = 0
        while self._spool is not None:
            entries = self._spool.after(number, _REPLAYED_AT_ONCE)
            if not entries:
                return
            number = entries[-1].number
            for each in entries:
                yield each.key, None if each.row is None else as_read(each.row)

    # ---------------------------------------------------------------------------------------------- internals

    def _to_spool(self, spool: Spool, rows: Sequence[Row], removals: Sequence[str], now: str) -> None:
        entries = [Entry(KIND, ruid, now, None) for ruid in removals]
        entries += [Entry(KIND, row[RUID], now, row) for row in rows]
        spool.add(entries)
        self._written.clear()  # what the rows are when it is back, nobody knows: restored, perhaps

    def _replay(self, rows: Sequence[Row], removals: Sequence[tuple[str, str]]) -> str | None:
        """Why a row was left out, if one was: it would have been refused, and must not keep the others."""
        try:
            self._table.replay(rows, removals)
        except RowRefused as error:
            if not rows:
                raise
            if len(rows) == 1 and not removals:
                return f"a binding was left out: {error}"
            problems = [self._replay([row], ()) for row in rows]
            if removals:
                self._replay((), removals)
            return next(filter(None, problems), None)
        return None

    def _to_database(
        self,
        bindings: Sequence[Binding],
        removals: Sequence[str],
        offset: float,
        refused: dict[str, StorageError],
    ) -> None:
        known: Sequence[Binding] = ()
        whole = bindings
        if self._remember:
            known = [each for each in bindings if self._is_known(each)]
            if len(known) == len(bindings):
                whole = ()
            elif len(known) <= _FEW:
                known = ()
            else:
                names = {each.ruid for each in known}
                whole = [each for each in bindings if each.ruid not in names]
        if known and not self._refresh(known, offset):
            self._upsert(_rows(known, offset), refused)
        if whole:
            self.forget([each.ruid for each in whole])  # until it is certain how far they were written
            self._upsert(_rows(whole, offset), refused)
        if removals:
            self._table.delete(removals)
            self.forget(removals)
        if self._remember:
            self._written.update([(each.ruid, each) for each in bindings])
            if refused:
                self.forget(refused)

    def _is_known(self, binding: Binding) -> bool:
        former = self._written.get(binding.ruid)
        return former is not None and is_refresh(former, binding)

    def _refresh(self, bindings: Sequence[Binding], offset: float) -> bool:
        """False when it needs whole rows: somebody has deleted some by hand, or one of them cannot be."""
        try:
            return self._table.refresh([refresh_of(each, offset) for each in bindings])
        except RowRefused:
            return False

    def _upsert(self, rows: Sequence[Row], refused: dict[str, StorageError]) -> None:
        """Write whole rows; a row that cannot be is found by halves and does no harm to the others."""
        try:
            self._table.upsert(rows)
        except RowRefused as error:
            if len(rows) == 1:
                refused[rows[0][RUID]] = error
                return
            middle = len(rows) // 2
            self._upsert(rows[:middle], refused)
            self._upsert(rows[middle:], refused)


def _rows(bindings: Sequence[Binding], offset: float) -> Sequence[Row]:
    return [row_of(each, offset) for each in bindings]
