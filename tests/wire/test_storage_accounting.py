"""Accounting on a real MariaDB; the rows themselves are tests/unit/storage/test_accounting_rows.py."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

import pytest

from appliance.storage import schema
from appliance.storage.accounting_cleaning import AccountingCleaner
from appliance.storage.accounting_mariadb import MariaAccounting
from appliance.storage.accounting_rows import record_of
from appliance.storage.administration.calls import Wanted, calls, of_call_id
from appliance.storage.channel import Channel
from appliance.storage.engine import Database
from tests.harness.mariadb import MariaDB
from tests.unit.storage.made import accounted, bye, sql

pytestmark = pytest.mark.mariadb

EVIL = "it's \\ \"quoted\" %s '),('x 電話 \N{GRINNING FACE} \t \udcff \0"
DURATION = "select state, sip_call_id, src_username, cast(duration as char) from cdrs"


class Books(NamedTuple):
    tables: MariaAccounting
    database: Database
    name: str


@pytest.fixture
def books(mariadb: MariaDB) -> Iterator[Books]:
    name = f"accounting_{uuid.uuid4().hex[:8]}"
    schema.create(mariadb.url(name))
    database = Database(mariadb.url(name))
    channel = Channel(database)
    yield Books(MariaAccounting(channel), database, name)
    channel.close()
    database.close()
    mariadb.sql(f"drop database {name}")


@pytest.mark.parametrize("order", [(0, 1), (1, 0), (1, 1, 0, 0), (0, 1, 0, 1)])
def test_order_and_repetition_change_nothing(books: Books, order: tuple[int, ...]) -> None:
    records = [record_of(accounted()), record_of(bye())]
    for index in order:
        books.tables.write([records[index]])
    books.tables.write([records[index] for index in order])
    assert sql(books.database, DURATION) == [("answered", "c1", "10", "60.250")]
    assert sql(books.database, "select count(*) from acc") == [(2,)]


def test_whatever_stands_in_a_message_is_kept(books: Books) -> None:
    told = accounted(dialog="d", call_id=EVIL, from_tag="'", to_tag="\\", reason=EVIL, src_user=EVIL)
    told = told._replace(dst_user="a','b")
    books.tables.write([record_of(told), record_of(accounted(call_id="plain"))])
    kept = EVIL.replace("\udcff", "\uf7ff")
    columns = "callid, from_tag, to_tag, sip_reason, src_user, dst_user"
    assert sql(books.database, f"select {columns} from acc where callid <> 'plain'") == [
        (kept, "'", "\\", kept, kept, "a','b")
    ]
    assert sql(books.database, "select count(*) from cdrs") == [(2,)]


def test_a_missed_call_and_an_end_without_a_beginning(books: Books) -> None:
    refused = accounted(call_id="m", status=486, reason="Busy Here", result="busy", missed=True)
    books.tables.write([record_of(refused), record_of(bye(call_id="half"))])
    assert sql(books.database, "select callid, sip_code from missed_calls") == [("m", "486")]
    assert sql(books.database, "select state, sip_call_id, call_start_time from cdrs order by state") == [
        ("answered", "half", None),
        ("busy", "m", None),
    ]


def test_the_administrators_questions(books: Books) -> None:
    busy = accounted(call_id="c2", status=486, result="busy", began=1_700_000_100.0)
    books.tables.write([record_of(each) for each in (accounted(), bye(), busy)])
    found = calls(books.database, Wanted(username="11", domain="EXAMPLE.com"))
    assert [(row["sip_call_id"], row["duration"]) for row in found] == [("c2", None), ("c1", 60.25)]
    assert str(found[1]["call_start_time"]) == "2023-11-14 22:13:23.500000"
    since = datetime.fromisoformat("2023-11-14 22:14:00")
    assert [row["sip_call_id"] for row in calls(books.database, Wanted(since=since))] == ["c2"]
    found, requests = of_call_id(books.database, "c1")
    assert [row["state"] for row in found] == ["answered"]
    assert [row["method"] for row in requests] == ["INVITE", "BYE"]


def test_old_rows_go(books: Books) -> None:
    now = 1_800_000_000.0
    for number in range(3):
        when = now - number * 10 * 86_400
        books.tables.write([record_of(accounted(call_id=f"c{number}", began=when, ended=when))])
    cleaner = AccountingCleaner(books.database, 15, lambda level, message: None, lambda: now)
    assert cleaner.clean(pause=0) == 2
    assert sql(books.database, "select sip_call_id from cdrs order by cdr_id") == [("c0",), ("c1",)]


def test_the_tables_of_openser_stay_and_get_what_is_new(books: Books, mariadb: MariaDB) -> None:
    """As OpenSER's script made them, and with a column that an administrator has added."""
    for table in ("acc", "missed_calls"):
        mariadb.sql(f"drop table {table}", books.name)
        mariadb.sql(
            f"create table {table} (id int unsigned auto_increment primary key, method varchar(16) not null,"
            " from_tag varchar(64) not null, to_tag varchar(64) not null, callid varchar(128) not null,"
            " sip_code char(3) not null, sip_reason varchar(32) not null, time datetime not null,"
            f" src_user varchar(64) not null default '', key {table}_callid (callid)) engine=InnoDB",
            books.name,
        )
    mariadb.sql("drop table cdrs", books.name)
    old = "('INVITE', 'a', 'b', 'old', '200', 'OK', '2007-04-22 18:46:09', 'alice')"
    columns = "method, from_tag, to_tag, callid, sip_code, sip_reason, time, src_user"
    mariadb.sql(f"insert into acc ({columns}) values {old}, {old}", books.name)
    mariadb.sql(
        "update alembic_version set version_num = 'core_0004' where version_num like 'core%'", books.name
    )
    assert schema.upgrade(mariadb.url(books.name))[0] == "core_0005"
    books.tables.write([record_of(accounted())])
    books.tables.write([record_of(accounted())])
    told = sql(books.database, "select callid, src_user, dst_user, ruid is null from acc order by id")
    assert told == [("old", "alice", "", 1), ("old", "alice", "", 1), ("c1", "10", "11", 0)]
