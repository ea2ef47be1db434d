"""Further names that a user may call and register under: the rows of ``uri``, resident.

OpenSER's ``check_from`` and ``check_to`` ask that table on each request; here it is in memory, kept true by
the change log, and asked only when the name in the request is not that of the credentials. Must not know
requests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

import gevent
from sqlalchemy import select, tuple_
from sqlalchemy.engine import Connection

from appliance.storage.changes import Change
from appliance.storage.engine import Database
from appliance.storage.tables import uri as table

Key = tuple[str, str]

#: Rows between two looks at the rest of the world.
_ROWS_AT_ONCE = 2000
#: More changed users than this are read with all the others.
_ONE_BY_ONE = 500


class Identities:
    """The table ``uri``. Empty until ``load`` has succeeded (``loaded``).

    ``only()`` gives the one served domain or None: a row whose domain is empty is of that one.
    ``hosts(domain)`` are all names of a domain, the canonical one first.
    """

    def __init__(
        self,
        database: Database,
        *,
        only: Callable[[], str | None] = lambda: None,
        hosts: Callable[[str], Sequence[str]] = lambda domain: (domain,),
        case_sensitive: bool = True,
    ) -> None:
        self._database = database
        self._only = only
        self._hosts = hosts
        self._fold = not case_sensitive
        self.loaded = False
        self._stale: set[Key] = set()
        self._names: dict[Key, frozenset[str]] = {}

    def has(self, username: str, domain: str, name: str) -> bool:
        """Whether ``username`` at ``domain`` (its canonical name) may also be ``name`` there."""
        if not self._names:
            return False
        username, name = self._folded(username), self._folded(name)
        for host in self._hosts(domain):
            if name in self._names.get((username, host), ()):
                return True
        return domain == self._only() and name in self._names.get((username, ""), ())

    def load(self) -> None:
        """Read all of them. Raises StorageError, and what was known before stays."""
        stale = set(self._stale)
        fresh: dict[Key, frozenset[str]] = {}
        last = 0
        while rows := self._database.run(partial(_page, last), "uri"):
            self._add([(username, domain, name) for _, username, domain, name in rows], fresh)
            last = rows[-1][0]
            gevent.sleep(0)
        self._names = fresh
        self._stale -= stale
        self.loaded = True

    def follow(self, changes: Iterable[Change]) -> None:
        """Read again what the change log names; what fails now is read the next time. Raises StorageError."""
        for change in changes:
            if change.table == table.name:
                self._stale.add((change.username, change.domain))
        # In any case of letters several users' rows are one user's, and only some of them were named.
        if not self.loaded or len(self._stale) > _ONE_BY_ONE or (self._fold and self._stale):
            self.load()
        elif self._stale:
            self._refresh(set(self._stale))

    def forget_all(self) -> None:
        """Any row may have changed: read all at the next ``follow``."""
        self.loaded = False

    def _refresh(self, keys: set[Key]) -> None:
        rows = self._database.run(lambda connection: _of(connection, keys), "uri")
        for username, domain in keys:
            self._names.pop((username, domain.lower()), None)
        self._add(rows, self._names)
        self._stale -= keys

    def _add(self, rows: Iterable[tuple[str, str, str]], to: dict[Key, frozenset[str]]) -> None:
        for username, domain, name in rows:
            key = (self._folded(username), domain.lower())
            to[key] = to.get(key, frozenset()) | {self._folded(name)}

    def _folded(self, name: str) -> str:
        return name.lower() if self._fold else name


def _page(after: int, connection: Connection) -> list[tuple[int, str, str, str]]:
    columns = table.c
    query = select(columns.id, columns.username, columns.domain, columns.uri_user).where(columns.id > after)
    return [tuple(row) for row in connection.execute(query.order_by(columns.id).limit(_ROWS_AT_ONCE))]


def _of(connection: Connection, keys: set[Key]) -> list[tuple[str, str, str]]:
    columns = table.c
    query = select(columns.username, columns.domain, columns.uri_user)
    query = query.where(tuple_(columns.username, columns.domain).in_(sorted(keys)))
    return [tuple(row) for row in connection.execute(query)]
