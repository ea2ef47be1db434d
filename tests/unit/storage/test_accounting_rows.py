"""Accounted requests as rows, on SQLite; MariaDB's side is tests/wire/test_storage_accounting.py."""

from __future__ import annotations

import pytest

from appliance.storage.accounting_rows import CALL, REQUEST, record_of, spooled, unspooled
from appliance.storage.accounting_sqlite import SqliteAccounting
from appliance.storage.engine import Database
from tests.unit.storage.made import accounted, bye, sql

DURATION = "select state, sip_call_id, src_username, call_start_time, duration from cdrs"
WHOLE = [("answered", "c1", "10", "2023-11-14 22:13:23.500", 60.25)]


@pytest.fixture
def tables(database: Database) -> SqliteAccounting:
    return SqliteAccounting(database)


def test_a_record_has_what_the_columns_want() -> None:
    refused = accounted(status=486, result="busy", missed=True)
    for each, told in ((accounted(), "answered"), (refused, "failed"), (bye(), "over")):
        record = record_of(each)
        assert record.told == told
        assert (len(record.request), len(record.call)) == (len(REQUEST), len(CALL[told]))
    assert record_of(accounted()).call[0] == record_of(bye()).call[0]
    assert record_of(accounted()).key != record_of(bye()).key


def test_the_spool_gives_it_back(database: Database) -> None:
    for each in (accounted(), accounted(status=486, result="busy", missed=True), bye()):
        assert unspooled(spooled(record_of(each))) == record_of(each)


def test_an_answered_call_is_two_requests_and_one_call(database: Database, tables: SqliteAccounting) -> None:
    tables.write([record_of(accounted())])
    assert sql(database, DURATION) == [("answered", "c1", "10", "2023-11-14 22:13:23.500", None)]
    tables.write([record_of(bye())])
    assert sql(database, DURATION) == WHOLE
    told = sql(database, "select method, sip_code, time, src_user, dst_user, account from acc order by id")
    assert told == [
        ("INVITE", "200", "2023-11-14 22:13:23", "10", "11", "10@example.com"),
        ("BYE", "200", "2023-11-14 22:14:24", "11", "10", ""),
    ]
    assert sql(database, "select count(*) from missed_calls") == [(0,)]


@pytest.mark.parametrize("order", [(0, 1, 0, 1), (1, 0), (1, 1, 0, 0)])
def test_order_and_repetition_change_nothing(
    database: Database, tables: SqliteAccounting, order: tuple[int, ...]
) -> None:
    records = [record_of(accounted()), record_of(bye())]
    for index in order:
        tables.write([records[index]])
    tables.write([records[index] for index in order])
    assert sql(database, DURATION) == WHOLE
    assert sql(database, "select count(*) from acc") == [(2,)]


def test_the_first_of_two_byes_ends_the_call(database: Database, tables: SqliteAccounting) -> None:
    other = bye(cseq=3, from_tag="a", to_tag="b", began=1_700_000_090.0)
    tables.write([record_of(accounted()), record_of(bye())])
    tables.write([record_of(other)])
    assert sql(database, DURATION) == WHOLE
    assert sql(database, "select count(*) from acc where method = 'BYE'") == [(2,)]


def test_an_end_whose_beginning_is_lost_is_still_a_call(database: Database, tables: SqliteAccounting) -> None:
    tables.write([record_of(bye())])
    assert sql(database, DURATION) == [("answered", "c1", "", None, None)]


def test_a_missed_call_is_told_twice(database: Database, tables: SqliteAccounting) -> None:
    tables.write([record_of(accounted(status=486, reason="Busy Here", result="busy", missed=True))])
    columns = "method, sip_code, sip_reason, src_user, dst_user"
    expected = [("INVITE", "486", "Busy Here", "10", "11")]
    assert sql(database, f"select {columns} from acc") == expected
    assert sql(database, f"select {columns} from missed_calls") == expected
    over = sql(database, "select state, call_setup_time, call_start_time, call_end_time, duration from cdrs")
    assert over == [("busy", "2023-11-14 22:13:20.250", None, "2023-11-14 22:13:23.500", None)]


def test_two_attempts_with_one_call_id_are_two_calls(database: Database, tables: SqliteAccounting) -> None:
    """Also when the callee gives both the same tag."""
    for cseq in (1, 2):
        tables.write([record_of(accounted(status=486, result="busy", cseq=cseq))])
    tables.write([record_of(accounted(cseq=3))])
    assert sql(database, "select state from cdrs order by cdr_id") == [("busy",), ("busy",), ("answered",)]


def test_text_from_the_wire_fits(database: Database, tables: SqliteAccounting) -> None:
    long = "x" * 400
    odd = accounted(call_id=long, from_tag=long, to_tag=long, reason="\udcff" + long, src_user=long)
    odd = odd._replace(src_domain=long, dst_user=long, dst_ouser=long, dst_domain=long, account=long)
    tables.write([record_of(odd)])
    ((length, reason),) = sql(database, "select length(callid), sip_reason from acc")
    assert length == 255
    assert reason == "\uf7ff" + "x" * 127
