from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from appliance.diagnosis.database import Look, judge, look
from tests.unit.diagnosis.made import STATUS, around, database

URL = "mysql+pymysql://sipbox@localhost/openser"
THERE, AWAY = (True, None), (False, "Can't connect to MySQL server")
GOOD = Look(True, seconds=0.002)
CLOSED = Look(False, "Access denied for user 'nobody'@'localhost'")


def test_it_answers() -> None:
    found = judge(URL, GOOD, THERE, embedded=False)
    assert (found.state, found.what) == ("ok", f"{URL} answers in 2 ms, its tables are up to date")
    assert judge(URL, GOOD, None, embedded=False).state == "ok"


def test_it_is_away() -> None:
    found = judge(URL, CLOSED, AWAY, embedded=False)
    assert found.state == "wrong"
    assert found.what == (
        f"{URL} does not answer: Can't connect to MySQL server; calls go on, what changes is kept on disk"
    )
    assert "systemctl start mariadb" in found.todo
    found = judge("sqlite:////x.db", Look(False, "no such file"), None, embedded=True)
    assert found.what == "sqlite:////x.db does not answer: no such file"
    assert found.todo == "See whose it is: ls -l /x.db; make it: sipbox database create."


def test_who_is_not_let_in_believes_the_server() -> None:
    assert judge(URL, CLOSED, THERE, embedded=False).state == "ok"
    # Without the server's word it is known at least that somebody has answered.
    alone = judge(URL, CLOSED, None, embedded=False)
    assert (alone.state, alone.what) == (
        "unknown",
        f"{URL} answers, and does not let this user in to see its tables",
    )


def test_the_server_is_not_let_in() -> None:
    found = judge(URL, GOOD, (False, "Access denied for user 'sipbox'"), embedded=False)
    assert found.state == "wrong" and "answers us, and not the server: Access denied" in found.what
    assert "sipbox database create --yes" in found.todo


def test_tables_of_another_version() -> None:
    look = Look(True, "'sipbox database upgrade' is needed", ("core_0002",), 0.001)
    found = judge(URL, look, THERE, embedded=False)
    assert (found.state, found.todo) == ("wrong", "sipbox database upgrade")


def test_it_is_slow() -> None:
    found = judge(URL, Look(True, seconds=0.8), THERE, embedded=False)
    assert (found.state, found.what) == ("wrong", f"{URL} takes 800 ms for a question")


def test_whom_the_socket_does_not_let_in_does_not_knock(tmp_path: Path) -> None:
    """The database's journal would have a warning each minute."""
    url = f"mysql+pymysql://somebody@localhost/openser?unix_socket={tmp_path}/mysqld.sock"
    assert look(around(tmp_path, STATUS, url=url)).state == "ok"
    assert look(around(tmp_path, None, url=url)).state == "unknown"
    found = look(around(tmp_path, database(available=False, problem="it is away"), url=url))
    assert (found.state, "it is away" in found.what) == ("wrong", True)


def test_a_url_that_names_nobody_means_whoever_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def status(url: str) -> SimpleNamespace:
        asked.append(url)
        return SimpleNamespace(reachable=False, problem="it is away")

    monkeypatch.setattr("appliance.storage.schema.status", status)
    url = "mysql+pymysql:///openser?unix_socket=/run/mysqld/mysqld.sock"
    assert look(around(tmp_path, None, url=url)).state == "wrong"
    assert asked == [url]


def test_the_first_member_that_answers_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the server does it; that the other one is away is told elsewhere."""
    own, second, third = (f"mysql+pymysql://sipbox:secret@{name}/openser" for name in ("own", "a", "b"))
    seen = {own: Look(False, "it is away"), second: Look(False, "it is away, too"), third: GOOD}
    monkeypatch.setattr("appliance.diagnosis.database._look", seen.__getitem__)
    text = f'[database]\nurl = "{own}"\nothers = ["{second}", "{third}"]\n'
    found = look(around(tmp_path, STATUS, text, url=own))
    assert (found.state, found.what.partition(" in ")[0]) == (
        "ok",
        f"{third.replace('secret', '***')} answers",
    )
    seen[third] = Look(False, "and this one")
    found = look(around(tmp_path, database(available=False, problem="none answers"), text, url=own))
    assert (found.state, found.what.partition(";")[0]) == (
        "wrong",
        f"{own.replace('secret', '***')} does not answer: none answers",
    )
