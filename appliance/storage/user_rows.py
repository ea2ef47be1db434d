"""Rows of our users, resident: each user's rows of one table, put together to one value.

They are kept under the canonical name of a domain, whichever of its names a row has, so that a question costs
one look into a dictionary. The change log keeps them true. Must not know what a value means.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, Protocol, TypeVar

import gevent
from sqlalchemy import Column, ColumnElement, Select, Table, and_, select, true, tuple_

from appliance.sip.uri import AddressOfRecord
from appliance.storage.changes import Change
from appliance.storage.engine import Database

Value = TypeVar("Value")

_ROWS_AT_ONCE = 5000
#: More changed users than this are read with all the others.
_ONE_BY_ONE = 500


class DomainNames(Protocol):
    """The names of our domains."""

    def only(self) -> str | None: ...
    def canonical(self, host: str) -> str: ...
    def hosts(self, host: str) -> Sequence[str]: ...


class UserRows(Generic[Value]):
    """The rows of ``table``, which has ``id``, ``username`` and ``domain``; empty until ``load`` has
    succeeded (``loaded``).

    ``gather(rows)`` makes a user's value of the ``columns`` of his rows, in the order in which they were
    added; None is no value. ``chosen`` leaves other rows out.
    """

    def __init__(
        self,
        database: Database,
        table: Table,
        columns: Sequence[Column[Any]],
        gather: Callable[[list[tuple[Any, ...]]], Value | None],
        domains: DomainNames,
        *,
        chosen: ColumnElement[bool] | None = None,
        case_sensitive: bool = True,
    ) -> None:
        self._database = database
        self._table = table
        self._columns = columns
        self._gather = gather
        self._domains = domains
        self._chosen: ColumnElement[bool] = true() if chosen is None else chosen
        self._fold = not case_sensitive
        self.loaded = False
        self._stale: set[tuple[str, str]] = set()
        self._values: dict[tuple[str, str], Value] = {}

    def of(self, aor: AddressOfRecord) -> Value | None:
        """The value of a user, whose domain has its canonical name; None when he has none."""
        return self._values.get((aor.username.lower(), aor.domain) if self._fold else aor)

    def load(self) -> None:
        """Read all of them. Raises StorageError, and what was known before stays."""
        stale = set(self._stale)
        gathered: dict[tuple[str, str], list[tuple[Any, ...]]] = {}
        number, last = self._table.c.id, 0
        while rows := self._rows(self._query().where(number > last).order_by(number).limit(_ROWS_AT_ONCE)):
            self._add(rows, gathered)
            last = rows[-1][0]
            gevent.sleep(0)
        self._values = self._made(gathered)
        self._stale -= stale
        self.loaded = True

    def follow(self, changes: Iterable[Change]) -> None:
        """Read again what the change log names; what fails now is read the next time. Raises StorageError."""
        for change in changes:
            if change.table == self._table.name:
                self._stale.add((change.username, change.domain))
        # In any case of letters several users' rows are one user's, and only some of them were named.
        if not self.loaded or len(self._stale) > _ONE_BY_ONE or (self._fold and self._stale):
            self.load()
        elif self._stale:
            self._refresh(set(self._stale))

    def forget_all(self) -> None:
        """Any row may have changed: read all at the next ``follow``."""
        self.loaded = False

    def clear(self) -> None:
        """Nobody needs them for now: keep none, and read all at the next ``follow``."""
        self.loaded = False
        self._stale.clear()
        self._values = {}

    def _refresh(self, keys: set[tuple[str, str]]) -> None:
        rows_of: set[tuple[str, str]] = set()
        for username, domain in keys:
            _, name = self._key(username, domain)
            rows_of.update((username, host) for host in (domain, *self._domains.hosts(name)))
            if name == self._domains.only():
                rows_of.add((username, ""))
        columns = self._table.c
        mine = tuple_(columns.username, columns.domain).in_(sorted(rows_of))
        gathered: dict[tuple[str, str], list[tuple[Any, ...]]] = {}
        self._add(self._rows(self._query().where(mine).order_by(columns.id)), gathered)
        for key in keys:
            self._values.pop(self._key(*key), None)
        self._values |= self._made(gathered)
        self._stale -= keys

    def _query(self) -> Select[Any]:
        columns = self._table.c
        return select(columns.id, columns.username, columns.domain, *self._columns).where(
            and_(self._chosen, columns.username != "")
        )

    def _rows(self, query: Select[Any]) -> list[tuple[Any, ...]]:
        return self._database.run(
            lambda connection: [tuple(row) for row in connection.execute(query)], self._table.name
        )

    def _add(self, rows: Iterable[tuple[Any, ...]], to: dict[tuple[str, str], list[tuple[Any, ...]]]) -> None:
        for row in rows:
            to.setdefault(self._key(row[1], row[2]), []).append(row[3:])

    def _made(self, gathered: dict[tuple[str, str], list[tuple[Any, ...]]]) -> dict[tuple[str, str], Value]:
        made = {key: self._gather(rows) for key, rows in gathered.items()}
        return {key: value for key, value in made.items() if value is not None}

    def _key(self, username: str, domain: str) -> tuple[str, str]:
        name = self._domains.canonical(domain.lower()) if domain else self._domains.only() or ""
        return (username.lower() if self._fold else username), name
