"""Another server's MySQL database, read in one moment: nothing in it is or can be changed.

The transaction is READ ONLY, so that the database itself refuses a change, and all rows are of its beginning.
Kamailio and OpenSER write moments in the local time of their machine: the database's own zone counts,
or the one that is named. Rows come as they are taken, so that a million of them needs no memory. Must not
know what becomes of them.
"""

# ruff: noqa: S608 - names of tables and columns come from a list of ours

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from sqlalchemy import text
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from appliance.errors import StorageError
from appliance.storage import connecting
from appliance.storage.importing.kinds import COLUMNS, chosen, kind_of

_MOMENTS = ("expires", "last_modified")
_SECONDS, _CONNECT_SECONDS = 3600, 10
_AT_ONCE = 500

Row = dict[str, Any]


class Old(Protocol):
    """What is there. Moments are seconds since 1970, 0 for never."""

    @property
    def kind(self) -> str:
        """Whose it is."""

    def rows(self, table: str) -> Iterator[Row]:
        """The rows of a table, by our names of its columns; none when it is not there. To be taken before
        another table is read. Raises StorageError."""

    def count(self, table: str) -> int:
        """How many there are."""

    def domains(self) -> list[object]:
        """Each domain that a subscriber is in."""


def old_url(said: str) -> URL:
    """The URL of an old database: ours of MariaDB, or Kamailio's own ``mysql://user:password@host/name``.

    StorageError, which does not repeat it, when it is none.
    """
    try:
        url = make_url(said.strip())
    except ArgumentError:
        url = None
    if url is None or url.get_backend_name() not in ("mysql", "mariadb") or not url.database:
        raise StorageError(
            "the URL of the old database has to be like mysql+pymysql://reader:PASSWORD@HOST/kamailio"
        )
    return url.set(drivername="mysql+pymysql")


@contextmanager
def opened(url: URL, *, time_zone: str | None = None) -> Iterator[Old]:
    """The old database, as it is in this moment. ``time_zone`` is the old server's, as MySQL writes it
    ('+01:00'). Raises StorageError."""
    made = connecting.engine(url, pool_size=1, connect_timeout=_CONNECT_SECONDS, query_timeout=_SECONDS)
    try:
        with made.connect().execution_options(isolation_level="REPEATABLE READ") as connection:
            yield _OldDatabase(connection, str(url.database), time_zone)
            connection.rollback()
    except SQLAlchemyError as error:
        said = getattr(getattr(error, "orig", None), "args", ())
        raise StorageError(f"the old database says {str(said[-1] if said else error)!r}") from error
    finally:
        made.dispose()


class _OldDatabase:
    """Rows are read as they are taken, never all at once: there may be millions."""

    def __init__(self, connection: Connection, name: str, time_zone: str | None) -> None:
        self._connection = connection
        run = connection.exec_driver_sql
        connection.execute(text("SET time_zone = COALESCE(:zone, @@global.time_zone)"), {"zone": time_zone})
        # While what was read is written here, nothing more is read there.
        run(f"SET SESSION net_write_timeout = {_SECONDS}")
        connection.commit()
        run("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
        self._types = _types(connection, name)
        versions: dict[str, int] = {}
        if "version" in self._types:
            rows = run("SELECT table_name, table_version FROM version")
            versions = {str(row[0]): int(row[1]) for row in rows}
        try:
            self.kind = kind_of(self._types, versions)
            self._names = {
                table: chosen(table, self._types[table]) for table in COLUMNS if table in self._types
            }
        except StorageError as error:
            raise StorageError(f"the old database cannot be read: {error}") from error

    def rows(self, table: str) -> Iterator[Row]:
        names = self._names.get(table)
        if names is None:
            return
        types = self._types[table]
        wanted = [
            f"UNIX_TIMESTAMP(`{theirs}`)"
            if ours in _MOMENTS and types[theirs] in ("datetime", "timestamp")
            else f"`{theirs}`"
            for ours, theirs in names.items()
        ]
        order = "contact_id" if "contact_id" in types else "id"
        ordered = f" ORDER BY `{order}`" if order in types else ""
        query = f"SELECT {', '.join(wanted)} FROM `{table}`{ordered}"
        for row in self._connection.exec_driver_sql(query, execution_options={"yield_per": _AT_ONCE}):
            yield dict(zip(names, row, strict=True))

    def count(self, table: str) -> int:
        if table not in self._names:
            return 0
        return int(self._connection.exec_driver_sql(f"SELECT COUNT(*) FROM `{table}`").scalar_one())

    def domains(self) -> list[object]:
        found = self._connection.exec_driver_sql("SELECT DISTINCT `domain` FROM `subscriber` ORDER BY 1")
        return list(found.scalars())


def _types(connection: Connection, name: str) -> dict[str, dict[str, str]]:
    """The kind of each column of each table."""
    types: dict[str, dict[str, str]] = {}
    for table, column, kind in connection.execute(
        text(
            "SELECT table_name, column_name, data_type FROM information_schema.columns"
            " WHERE table_schema = :name"
        ),
        {"name": name},
    ):
        types.setdefault(str(table), {})[str(column)] = str(kind).lower()
    return types
