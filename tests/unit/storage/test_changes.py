from __future__ import annotations

from typing import Any

import pytest

from appliance.errors import StorageError
from appliance.storage.changes import Change, ChangeLog
from appliance.storage.engine import Database
from appliance.storage.triggers import WATCHED, trigger_names
from tests.unit.storage.made import Clock, sql


@pytest.fixture
def log(database: Database, clock: Clock) -> ChangeLog:
    log = ChangeLog(database, clock=clock)
    log.poll()
    return log


def write(database: Database, *numbers: int) -> None:
    """Entries with these numbers, as transactions that are committed now would show them."""
    for number in numbers:
        sql(
            database,
            f"insert into change_log (id, table_name, username) values ({number}, 'subscriber', '{number}')",
        )


def numbers(changes: list[Change]) -> list[int]:
    return [int(change.username) for change in changes]


def test_every_change_of_a_subscriber_is_told(database: Database, log: ChangeLog) -> None:
    told: list[Change] = []
    log.tell.append(told.extend)
    sql(database, "insert into subscriber (username, domain) values ('10', 'Example.COM')")
    sql(database, "update subscriber set password = 'new'")
    sql(database, "update subscriber set username = '11'")
    sql(database, "delete from subscriber")
    log.poll()
    assert told == [
        Change("subscriber", "10", "example.com"),
        Change("subscriber", "10", "example.com"),
        Change("subscriber", "10", "example.com"),
        Change("subscriber", "11", "example.com"),
        Change("subscriber", "11", "example.com"),
    ]
    assert log.poll() == []


@pytest.mark.parametrize("table", sorted(WATCHED))
def test_every_watched_table_tells(database: Database, log: ChangeLog, table: str) -> None:
    key = "grp_id" if table == "gw_grp" else "id"
    sql(database, f"insert into `{table}` ({key}) values (7)")
    sql(database, f"update `{table}` set {key} = 8")
    sql(database, f"delete from `{table}`")
    assert [change.table for change in log.poll()] == [table] * 3


def test_all_triggers_are_there(database: Database) -> None:
    there = {name for (name,) in sql(database, "select name from sqlite_master where type = 'trigger'")}
    assert there == trigger_names()


def test_a_rolled_back_change_is_not_told(database: Database, log: ChangeLog) -> None:
    def work(connection: Any) -> None:
        connection.exec_driver_sql("insert into subscriber (username) values ('10')")
        raise StorageError("no")

    with pytest.raises(StorageError):
        database.run(work)
    assert log.poll() == []


def test_a_number_that_appears_late_is_not_missed(database: Database, log: ChangeLog) -> None:
    """Its transaction was open while others were committed."""
    write(database, 1, 2, 6)
    assert numbers(log.poll()) == [1, 2, 6]
    write(database, 4)
    assert numbers(log.poll()) == [4]
    write(database, 3, 5, 7)
    assert numbers(log.poll()) == [3, 5, 7]
    assert log.poll() == []


def test_a_gap_is_watched_for_a_minute(database: Database, log: ChangeLog, clock: Clock) -> None:
    write(database, 1, 5)
    log.poll()
    clock.advance(59)
    write(database, 2)
    assert numbers(log.poll()) == [2]
    clock.advance(2)
    log.poll()
    assert log._gaps == {}
    assert log.poll() == []


def test_too_many_gaps_cost_queries_but_nothing_is_missed(
    database: Database, log: ChangeLog, clock: Clock
) -> None:
    forgotten: list[bool] = []
    log.tell_all.append(lambda: forgotten.append(True))
    write(database, *range(1, 400, 3))
    log.poll()
    assert not forgotten
    write(database, 2)  # is not seen any more …
    assert log.poll() == []
    clock.advance(61)
    log.poll()
    assert forgotten == [True]  # … but everything is read again


def test_after_a_long_silence_everything_is_forgotten(
    database: Database, log: ChangeLog, clock: Clock
) -> None:
    """The entries may have been removed meanwhile."""
    forgotten: list[bool] = []
    log.tell_all.append(lambda: forgotten.append(True))
    clock.advance(1700)
    log.poll()
    assert not forgotten
    clock.advance(1900)
    log.poll()
    assert forgotten == [True]


def test_reading_begins_a_little_before_the_end(database: Database, clock: Clock) -> None:
    """What was written just before may have been overtaken by what we have read already."""
    write(database, *range(1, 800))
    late = ChangeLog(database, clock=clock)
    assert numbers(late.poll()) == list(range(300, 800))


def test_a_very_long_log_is_read_in_pieces(database: Database, log: ChangeLog) -> None:
    rows = ",".join(f"('{n}')" for n in range(5000))
    sql(database, f"insert into subscriber (username) values {rows}")
    assert len(log.poll()) == 5000


def test_old_entries_are_removed(database: Database, log: ChangeLog, clock: Clock) -> None:
    write(database, 1, 2)
    sql(database, "update change_log set changed = datetime('now', '-2 hours') where id = 1")
    clock.advance(601)
    log.poll()
    assert sql(database, "select id from change_log") == [(2,)]


def test_who_fails_does_not_keep_the_others_from_hearing(database: Database, log: ChangeLog) -> None:
    told: list[Change] = []

    def fails(changes: list[Change]) -> None:
        raise StorageError("away")

    log.tell += [fails, told.extend]
    write(database, 1)
    with pytest.raises(StorageError):
        log.poll()
    assert numbers(told) == [1]
