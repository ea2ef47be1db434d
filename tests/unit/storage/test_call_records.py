from __future__ import annotations

from pathlib import Path
from typing import Any

import gevent
import msgspec
import pytest

from appliance.config import Settings
from appliance.storage.call_records import CallRecords, spool_name
from appliance.storage.directory import Directory
from appliance.storage.engine import Database
from appliance.telemetry.journal import Journal
from appliance.telemetry.metrics import Metrics
from tests.unit.storage.made import accounted, sql

JOURNAL = Journal(lambda level, message, fields: None)


def settings(directory: Path, url: str, **accounting: Any) -> Settings:
    given = {"sip": {"state_dir": str(directory)}, "database": {"url": url}, "accounting": accounting}
    return msgspec.convert(given, Settings)


def samples(metrics: Metrics, name: str) -> dict[str, Any]:
    return {labels[0]: number for labels, number in metrics.snapshot()[name]}


def test_what_is_put_into_the_ledger_becomes_rows(database: Database, url: str, tmp_path: Path) -> None:
    metrics = Metrics()
    records = CallRecords(settings(tmp_path, url, gather_ms=10), database, metrics, JOURNAL, 1)
    records.start()
    records.ledger.put(accounted())
    assert samples(metrics, "sipbox_accounting_waiting") == {"memory": 1, "disk": 0}
    records.stop()
    assert sql(database, "select state from cdrs") == [("answered",)]
    assert samples(metrics, "sipbox_accounting_requests_total")["written"] == 1
    assert samples(metrics, "sipbox_accounting_waiting") == {"memory": 0, "disk": 0}


@pytest.mark.parametrize(("worker", "days", "left"), [(1, 30, 0), (2, 30, 1), (1, 0, 1)])
def test_the_first_worker_removes_old_rows_when_that_is_wanted(
    database: Database, url: str, tmp_path: Path, worker: int, days: int, left: int
) -> None:
    sql(database, "insert into acc (callid, time) values ('old', '2007-04-22 18:46:09')")
    wanted = settings(tmp_path, url, retention_days=days)
    records = CallRecords(wanted, database, Metrics(), JOURNAL, worker)
    records.start()
    with gevent.Timeout(10, False):
        while sql(database, "select count(*) from acc") != [(left,)]:
            gevent.sleep(0.01)
    records.stop()
    assert sql(database, "select count(*) from acc") == [(left,)]


def test_each_worker_has_a_spool_of_its_own() -> None:
    assert [spool_name(worker) for worker in (1, 2, 3)] == [
        "accounting.db", "accounting-2.db", "accounting-3.db",
    ]  # fmt: skip


def test_it_can_be_off(database: Database, url: str, tmp_path: Path) -> None:
    directory = Directory(settings(tmp_path, url, enabled=False), Metrics(), JOURNAL)
    assert directory.call_records is None
    assert directory.spooled() == 0
    assert Directory(settings(tmp_path, url), Metrics(), JOURNAL).call_records is not None
