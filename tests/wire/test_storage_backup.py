"""A backup of either database restored into either: every row of every table is the same."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.engine import Connection

from appliance.storage import backup, schema, tables
from appliance.storage.engine import Database
from tests.harness.mariadb import MariaDB

pytestmark = pytest.mark.mariadb

STATEMENTS = (
    "insert into subscriber (username,password) VALUES ('10','abc10')",
    "insert into subscriber (username,domain,ha1,timezone) VALUES ('电话','example.com','0123','Asia/Tokyo')",
    "insert into domain (domain, did) values ('example.com', 'one')",
    "insert into location (username,domain,contact,q,received,methods,user_agent) values"  # noqa: ISC004
    " ('10','example.com','sip:10@192.0.2.1;x=%41',0.7,null,6111,'it''s \"one\" \\\\ two')",
    "insert into dbaliases (alias_username,username) values ('info','10')",
    "insert into silo (username,body) values ('10', x'00ff4127')",
    "insert into active_sessions (sid,name,val) values ('a','b','ünï\N{GRINNING FACE}')",
    "insert into acc (method,time) values ('INVITE','2007-04-22 18:46:09')",
    "insert into server_monitoring_agg (param,av) values ('calls', 0.25)",
)


def every_row(url: str) -> dict[str, list[tuple[str, ...]]]:
    """All that an administrator would miss, as text: the two databases type numbers differently."""
    database = Database(url)

    def read(connection: Connection) -> dict[str, list[tuple[str, ...]]]:
        found: dict[str, list[tuple[str, ...]]] = {}
        for group in tables.GROUPS:
            for table in tables.tables_of(group):
                if table.name != "change_log":
                    rows: list[Any] = list(connection.execute(table.select()))
                    found[table.name] = sorted(tuple(str(value) for value in row) for row in rows)
        return found

    try:
        return database.run(read)
    finally:
        database.close()


@pytest.fixture
def new_url(mariadb: MariaDB, tmp_path: Path) -> Iterator[Any]:
    """``new_url(kind)``: the URL of a database of that kind that is not there yet."""
    made: list[str] = []

    def new_url(kind: str) -> str:
        name = f"backup_{uuid.uuid4().hex[:8]}"
        made.append(mariadb.url(name) if kind == "mariadb" else f"sqlite:///{tmp_path / name}.db")
        return made[-1]

    yield new_url
    for url in made:
        schema.drop(url)


@pytest.mark.parametrize("target", ["mariadb", "sqlite"])
@pytest.mark.parametrize("source", ["mariadb", "sqlite"])
def test_what_is_saved_comes_back(new_url: Any, tmp_path: Path, source: str, target: str) -> None:
    first, second, file = new_url(source), new_url(target), tmp_path / "saved"
    schema.create(first, schema.GROUPS)
    database = Database(first)
    for statement in STATEMENTS:
        if source == "sqlite":
            statement = statement.replace("\\\\", "\\")
        database.run(
            lambda c, said=statement: c.exec_driver_sql(
                said.replace("%", "%%") if source == "mariadb" else said
            )
        )
    database.close()
    backup.backup(first, file)
    assert file.stat().st_mode & 0o777 == 0o600
    backup.restore(second, file)
    assert every_row(second) == every_row(first)


def test_a_backup_is_of_one_moment(mariadb: MariaDB, new_url: Any, tmp_path: Path) -> None:
    """Rows that are written while it is made are all in it, or none is."""
    url, file = new_url("mariadb"), tmp_path / "saved"
    schema.create(url)
    database = Database(url)
    name = str(database.url.database)
    saving = backup._save

    def slowly(connection: Connection, table: str, lines: Any, way: Any) -> int:
        mariadb.sql(
            "insert into domain (domain) values (uuid()); insert into subscriber (username) values (uuid())",
            name,
        )
        return saving(connection, table, lines, way)

    backup._save = slowly
    try:
        saved = backup.backup(url, file)
    finally:
        backup._save = saving
        database.close()
    assert saved.rows["domain"] == saved.rows["subscriber"]


def test_a_restore_that_fails_leaves_an_empty_database(
    mariadb: MariaDB, new_url: Any, tmp_path: Path
) -> None:
    """The last of the tables refuses its rows: those that went in before are out again."""
    first, second, file = new_url("mariadb"), new_url("mariadb"), tmp_path / "saved"
    schema.create(first, schema.GROUPS)
    schema.create(second, schema.GROUPS)
    for url in (first, second):
        database = Database(url)
        name = str(database.url.database)
        database.close()
        if url == first:
            mariadb.sql(
                "insert into subscriber (username) values ('10'); insert into uri (uri_user) values ('10')",
                name,
            )
            backup.backup(first, file)
        else:
            mariadb.sql("alter table uri modify uri_user varchar(1) not null", name)
    from appliance.errors import StorageError

    with pytest.raises(StorageError):
        backup.restore(second, file)
    assert mariadb.sql("select count(*) from subscriber", name) == [("0",)]
