from __future__ import annotations

import threading
from pathlib import Path

import gevent
import pymysql.err
import pytest
from sqlalchemy.engine import Connection

from appliance.errors import DatabaseRefused, DatabaseUnavailable, DuplicateRow
from appliance.storage.durability import assert_durable
from appliance.storage.engine import Database
from tests.unit.storage.made import sql

DEADLOCK = pymysql.err.OperationalError(1213, "Deadlock found when trying to get lock")


def test_work_is_committed_or_not_at_all(database: Database) -> None:
    def work(connection: Connection) -> None:
        connection.exec_driver_sql("insert into domain (domain) values ('a.org')")
        raise LookupError("no")

    with pytest.raises(LookupError):
        database.run(work)
    assert sql(database, "select * from domain") == []


def test_sqlite_never_runs_in_the_loop(database: Database) -> None:
    """All calls are in one other thread, and the loop goes on meanwhile."""
    threads = {database.run(lambda _: threading.get_native_id()) for _ in range(3)}
    assert len(threads) == 1
    assert threads != {threading.get_native_id()}

    ticks = 0

    def tick() -> None:
        nonlocal ticks
        while True:
            ticks += 1
            gevent.sleep(0)

    ticking = gevent.spawn(tick)
    numbers = "with recursive n(x) as (select 1 union all select x + 1 from n where x < 300000)"
    sql(database, f"{numbers} select max(x) from n")
    ticking.kill()
    assert ticks > 10


def test_a_deadlocks_victim_runs_again(database: Database) -> None:
    tries = 0

    def work(connection: Connection) -> int:
        nonlocal tries
        tries += 1
        if tries < 4:
            raise DEADLOCK
        return tries

    assert database.run(work) == 4


def test_a_victim_for_ever_is_given_up(database: Database) -> None:
    def work(connection: Connection) -> None:
        raise DEADLOCK

    with pytest.raises(DatabaseUnavailable, match="too busy"):
        database.run(work)


def test_queries_are_counted_by_name_and_result(database: Database) -> None:
    seen: list[tuple[str, str]] = []
    database.on_query.append(lambda name, result, seconds: seen.append((name, result)))
    database.run(lambda connection: connection.exec_driver_sql("select 1"), "one")
    with pytest.raises(DatabaseRefused):
        database.run(lambda connection: connection.exec_driver_sql("select * from nowhere"), "two")
    sql(database, "insert into domain (domain) values ('a.org')")
    with pytest.raises(DuplicateRow):
        database.run(lambda c: c.exec_driver_sql("insert into domain (domain) values ('A.org')"), "three")
    assert ("one", "ok") in seen
    assert ("two", "refused") in seen
    assert database.counters["three", "failed"] == 1
    assert database.seconds["one"] > 0


def test_an_outage_is_noticed_and_its_end_too(database: Database, url: str, tmp_path: Path) -> None:
    heard: list[bool] = []
    lost = Database(f"sqlite:///{tmp_path / 'not there' / 'sipbox.db'}")
    lost.on_change.append(heard.append)
    assert not lost.watch()
    assert lost.last_error is not None
    before = lost.counters["one", "ok"]
    with pytest.raises(DatabaseUnavailable):
        lost.run(lambda connection: connection.exec_driver_sql("select 1"), "one")
    assert lost.counters["one", "unavailable"] == 1
    assert lost.counters["one", "ok"] == before
    (tmp_path / "not there").mkdir()
    with gevent.Timeout(10):
        while not lost.available:
            gevent.sleep(0.01)
    assert heard == [False, True]
    assert lost.last_error is None
    assert lost.run(lambda connection: connection.exec_driver_sql("select 1").scalar()) == 1
    lost.close()


def test_the_url_without_its_password() -> None:
    database = Database("mysql+pymysql://sipbox:a-secret@localhost/openser")
    assert "a-secret" not in database.safe_url
    assert "a-secret" not in repr(database)
    database.close()


def test_other_databases_are_refused() -> None:
    with pytest.raises(DatabaseRefused, match="use mysql\\+pymysql or sqlite"):
        Database("postgresql://localhost/openser")


def test_sqlite_is_durable(database: Database) -> None:
    assert assert_durable(database) == {"journal_mode": "wal", "synchronous": "2"}
    database.call(lambda: database.engine.raw_connection().cursor().execute("PRAGMA synchronous=NORMAL"))
    with pytest.raises(DatabaseRefused, match="synchronous is 1, set it to 2"):
        assert_durable(database)


def test_waits_for_a_connection_are_told(database: Database) -> None:
    waits: list[float] = []
    database.on_wait = waits.append
    sql(database, "select 1")
    assert len(waits) == 1
    assert set(database.connections) == {"busy", "idle"}
