"""The database as a whole on a real MariaDB: made twice, brought up to date, refused, removed."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import text
from sqlalchemy.engine import Connection, make_url

from appliance.config import Settings
from appliance.errors import DatabaseRefused, DuplicateRow, RowRefused
from appliance.registrar.locations import Locations
from appliance.storage import schema, tables
from appliance.storage.directory import Directory
from appliance.storage.durability import assert_durable
from appliance.storage.engine import Database
from appliance.telemetry.journal import Journal
from appliance.telemetry.metrics import Metrics
from tests.harness.mariadb import MariaDB, MariaDBFailed

pytestmark = [
    pytest.mark.mariadb,
    # PyMySQL leaves the socket of a connection that could not be made to the garbage collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def url(mariadb: MariaDB) -> Iterator[str]:
    """The URL of a database that is not there yet."""
    url = mariadb.url(f"schema_{uuid.uuid4().hex[:8]}")
    yield url
    schema.drop(url)


@pytest.fixture(scope="module")
def database(mariadb: MariaDB) -> Iterator[Database]:
    """A database with everything in it, for the tests that need none of their own."""
    url = mariadb.url("schema_shared")
    schema.create(url, schema.GROUPS)
    database = Database(url)
    yield database
    database.close()
    schema.drop(url)


def layout(server: MariaDB, url: str) -> str:
    """Every table and trigger as the server would make it again."""
    name = make_url(url).database
    wanted = sorted(row[0] for row in server.sql("show tables", name))
    made = "".join(server.client(f"show create table `{each}`\\G", database=name) for each in wanted)
    triggers = server.sql("select trigger_name, action_statement from information_schema.triggers", name)
    return re.sub(r" AUTO_INCREMENT=\d+", "", made) + str(sorted(triggers))


def test_made_twice_nothing_changes(mariadb: MariaDB, url: str) -> None:
    done = schema.create(url, schema.GROUPS)
    assert done == [
        "core_0001",
        "core_0002",
        "core_0003",
        "core_0004",
        "core_0005",
        "core_0006",
        "core_0007",
        "core_0008",
        "phones_0001",
        "presence_0001",
        "extra_0001",
        "serweb_0001",
    ]
    before = layout(mariadb, url)
    assert schema.create(url, schema.GROUPS) == []
    assert schema.upgrade(url) == []
    assert layout(mariadb, url) == before


def test_every_step_can_run_again(mariadb: MariaDB, url: str) -> None:
    """A step that failed half-way is run from its beginning; here all of them find everything there."""
    steps = schema.create(url, schema.GROUPS)
    name = make_url(url).database
    before = layout(mariadb, url)
    mariadb.sql("insert into subscriber (username) values ('10')", name)
    mariadb.sql("delete from alembic_version", name)
    assert schema.create(url, schema.GROUPS) == steps
    assert layout(mariadb, url) == before
    assert mariadb.sql("select id, username from subscriber", name) == [("2", "10")]


def test_groups_are_made_as_asked_for(mariadb: MariaDB, url: str) -> None:
    schema.create(url)
    name = make_url(url).database
    there = {row[0] for row in mariadb.sql("show tables", name)}
    made = {each.name for group in ("core", "phones") for each in tables.tables_of(group)}
    assert there == made | {"alembic_version"}
    assert schema.upgrade(url, groups=["extra"]) == ["extra_0001"]
    assert "cpl" in {row[0] for row in mariadb.sql("show tables", name)}
    assert schema.status(url).groups == {"core": "core_0008", "phones": "phones_0001", "extra": "extra_0001"}
    with pytest.raises(DatabaseRefused, match="core, phones, presence, extra, serweb"):
        schema.create(url, ["serwebb"])


def test_a_failed_step_leaves_a_usable_database_and_says_what_to_do(mariadb: MariaDB, url: str) -> None:
    """The triggers cannot be made, because a table is in the way; everything before is in place."""
    name = str(make_url(url).database)
    mariadb.sql(f"create database {name} character set utf8mb4 collate utf8mb4_nopad_bin")
    mariadb.sql("create view address as select 1 as id", name)
    with pytest.raises(DatabaseRefused) as raised:
        schema.create(url)
    assert "run 'sipbox database upgrade' again" in str(raised.value)
    assert "core_0001" in str(raised.value)
    mariadb.sql("insert into subscriber (username, password) values ('10', 'abc10')", name)
    assert not schema.status(url).ready

    mariadb.sql("drop view address", name)
    schema.create(url)
    assert schema.status(url).ready
    assert mariadb.sql("select username from subscriber", name) == [("10",)]


def test_the_service_gets_rows_and_no_more(mariadb: MariaDB, url: str) -> None:
    ours = (
        make_url(url).set(username="sipbox", password="a 'q' % \\ word").render_as_string(hide_password=False)
    )
    schema.create(ours, admin_url=url, reader="watcher", reader_password="only-looks")
    database = Database(ours)
    database.run(lambda c: c.execute(text("insert into subscriber (username) values ('10')")))
    with pytest.raises(DatabaseRefused, match="lacks a right"):
        database.run(lambda c: c.execute(text("create table mine (id int)")))
    database.close()
    watching = Database(make_url(url).set(username="watcher", password="only-looks"))
    assert watching.run(lambda c: c.execute(text("select username from subscriber")).all()) == [("10",)]
    with pytest.raises(DatabaseRefused, match="lacks a right"):
        watching.run(lambda c: c.execute(text("delete from subscriber")))
    watching.close()
    mariadb.sql("drop user sipbox@localhost; drop user watcher@localhost")


def test_by_the_socket_the_agent_has_a_user_of_its_own(mariadb: MariaDB, url: str) -> None:
    ours = make_url(url).set(username="sipbox")
    schema.create(ours, admin_url=url)
    schema.upgrade(ours, admin_url=url)
    name = make_url(url).database
    rows = mariadb.sql(
        "select table_name, group_concat(privilege_type order by privilege_type)"
        " from information_schema.table_privileges where grantee = \"'sipbox-agent'@'localhost'\" group by 1"
    )
    assert rows == [
        ("phone", "SELECT,UPDATE"),
        ("phone_line", "SELECT"),
        ("phone_seen", "DELETE,INSERT,SELECT,UPDATE"),
    ]
    for account, rights in (("sipbox", f"`{name}`"), ("sipbox-agent", None)):
        told = mariadb.client(f"show grants for `{account}`@localhost")
        assert "IDENTIFIED VIA unix_socket" in told
        assert "GRANT USAGE ON *.*" in told
        assert (rights is not None) == (".* TO" in told.replace("*.* TO", ""))
    mariadb.sql("drop user sipbox@localhost; drop user `sipbox-agent`@localhost")


def test_a_table_that_somebody_removed_is_made_again(mariadb: MariaDB, url: str) -> None:
    schema.create(url)
    before = layout(mariadb, url)
    name = make_url(url).database
    mariadb.sql("drop table domain; drop table acc", name)
    assert schema.status(url).missing == ["acc", "domain"]
    schema.upgrade(url)
    assert schema.status(url).ready
    assert layout(mariadb, url) == before


def test_what_is_wrong_is_said(mariadb: MariaDB, url: str) -> None:
    assert "'sipbox database create' makes it" in str(schema.status(url).problem)
    with pytest.raises(DatabaseRefused, match="'sipbox database create' makes it"):
        schema.upgrade(url)
    stranger = make_url(url).set(username="nobody", password="wrong-secret")
    status = schema.status(stranger)
    assert not status.reachable
    assert "correct [database] url" in str(status.problem)
    assert "wrong-secret" not in str(status)
    away = make_url(url).set(query={"unix_socket": "/nonexistent/mariadb.sock"})
    assert "away" in str(schema.status(away).problem)


def test_drop_removes_it_and_nothing_else(mariadb: MariaDB, url: str) -> None:
    schema.create(url)
    schema.drop(url)
    schema.drop(url)
    assert make_url(url).database not in {row[0] for row in mariadb.sql("show databases")}


def test_durable_settings_are_asked_for(mariadb: MariaDB, database: Database) -> None:
    assert assert_durable(database)["innodb_flush_log_at_trx_commit"] == "1"
    mariadb.sql("set global innodb_flush_log_at_trx_commit=2")
    try:
        with pytest.raises(DatabaseRefused, match="innodb_flush_log_at_trx_commit is 2, set it to 1"):
            assert_durable(database)
    finally:
        mariadb.sql("set global innodb_flush_log_at_trx_commit=1")


def test_usernames_compare_byte_by_byte_and_domains_without_case(database: Database) -> None:
    def add(username: str, domain: str) -> None:
        values = {"u": username, "d": domain}
        database.run(
            lambda c: c.execute(text("insert into subscriber (username, domain) values (:u, :d)"), values)
        )

    def found(username: str, domain: str) -> int:
        values = {"u": username, "d": domain}
        query = text("select count(*) from subscriber where username = :u and domain = :d")
        return database.run(lambda c: c.execute(query, values).scalar_one())

    for username in ("alice", "Alice", "alice ", "älice", "al\N{GRINNING FACE}ce"):
        add(username, "example.com")
    assert [found(u, "EXAMPLE.com") for u in ("alice", "Alice", "alice ", "ALICE", "alice  ")] == [
        1,
        1,
        1,
        0,
        0,
    ]
    with pytest.raises(DuplicateRow):
        add("alice", "Example.COM")


def test_nothing_is_cut_silently(database: Database) -> None:
    """Neither by our sessions, whatever the server's mode is, nor by the seed's."""

    def insert(connection: Connection) -> None:
        connection.execute(text("insert into subscriber (username) values (:u)"), {"u": "x" * 65})

    with pytest.raises(RowRefused, match="too long"):
        database.run(insert)


def test_the_longest_keys_fit(database: Database) -> None:
    wide = {"u": "\N{GRINNING FACE}" * 64, "d": "d" * 128, "c": "sip:" + "c" * 2044}
    database.run(
        lambda c: c.execute(
            text("insert into location (username, domain, contact, path) values (:u,:d,:c,:c)"), wide
        )
    )
    assert (
        database.run(lambda c: c.execute(text("select length(contact) from location")).scalar_one()) == 2048
    )


def test_another_client_sees_utc(mariadb: MariaDB, database: Database) -> None:
    name = database.url.database
    mariadb.sql("set time_zone='+09:00'; insert into domain (domain) values ('x.org')", name)
    ((seconds,),) = mariadb.sql(
        "select abs(timestampdiff(second, last_modified, utc_timestamp())) from domain", name
    )
    assert int(seconds) < 60


def test_a_wrong_statement_is_the_clients_own_fault(mariadb: MariaDB) -> None:
    with pytest.raises(MariaDBFailed, match="1146"):
        mariadb.sql("select * from nowhere", "mysql")


def test_a_server_says_when_its_answers_are_not_durable(mariadb: MariaDB, url: str, tmp_path: Path) -> None:
    """It starts all the same, and the administrator reads why a power cut would cost bindings."""
    schema.create(url)
    settings = msgspec.convert({"database": {"url": url}, "sip": {"state_dir": str(tmp_path)}}, Settings)
    told: list[tuple[str, str]] = []
    mariadb.sql("set global innodb_flush_log_at_trx_commit=2")
    try:
        directory = Directory(
            settings, Metrics(), Journal(lambda level, message, _: told.append((level, message)))
        )
        directory.start(Locations())
        directory.stop()
    finally:
        mariadb.sql("set global innodb_flush_log_at_trx_commit=1")
    assert any(level == "warning" and "innodb_flush_log_at_trx_commit is 2" in text for level, text in told)
