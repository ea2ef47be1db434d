from __future__ import annotations

from pathlib import Path

import pytest

from appliance.diagnosis.finding import Unknown
from appliance.diagnosis.locations import WAITS_FOR_DATABASE, judge, look
from tests.unit.diagnosis.made import STATUS, around, database


def test_all_is_where_it_belongs() -> None:
    found = judge(STATUS)
    assert (found.state, found.what) == ("ok", "3 contacts of 1 user, write-through, nothing waits")


def test_changes_wait_for_the_database() -> None:
    found = judge(database(spooled=7, available=False))
    assert (found.state, found.what, found.todo) == ("wrong", "7 changes wait on disk", WAITS_FOR_DATABASE)
    found = judge(database(spooled=1))
    assert (found.state, found.what) == ("wrong", "1 change still on the way from disk")


def test_not_loaded_yet() -> None:
    assert judge(database(loading=True)).todo.startswith("Wait a minute")
    assert judge(database(loading=True, available=False)).todo == WAITS_FOR_DATABASE


def test_nobody_knows_while_the_server_is_down(tmp_path: Path) -> None:
    with pytest.raises(Unknown, match="the server does not answer"):
        look(around(tmp_path))
