"""The list of bans on disk: one file, which all workers share and the next start finds.

Bans are rare, and each is a change of one line: who has one takes the lock, reads the file, changes it and
puts it back as a whole. The others see that it is another file, and take what it says. Must not know who is
banned for what.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import msgspec

from appliance.protection.bans import Ban, Bans

_LARGEST = 16 * 1024 * 1024


class BanList:
    """``bans`` and the file ``place`` are kept the same. ``clock`` is monotonic, ``wall`` UTC seconds;
    ``say(level, message)`` is told what does not work."""

    def __init__(
        self,
        place: Path,
        bans: Bans,
        clock: Callable[[], float],
        wall: Callable[[], float],
        say: Callable[[str, str], None],
    ) -> None:
        self._place = place
        self._bans = bans
        self._clock = clock
        self._wall = wall
        self._say = say
        self._seen: tuple[int, int] | None = None

    def tick(self) -> None:
        """Writes what is new here, and takes what is new there; to be called about once a second."""
        try:
            if self._bans.news:
                self._change()
            elif self._version() != self._seen:
                self._take(self._read())
        except (OSError, msgspec.DecodeError) as error:
            self._tell(error)

    def _tell(self, error: Exception) -> None:
        why = getattr(error, "strerror", None) or error
        self._say("warning", f"the list of bans cannot be kept: {self._place}: {why}")

    def _change(self) -> None:
        now, wall = self._clock(), self._wall()
        with self._place.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            rows = {row.source: row for row in self._read_or_own() if row.until > wall}
            for source, ban in list(self._bans.news.items()):
                if ban is None:
                    rows.pop(source, None)
                else:
                    rows[source] = ban._replace(since=ban.since - now + wall, until=ban.until - now + wall)
            unfinished = self._place.with_suffix(".new")
            unfinished.write_bytes(msgspec.json.encode([list(row) for row in rows.values()]))
            unfinished.replace(self._place)
        self._bans.news.clear()
        self._take(list(rows.values()))

    def _take(self, rows: list[Ban]) -> None:
        self._seen = self._version()
        self._bans.take(rows, self._clock(), self._wall())

    def _read_or_own(self) -> list[Ban]:
        """What is in the file; of one that is none, what holds here, and that is written."""
        try:
            return self._read()
        except msgspec.DecodeError as error:
            self._tell(error)
            return self._bans.rows(self._clock(), self._wall())

    def _read(self) -> list[Ban]:
        try:
            with self._place.open("rb") as file:
                if os.fstat(file.fileno()).st_size > _LARGEST:
                    raise OSError(None, "it is too large")
                read = msgspec.json.decode(file.read(), type=list[tuple[str, float, float, int, str]])
        except FileNotFoundError:
            return []
        return [Ban(*row) for row in read]

    def _version(self) -> tuple[int, int] | None:
        try:
            told = self._place.stat()
        except FileNotFoundError:
            return None
        return told.st_ino, told.st_mtime_ns
