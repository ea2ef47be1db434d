"""Reads that are shared: keys that are asked for together are one query, and whoever asks for a key that is
being read waits for that reading.

One query at a time; what is asked for meanwhile goes into the next. A query costs more than the rows that it
brings, so two begin some milliseconds apart when many ask, as after a start: whoever comes alone never waits.
Must not know what is read, nor remember it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Final, Generic, TypeVar

import gevent
from gevent.event import Event

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

#: How many keys one query asks for.
AT_ONCE: Final = 200
#: Seconds from the beginning of one query to that of the next, unless so many are waiting for it.
_APART, _ENOUGH = 0.005, 20


class _Reading(Generic[V]):
    """A key that is being read, and those who wait for it."""

    __slots__ = ("done", "error", "stale", "value")

    def __init__(self) -> None:
        self.done = Event()
        self.value: V | None = None
        self.error: BaseException | None = None
        self.stale = False


class SharedReads(Generic[K, V]):
    """``select(keys)`` gives the values of those keys that have one.

    ``keep(key, value)`` is told of each value that was read (None: there is none) and may be remembered: of
    those that changed while they were read (``outdate``) it is not.
    """

    def __init__(
        self, select: Callable[[list[K]], Mapping[K, V]], keep: Callable[[K, V | None], None]
    ) -> None:
        self._select = select
        self._keep = keep
        self._reading: dict[K, _Reading[V]] = {}
        self._queue: list[K] = []
        self._greenlet: gevent.Greenlet[[], None] | None = None
        self._earliest = 0.0

    def read(self, key: K) -> V | None:
        """The value, or None when there is none. Raises what ``select`` raised."""
        reading = self._begin(key)
        reading.done.wait()
        if reading.error is not None:
            # Each of those who waited gets its own: an exception grows with everybody who raises it.
            raise type(reading.error)(*reading.error.args) from None
        return reading.value

    def read_ahead(self, keys: Sequence[K]) -> None:
        """Have these read before anybody asks, in one query where they are no more than ``AT_ONCE``.

        Raises what ``select`` raised.
        """
        readings = [self._begin(key) for key in keys]
        for reading in readings:
            reading.done.wait()
            if reading.error is not None:
                raise type(reading.error)(*reading.error.args) from None

    def outdate(self, key: K) -> None:
        """What is being read of this key may be old already."""
        if (reading := self._reading.get(key)) is not None:
            reading.stale = True

    def outdate_all(self) -> None:
        for reading in self._reading.values():
            reading.stale = True

    def _begin(self, key: K) -> _Reading[V]:
        reading = self._reading.get(key)
        if reading is None:
            reading = self._reading[key] = _Reading()
            self._queue.append(key)
            if self._greenlet is None:
                self._greenlet = gevent.spawn(self._read_queue)
        return reading

    def _read_queue(self) -> None:
        try:
            while self._queue:
                early = self._earliest - time.monotonic()
                if early > 0 and len(self._queue) < _ENOUGH:
                    gevent.sleep(early)
                self._earliest = time.monotonic() + _APART
                keys, self._queue = self._queue[:AT_ONCE], self._queue[AT_ONCE:]
                self._read_together(keys)
        finally:
            self._greenlet = None

    def _read_together(self, keys: list[K]) -> None:
        error: BaseException | None = None
        values: Mapping[K, V] = {}
        try:
            values = self._select(keys)
        except Exception as problem:  # noqa: BLE001 - it is raised again by everybody who waits
            error = problem
        for key in keys:
            reading = self._reading.pop(key)
            reading.value, reading.error = values.get(key), error
            if error is None and not reading.stale:
                self._keep(key, reading.value)
            reading.done.set()
