"""On SQLite; MariaDB's side is tests/wire/test_storage_schema.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from appliance.errors import DatabaseRefused
from appliance.storage import schema
from appliance.storage.engine import Database
from tests.unit.storage.made import sql


def test_made_twice_nothing_changes(url: str) -> None:
    assert schema.create(url, schema.GROUPS) == [
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
    assert schema.create(url, schema.GROUPS) == []
    assert schema.upgrade(url) == []
    assert schema.status(url).ready


def test_only_the_owner_reads_the_file(url: str, tmp_path: Path) -> None:
    schema.create(url)
    assert (tmp_path / "sipbox.db").stat().st_mode & 0o777 == 0o600


def test_status_says_what_is_there(url: str) -> None:
    assert "'sipbox database create' makes it" in str(schema.status(url).problem)
    schema.create(url, ["extra"])
    status = schema.status(url)
    assert status.ready
    assert status.groups == {"core": "core_0008", "phones": "phones_0001", "extra": "extra_0001"}
    assert status.rows["subscriber"] == 0
    assert status.settings == {"journal_mode": "wal", "synchronous": "2"}


def test_an_older_database_is_brought_up_to_date(url: str) -> None:
    schema.create(url)
    database = Database(url)
    sql(database, "insert into subscriber (username) values ('10')")
    sql(database, "drop trigger subscriber_insert_logged")
    sql(database, "alter table subscriber drop column managed_by")
    sql(database, "alter table subscriber drop column ha1_sha512_256")
    sql(database, "update alembic_version set version_num = 'core_0001' where version_num = 'core_0008'")
    assert schema.status(url).pending == [
        "core_0002",
        "core_0003",
        "core_0004",
        "core_0005",
        "core_0006",
        "core_0007",
        "core_0008",
    ]
    assert schema.upgrade(url) == [
        "core_0002",
        "core_0003",
        "core_0004",
        "core_0005",
        "core_0006",
        "core_0007",
        "core_0008",
    ]
    sql(database, "insert into subscriber (username) values ('11')")
    assert [row[0] for row in sql(database, "select username from change_log")] == ["10", "11"]
    database.close()


def test_a_database_from_before_the_phones_gets_them(url: str) -> None:
    schema.create(url)
    database = Database(url)
    sql(database, "delete from alembic_version where version_num like 'phones%'")
    for table in ("phone", "phone_line", "phone_seen"):
        sql(database, f"drop table {table}")
    assert schema.status(url).pending == ["phones_0001"]
    assert schema.upgrade(url) == ["phones_0001"]
    assert schema.status(url).ready
    database.close()


def test_a_failed_step_is_mended_and_run_again(url: str) -> None:
    schema.create(url)
    database = Database(url)
    sql(database, "update alembic_version set version_num = 'core_0001' where version_num = 'core_0008'")
    sql(database, "alter table address rename to elsewhere")
    sql(database, "create view address as select 1 as id")
    with pytest.raises(DatabaseRefused, match="run 'sipbox database upgrade' again"):
        schema.upgrade(url)
    sql(database, "drop view address")
    sql(database, "alter table elsewhere rename to address")
    schema.upgrade(url)
    assert schema.status(url).ready
    database.close()


def test_there_has_to_be_something_to_upgrade(url: str) -> None:
    with pytest.raises(DatabaseRefused, match="'sipbox database create' makes it"):
        schema.upgrade(url)


def test_groups_have_names(url: str) -> None:
    with pytest.raises(DatabaseRefused, match="there is no group 'everything'"):
        schema.create(url, ["everything"])


def test_drop_leaves_nothing(url: str, tmp_path: Path) -> None:
    schema.create(url)
    schema.drop(url)
    schema.drop(url)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_file_is_said(url: str, tmp_path: Path) -> None:
    (tmp_path / "sipbox.db").write_bytes(b"this is no database" * 1000)
    status = schema.status(url)
    assert not status.ready
    assert "restore a backup" in str(status.problem)


def test_a_later_versions_database_serves_and_stays_as_it_is(url: str) -> None:
    """A release works with what the next one adds, so that going back needs no step down."""
    schema.create(url)
    database = Database(url)
    sql(database, "update alembic_version set version_num = 'core_9999' where version_num like 'core%'")
    sql(database, "insert into alembic_version values ('media_0001')")
    assert schema.status(url).ready
    assert schema.upgrade(url) == []
    assert schema.create(url) == []
    with pytest.raises(DatabaseRefused, match="a later version of sipbox made this database"):
        schema.create(url, ["extra"])
    assert ("core_9999",) in sql(database, "select version_num from alembic_version")
    database.close()


def test_call_records_of_openser_stay_and_get_the_new_columns(url: str) -> None:
    """Also where the administrator has added some of these columns by himself."""
    schema.create(url)
    database = Database(url)
    for table in ("acc", "missed_calls"):
        sql(database, f"drop index {table}_callid")
        sql(database, f"create index {table}_callid on {table} (callid)")
        for column in ("src_domain", "src_ip", "dst_ouser", "dst_user", "dst_domain", "account", "ruid"):
            sql(database, f"alter table {table} drop column {column}")
    sql(database, "drop table cdrs")
    two = "('INVITE', 'a', 'alice'), ('BYE', 'a', '')"
    sql(database, f"insert into acc (method, callid, src_user) values {two}")
    sql(database, "update alembic_version set version_num = 'core_0004' where version_num like 'core%'")
    assert schema.upgrade(url)[0] == "core_0005"
    assert schema.status(url).ready
    kept = sql(database, "select method, callid, src_user, dst_user, ruid from acc")
    assert kept == [("INVITE", "a", "alice", "", None), ("BYE", "a", "", "", None)]
    assert sql(database, "select sql from sqlite_master where name = 'acc_callid'") == [
        ("CREATE UNIQUE INDEX acc_callid ON acc (callid, ruid)",)
    ]
    database.close()


def test_the_duration_of_a_call_is_computed(url: str) -> None:
    schema.create(url)
    database = Database(url)
    times = "'2026-11-29 10:00:00.250', '2026-11-29 10:01:01.500'"
    sql(database, f"insert into cdrs (dialog, call_start_time, call_end_time) values ('a', {times})")
    sql(database, "insert into cdrs (dialog, call_start_time) values ('b', '2026-11-29 10:00:00')")
    assert sql(database, "select dialog, duration from cdrs order by dialog") == [("a", 61.25), ("b", None)]
    database.close()
