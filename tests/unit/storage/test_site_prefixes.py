from __future__ import annotations

from appliance.storage.changes import Change
from appliance.storage.engine import Database
from appliance.storage.site_prefixes import Rows, SitePrefixes
from tests.unit.storage.made import sql


def test_watchers_are_told_the_rows_and_each_change(database: Database) -> None:
    sql(database, "insert into pdt (sdomain, prefix, domain) values ('Example.org', '77', 'Branch.example')")
    told: list[Rows] = []
    prefixes = SitePrefixes(database)
    prefixes.watch(told.append)
    prefixes.load()
    assert told == [{}, {("example.org", "77"): "branch.example"}]
    sql(
        database,
        "insert into pdt (sdomain, prefix, domain) values ('*', '', 'x'), ('*', '8', 'other.example')",
    )
    entries = sql(database, "select table_name, username, domain from change_log where table_name = 'pdt'")
    prefixes.follow([Change(*entry) for entry in entries])
    assert told[-1] == {("example.org", "77"): "branch.example", ("*", "8"): "other.example"}
    prefixes.follow([Change("gw", "", "")])
    assert len(told) == 3
    prefixes.forget_all()
    prefixes.follow([])
    assert len(told) == 4
