"""The names that stand for others, resident: they are asked for with every call.

An alias is looked for as the seed's script does it, in ``aliases`` (contacts that do not expire by
themselves, best ``q`` first), then in ``dbaliases``. It may be written with any name of its domain. Must not
know what a request does with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import gevent
from sqlalchemy import Select, literal, or_, select, tuple_
from sqlalchemy.engine import Connection

from appliance.sip.escapes import escape_user
from appliance.sip.uri import AddressOfRecord
from appliance.storage.changes import Change
from appliance.storage.engine import Database
from appliance.storage.tables import aliases, dbaliases

#: Rows between two looks at the rest of the world.
_ROWS_AT_ONCE = 2000
#: More changed aliases than this are read with all the others.
_ALIASES_ONE_BY_ONE = 500
#: OpenSER writes the beginning of time for a contact that never expires.
_NEVER = datetime(1971, 1, 1)  # noqa: DTZ001 - as the column has it: UTC without saying so


class _Alias(NamedTuple):
    id: int
    username: str
    domain: str
    target: str
    q: float


class Names:
    """The aliases of a database. Empty until ``load`` has succeeded (``loaded``).

    ``only()`` gives the one served domain or None: an alias whose domain is empty is an alias there.
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
        self._stale: set[tuple[str, str]] = set()
        self._aliases: dict[tuple[str, str], _Alias] = {}

    def alias(self, aor: AddressOfRecord) -> str | None:
        """The URI for which ``aor`` stands, or None when it is no alias."""
        username = aor.username.lower() if self._fold else aor.username
        found = self._aliases.get((username, aor.domain))
        if found is None:
            for host in self._hosts(aor.domain)[1:]:
                found = found or self._aliases.get((username, host))
        if found is None and aor.domain == self._only():
            found = self._aliases.get((username, ""))
        if found is None:
            return None
        # A user without a domain is one of the only domain, as in ``subscriber``.
        return f"{found.target}{self._only() or aor.domain}" if found.target.endswith("@") else found.target

    def load(self) -> None:
        """Read all of them. Raises StorageError, and what was known before stays."""
        self.load_aliases()
        self.loaded = True

    def follow(self, changes: Iterable[Change]) -> None:
        """Read again what the change log names; what fails now is read the next time. Raises StorageError."""
        for change in changes:
            if change.table in (aliases.name, dbaliases.name):
                self._stale.add((change.username, change.domain))
        if not self.loaded:
            self.load()
        elif len(self._stale) > _ALIASES_ONE_BY_ONE:
            self.load_aliases()
        elif self._stale:
            self.refresh_aliases(set(self._stale))

    def forget_all(self) -> None:
        """Any row may have changed: read all at the next ``follow``."""
        self.loaded = False

    def load_aliases(self) -> None:
        stale = set(self._stale)
        fresh: dict[tuple[str, str], _Alias] = {}
        for kind in (_of_dbaliases, _of_aliases):
            last = 0
            while rows := self._rows(kind(after=last)):
                self._add(rows, fresh)
                last = rows[-1].id
                gevent.sleep(0)
        self._aliases = fresh
        self._stale -= stale

    def refresh_aliases(self, keys: set[tuple[str, str]]) -> None:
        """Read these aliases again: the change log named them."""
        rows = self._rows(_of_dbaliases(keys=keys)) + self._rows(_of_aliases(keys=keys))
        for username, domain in keys:
            self._aliases.pop(self._key(username, domain), None)
        self._add(rows, self._aliases)
        self._stale -= keys

    def _rows(self, query: Select[Any]) -> list[_Alias]:
        def work(connection: Connection) -> list[_Alias]:
            return [
                _Alias(number, username, domain, contact or f"sip:{escape_user(to)}@{host}", q)
                for number, username, domain, contact, to, host, q in connection.execute(query)
            ]

        return self._database.run(work, "aliases")

    def _add(self, rows: list[_Alias], to: dict[tuple[str, str], _Alias]) -> None:
        for row in rows:
            key = self._key(row.username, row.domain)
            other = to.get(key)
            if other is None or row.q > other.q:
                to[key] = row

    def _key(self, username: str, domain: str) -> tuple[str, str]:
        return (username.lower() if self._fold else username), domain.lower()


def _of_dbaliases(after: int = 0, keys: set[tuple[str, str]] | None = None) -> Select[Any]:
    """``dbaliases``: another user of ours; any contact in ``aliases`` comes before it."""
    columns = dbaliases.c
    query = select(
        columns.id,
        columns.alias_username,
        columns.alias_domain,
        literal(""),
        columns.username,
        columns.domain,
        literal(-2.0),
    )
    if keys is not None:
        return query.where(tuple_(columns.alias_username, columns.alias_domain).in_(sorted(keys)))
    return query.where(columns.id > after).order_by(columns.id).limit(_ROWS_AT_ONCE)


def _of_aliases(after: int = 0, keys: set[tuple[str, str]] | None = None) -> Select[Any]:
    """``aliases``: any URI, unless it has expired."""
    columns = aliases.c
    alive = or_(columns.expires > datetime.now(UTC).replace(tzinfo=None), columns.expires < _NEVER)
    query = select(
        columns.id,
        columns.username,
        columns.domain,
        columns.contact,
        literal(""),
        literal(""),
        columns.q,
    ).where(alive, columns.contact != "")
    if keys is not None:
        return query.where(tuple_(columns.username, columns.domain).in_(sorted(keys)))
    return query.where(columns.id > after).order_by(columns.id).limit(_ROWS_AT_ONCE)
