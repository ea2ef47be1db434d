"""Rows of ``domain``: the names that are served. Names with the same ``did`` are one domain; its first row's
name is the canonical one, and the realm for digest unless another was given.
"""

from __future__ import annotations

from sqlalchemy import delete, insert, select
from sqlalchemy.engine import Connection

from appliance.errors import DuplicateRow
from appliance.storage.engine import Database
from appliance.storage.tables.directory import served_domain


def add(database: Database, name: str, did: str | None = None, realm: str | None = None) -> None:
    """Serve ``name``; DuplicateRow when it is served already."""
    row = insert(served_domain).values(domain=name, did=did, digest_realm=realm)

    def work(connection: Connection) -> None:
        connection.execute(row)

    try:
        database.run(work, "domain_add")
    except DuplicateRow as error:
        raise DuplicateRow(f"the domain {name} is there already") from error


def remove(database: Database, name: str) -> bool:
    """Serve it no longer; False when it was not. Its subscribers stay."""
    gone = delete(served_domain).where(served_domain.c.domain == name)
    return database.run(lambda connection: connection.execute(gone).rowcount > 0, "domain_remove")


def realm(database: Database, name: str) -> str:
    """The realm of the domain ``name``, as it is now."""
    return database.run(lambda connection: realm_of(connection, name), "domain_list")


def every(database: Database) -> list[dict[str, object]]:
    """All names, in the order in which they were added."""
    columns = (served_domain.c.domain, served_domain.c.did, served_domain.c.digest_realm)
    wanted = select(*columns).order_by(served_domain.c.id)
    return database.run(
        lambda connection: [dict(row) for row in connection.execute(wanted).mappings()], "domain_list"
    )


def realm_of(connection: Connection, name: str) -> str:
    """The realm in which subscribers of the domain ``name`` are hashed."""
    row = connection.execute(select(served_domain.c.did).where(served_domain.c.domain == name)).first()
    if row is None:
        return name
    same = served_domain.c.did == row.did if row.did else served_domain.c.domain == name
    names = connection.execute(
        select(served_domain.c.domain, served_domain.c.digest_realm).where(same).order_by(served_domain.c.id)
    ).all()
    given = [each.digest_realm for each in names if each.digest_realm]
    return str(given[0]) if given else str(names[0].domain).lower()


def realms_of(connection: Connection) -> dict[str, str]:
    """The realm of every domain with a row, by its name in lower case; that of any other is its name."""
    columns = (served_domain.c.domain, served_domain.c.did, served_domain.c.digest_realm)
    together: dict[str, list[tuple[str, str | None]]] = {}
    for row in connection.execute(select(*columns).order_by(served_domain.c.id)):
        one = f"did {row.did}" if row.did else f"domain {row.domain}"
        together.setdefault(one, []).append((row.domain.lower(), row.digest_realm))
    realms: dict[str, str] = {}
    for names in together.values():
        given = [realm for _, realm in names if realm]
        realms |= {name: given[0] if given else names[0][0] for name, _ in names}
    return realms
