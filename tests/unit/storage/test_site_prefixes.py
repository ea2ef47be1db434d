from __future__ import annotations

import pytest

from appliance.errors import DuplicateRow
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


def test_a_row_that_is_added_or_taken_away_counts_at_once(database: Database) -> None:
    sql(database, "insert into pdt (sdomain, prefix, domain) values ('Example.org', '77', 'Branch.example')")
    prefixes = SitePrefixes(database)
    prefixes.add("*", "8", "other.example")
    assert prefixes.rows == {("example.org", "77"): "branch.example", ("*", "8"): "other.example"}
    with pytest.raises(DuplicateRow):
        prefixes.add("*", "8", "x.example")
    assert prefixes.remove("example.org", "branch.example") == 1
    assert prefixes.remove("example.org", "branch.example") == 0
    assert prefixes.rows == {("*", "8"): "other.example"}
