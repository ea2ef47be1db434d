"""Bindings read back when the server starts: in pieces, so that calls are answered meanwhile.

While the rows of one page are put into memory, the database looks up the next. What phones do meanwhile is
newer than any row that is read, and ``Locations`` knows it (``restore``). What the spool holds goes into the
database first, so that the rows are what was last answered. Rows that died while nobody looked are removed.
Must not know SQL.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Sequence

import gevent

from appliance.errors import StorageError
from appliance.registrar.binding import Binding
from appliance.registrar.locations import Locations
from appliance.storage.location_rows import DOMAIN, RUID, LocationTable, Row, is_dead, moment
from appliance.storage.location_writes import LocationWrites

log = logging.getLogger("sipbox.storage")

#: Rows read at once; so many that the statement costs little beside them.
_ROWS_AT_ONCE = 1000
#: Rows between two looks at the sockets: two milliseconds of work.
_ROWS_BETWEEN = 200
#: By a timer, however short: after ``sleep(0)`` the loop goes on a thousand times before it sees a socket.
_LOOK = 1e-6
#: How long to wait before the database is asked again.
_PAUSE = 0.2


class Loader:
    """Reads ``table``; ``read(row, offset)`` makes a binding of a row, ``clock`` is monotonic seconds."""

    def __init__(
        self,
        table: LocationTable,
        writes: LocationWrites,
        read: Callable[[Row, float], Binding],
        clock: Callable[[], float],
    ) -> None:
        self._table = table
        self._writes = writes
        self._read = read
        self._clock = clock

    def load(self, locations: Locations, removed: set[str], offset_now: Callable[[], float]) -> int:
        """Load all living bindings but those in ``removed`` and return how many; wait for the database."""
        locations.loading = True
        loaded = self._restore_spooled(locations, removed, offset_now())
        while self._writes.spooled:
            gevent.sleep(_PAUSE)
        reading = gevent.spawn(self._page, "")
        try:
            while rows := reading.get():
                reading = gevent.spawn(self._page, rows[-1][RUID])
                for first in range(0, len(rows), _ROWS_BETWEEN):
                    gevent.sleep(_LOOK)
                    some = rows[first : first + _ROWS_BETWEEN]
                    loaded += self._restore(some, locations, removed, offset_now())
        finally:
            reading.kill()
        locations.loading = False
        return loaded

    def _page(self, after: str) -> Sequence[Row]:
        while True:
            try:
                return self._table.page(after, _ROWS_AT_ONCE)
            except StorageError as error:
                if self._writes.last_error != str(error):
                    self._writes.last_error = str(error)
                    log.warning("bindings cannot be read yet: %s", error)
                gevent.sleep(_PAUSE)

    def _restore(self, rows: Sequence[Row], locations: Locations, removed: set[str], offset: float) -> int:
        wall = offset + self._clock()
        restored = 0
        dead: list[str] = []
        # Bindings are in no cycles, and there are many: a full collection would walk over all of them, 100 ms
        # each time, so the collector is told to leave them alone.
        gc.disable()
        try:
            for row in rows:
                ruid = row[RUID]
                if is_dead(row, wall):
                    dead.append(ruid)
                elif ruid not in removed:
                    binding = self._read(row, offset)
                    if locations.restore(binding):
                        restored += 1
                        if row[DOMAIN]:  # else OpenSER's, and the next refresh writes the domain
                            self._writes.was_read(binding)
        finally:
            gc.freeze()
            gc.enable()
        if dead:
            self._table.delete(dead, expired_before=moment(int(wall)))
        return restored

    def _restore_spooled(self, locations: Locations, removed: set[str], offset: float) -> int:
        """What was answered last is known before the database is back."""
        restored = 0
        wall = offset + self._clock()
        for ruid, row in self._writes.waiting_rows():
            if row is None:
                removed.add(ruid)
            elif not is_dead(row, wall):
                restored += locations.restore(self._read(row, offset))
        return restored
