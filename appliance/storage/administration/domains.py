"""Rows of ``domain`` and ``domain_attrs``: the names that are served, and what is set for a whole domain.

Names with the same ``did`` are one domain; the first of them is the canonical one, and the realm for digest
unless another was given. ``named`` are the domains of the settings everywhere.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Delete, delete, func, insert, select
from sqlalchemy.engine import Connection

from appliance.config import NamedDomain
from appliance.errors import DuplicateRow
from appliance.registrar.served import ServedDomain, gather
from appliance.storage.engine import Database
from appliance.storage.served_domains import read_domains
from appliance.storage.tables.directory import domain_attrs, served_domain


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
    """Serve it no longer; False when it was not. Its subscribers stay, and its attributes while another name
    has them too.
    """

    def work(connection: Connection) -> bool:
        here = served_domain.c.domain == name
        did = connection.execute(select(served_domain.c.did).where(here)).scalar()
        if connection.execute(delete(served_domain).where(here)).rowcount == 0:
            return False
        did = did or name
        others = select(func.count()).where((served_domain.c.did == did) | (served_domain.c.domain == did))
        if not connection.execute(others).scalar_one():
            connection.execute(delete(domain_attrs).where(domain_attrs.c.did == did))
        return True

    return database.run(work, "domain_remove")


def set_attribute(database: Database, did: str, name: str, value: str) -> None:
    """The attribute ``name`` of the domain has this value, and no other."""

    def work(connection: Connection) -> None:
        connection.execute(_attribute(did, name))
        connection.execute(insert(domain_attrs).values(did=did, name=name, value=value))

    database.run(work, "domain_attribute")


def remove_attribute(database: Database, did: str, name: str) -> bool:
    """Take an attribute away; False when the table has none of that name."""
    gone = _attribute(did, name)
    return database.run(lambda connection: connection.execute(gone).rowcount > 0, "domain_attribute")


def gathered(database: Database, named: Sequence[NamedDomain] = ()) -> dict[str, ServedDomain]:
    """Every name that is served, in lower case, and its domain."""
    return database.run(lambda connection: gather(named, *read_domains(connection)), "domain_list")


def every(database: Database) -> list[dict[str, object]]:
    """All rows of ``domain``, in the order in which they were added."""
    columns = (served_domain.c.domain, served_domain.c.did, served_domain.c.digest_realm)
    wanted = select(*columns).order_by(served_domain.c.id)
    return database.run(
        lambda connection: [dict(row) for row in connection.execute(wanted).mappings()], "domain_list"
    )


def realm(database: Database, name: str, named: Sequence[NamedDomain] = ()) -> str:
    """The realm of the domain ``name``, as it is now."""
    return database.run(lambda connection: realm_of(connection, name, named), "domain_list")


def realm_of(connection: Connection, name: str, named: Sequence[NamedDomain] = ()) -> str:
    """The realm in which subscribers of the domain ``name`` are hashed."""
    return realms_of(connection, named).get(name.lower(), name)


def realms_of(connection: Connection, named: Sequence[NamedDomain] = ()) -> dict[str, str]:
    """The realm of every domain, by its names in lower case; that of any other is its name."""
    served = gather(named, *read_domains(connection))
    return {host: domain.realm for host, domain in served.items()}


def _attribute(did: str, name: str) -> Delete:
    return delete(domain_attrs).where(domain_attrs.c.did == did, domain_attrs.c.name == name)
