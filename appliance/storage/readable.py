"""Whether the tables are there that the SIP process reads: asked when it starts, not by the first call."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.engine import Connection

from appliance.storage import tables
from appliance.storage.engine import Database

_READ = (
    tables.subscriber,
    tables.location,
    tables.served_domain,
    tables.domain_attrs,
    tables.uri,
    tables.aliases,
    tables.dbaliases,
    tables.gw,
    tables.gw_grp,
    tables.lcr,
    tables.trusted,
    tables.address,
    tables.grp,
    tables.change_log,
)


def assert_readable(database: Database) -> None:
    """Raises DatabaseRefused, whose text says what makes the missing table or column or gives the right."""
    database.run(_read_a_row_of_each)


def _read_a_row_of_each(connection: Connection) -> None:
    for table in _READ:
        connection.execute(select(table).limit(1)).first()
