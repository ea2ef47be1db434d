from __future__ import annotations

from appliance.storage.accounting_cleaning import AccountingCleaner
from appliance.storage.accounting_rows import record_of
from appliance.storage.accounting_sqlite import SqliteAccounting
from appliance.storage.engine import Database
from tests.unit.storage.made import accounted, bye, sql

DAY = 86_400.0


def test_what_is_older_than_the_days_goes(database: Database) -> None:
    now = 1_800_000_000.0
    calls = []
    for number in range(1100):
        when = now - (20 * DAY if number < 1050 else 3 * DAY)
        told = accounted(
            call_id=f"c{number}", began=when, ended=when + 1, status=486, result="busy", missed=True
        )
        calls.append(record_of(told))
    lost_beginning = bye(call_id="lost", began=now - 20 * DAY, ended=now - 20 * DAY)
    SqliteAccounting(database).write([*calls, record_of(lost_beginning)])
    said: list[str] = []
    cleaner = AccountingCleaner(database, 7, lambda level, message: said.append(message), lambda: now)
    assert cleaner.clean(pause=0) == 3 * 1050 + 2
    for table in ("acc", "missed_calls", "cdrs"):
        assert sql(database, f"select count(*) from {table}") == [(50,)]
    assert cleaner.clean(pause=0) == 0
    assert said == []
