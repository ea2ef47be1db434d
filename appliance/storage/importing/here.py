"""What is here already, as far as an import compares with it. Must not know the old server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC
from functools import partial
from typing import Any

from sqlalchemy import Select, Table, select, tuple_
from sqlalchemy.engine import Connection, Row

from appliance.sip.uri import AddressOfRecord
from appliance.storage.engine import Database
from appliance.storage.importing.known_names import KnownNames
from appliance.storage.tables import dbaliases, grp, location, subscriber

_AT_ONCE = 5000


def read_known(database: Database, known: KnownNames) -> None:
    """Every subscriber and alias."""
    for rows in _pages(database, subscriber, ("username", "domain")):
        known.keep(_aor(row.username, row.domain) for row in rows)
    for rows in _pages(database, dbaliases, ("alias_username", "alias_domain", "username", "domain")):
        known.keep_aliases(
            (_aor(row.alias_username, row.alias_domain), _aor(row.username, row.domain)) for row in rows
        )


def modified(database: Database, ruids: Sequence[str]) -> dict[str, float]:
    """When those of these bindings that are here were changed, in seconds since 1970."""
    query = select(location.c.ruid, location.c.last_modified).where(location.c.ruid.in_(ruids))
    rows = database.run(lambda connection: connection.execute(query).all(), "import") if ruids else ()
    return {str(row[0]): row[1].replace(tzinfo=UTC).timestamp() for row in rows}


def permissions_of(
    connection: Connection, people: Sequence[AddressOfRecord]
) -> set[tuple[AddressOfRecord, str]]:
    """The permissions that these people have."""
    ours = tuple_(grp.c.username, grp.c.domain).in_([tuple(who) for who in people])
    rows = connection.execute(select(grp.c.username, grp.c.domain, grp.c.grp).where(ours))
    return {(_aor(row.username, row.domain), row.grp) for row in rows}


def _pages(database: Database, table: Table, columns: Sequence[str]) -> Iterator[Sequence[Row[Any]]]:
    """All rows, some at a time, in the order of their ids."""
    query = select(table.c.id, *(table.c[name] for name in columns)).order_by(table.c.id).limit(_AT_ONCE)
    last = -1
    while True:
        rows = database.run(partial(_all, query.where(table.c.id > last)), "import")
        if not rows:
            return
        yield rows
        last = rows[-1].id


def _all(query: Select[Any], connection: Connection) -> Sequence[Row[Any]]:
    return connection.execute(query).all()


def _aor(username: str, domain: str) -> AddressOfRecord:
    return AddressOfRecord(username, domain.lower())
