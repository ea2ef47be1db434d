"""The prefixes of other sites: the rows of ``pdt``, few and resident. Must not know requests."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from sqlalchemy import delete, func, insert, select
from sqlalchemy.engine import Connection

from appliance.storage.changes import Change
from appliance.storage.engine import Database
from appliance.storage.tables import pdt

#: The domain behind each (source domain, prefix), in lower case.
Rows = Mapping[tuple[str, str], str]


class SitePrefixes:
    """The table ``pdt``; empty until ``load`` has succeeded (``loaded``)."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._watchers: list[Callable[[Rows], None]] = []
        self._rows: Rows = {}
        self._stale = False
        self.loaded = False

    def watch(self, watcher: Callable[[Rows], None]) -> None:
        """Tell ``watcher`` the rows, now and whenever they are read again."""
        self._watchers.append(watcher)
        watcher(self._rows)

    @property
    def rows(self) -> Rows:
        """Those in memory."""
        return self._rows

    def add(self, source: str, prefix: str, domain: str) -> None:
        """Write a new row, which counts at once. Raises DuplicateRow and StorageError."""
        row = {"sdomain": source, "prefix": prefix, "domain": domain}
        self._database.run(lambda connection: connection.execute(insert(pdt).values(**row)), "pdt_add")
        self.load()

    def remove(self, source: str, domain: str) -> int:
        """Take away the rows that lead from ``source`` to ``domain``, both in lower case; how many there
        were. Raises StorageError."""
        columns = pdt.c
        gone = delete(pdt).where(func.lower(columns.sdomain) == source, func.lower(columns.domain) == domain)
        count = self._database.run(lambda connection: connection.execute(gone).rowcount, "pdt_remove")
        self.load()
        return count

    def load(self) -> None:
        """Read all of them. Raises StorageError, and what was known before stays."""
        self._stale = True
        self._rows = self._database.run(_read, "pdt")
        self._stale = False
        self.loaded = True
        for watcher in self._watchers:
            watcher(self._rows)

    def follow(self, changes: Iterable[Change]) -> None:
        """Read them again when one has changed; what fails now is read the next time. Raises StorageError."""
        if any(change.table == pdt.name for change in changes):
            self._stale = True
        if self._stale or not self.loaded:
            self.load()

    def forget_all(self) -> None:
        """Any row may have changed: read all at the next ``follow``."""
        self.loaded = False


def _read(connection: Connection) -> Rows:
    columns = pdt.c
    query = select(columns.sdomain, columns.prefix, columns.domain).order_by(columns.id)
    return {
        (source.lower(), prefix): domain.lower()
        for source, prefix, domain in connection.execute(query)
        if prefix and domain
    }
