"""OpenSER's ``db_mode`` 2: answered at once, written every minute, and when the server ends.

What happens between two flushes is lost with the process: that is the bargain. Must not know what is written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import gevent
from gevent.lock import RLock

from appliance.errors import StorageError
from appliance.registrar.binding import Binding
from appliance.storage.group_commit import Changes, Refused

#: A flush goes out in pieces, so that phones that register meanwhile do not wait for all of it.
_AT_ONCE = 500


class WriteBack:
    """Calls ``write(changes)`` with what has changed, every ``seconds``; ``failed`` hears what went wrong."""

    def __init__(
        self, write: Callable[[Changes], Refused], seconds: float, failed: Callable[[StorageError], None]
    ) -> None:
        self._write = write
        self._seconds = seconds
        self._failed = failed
        self._dirty: Changes = {}
        self._turn = RLock()
        self._greenlet: gevent.Greenlet[[], None] | None = None

    def put(self, upserts: Sequence[Binding], deletes: Sequence[Binding]) -> None:
        """Write them some time."""
        self._dirty.update((binding.ruid, None) for binding in deletes)
        self._dirty.update((binding.ruid, binding) for binding in upserts)

    def flush(self) -> None:
        """Write what is there now. Raises StorageError; then what was not written is kept."""
        with self._turn:  # a second flush may not overtake the first
            dirty = dict(self._dirty)
            ruids = list(dirty)
            for first in range(0, len(ruids), _AT_ONCE):
                some = {ruid: dirty[ruid] for ruid in ruids[first : first + _AT_ONCE]}
                for error in self._write(some).values():
                    self._failed(error)
                for ruid, written in some.items():
                    if self._dirty.get(ruid, written) is written:  # nobody has changed it meanwhile
                        self._dirty.pop(ruid, None)

    def start(self) -> None:
        if self._greenlet is None:
            self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        """Write everything, then end."""
        self._flush_or_tell()
        if self._greenlet is not None:
            self._greenlet.kill()
            self._greenlet = None

    @property
    def unfinished(self) -> Iterable[str]:
        """The ruids that are not written yet."""
        return list(self._dirty)

    def _run(self) -> None:
        while True:
            gevent.sleep(self._seconds)
            self._flush_or_tell()

    def _flush_or_tell(self) -> None:
        try:
            self.flush()
        except StorageError as error:
            self._failed(error)
