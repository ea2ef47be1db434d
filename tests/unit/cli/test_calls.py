"""``sipbox calls``: which calls are shown, and in what forms."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from appliance.cli.calls import _STATES
from appliance.storage.accounting_rows import record_of
from appliance.storage.accounting_sqlite import SqliteAccounting
from appliance.storage.administration.calls import STATES
from appliance.storage.engine import Database
from tests.unit.cli.conftest import CommandLine
from tests.unit.storage.made import accounted, bye

#: 2023-11-14 22:13:20 UTC, where ``made`` has its calls.
SETUP = 1_700_000_000


@pytest.fixture(autouse=True)
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One hour before UTC: what people type and read is the time of their machine."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def calls(cli: CommandLine) -> CommandLine:
    """Four calls, a minute apart: one over, one busy, one of an alias from elsewhere, one that is active."""

    def at(minutes: int) -> dict[str, Any]:
        return {"began": SETUP + 60.0 * minutes, "ended": SETUP + 60.0 * minutes + 5}

    told = [
        accounted(call_id="over", **at(0)),
        bye(call_id="over", began=SETUP + 128.5, ended=SETUP + 129.0),
        accounted(call_id="busy", status=486, reason="Busy Here", result="busy", missed=True, **at(1)),
        accounted(
            call_id="alias", src_user="=2+3", src_domain="elsewhere.example", account="", dst_ouser="info",
            dst_user="12", status=487, reason="Gone", result="cancelled", missed=True, **at(2),
        ),
        accounted(call_id="active", dst_user="13", dst_ouser="13", **at(3)),
    ]  # fmt: skip
    database = Database(cli.url)
    SqliteAccounting(database).write([record_of(each) for each in told])
    database.close()
    return cli


def ids(calls: CommandLine, *options: str) -> list[str]:
    return [row["sip_call_id"] for row in json.loads(calls.done("calls", "list", "--json", *options))]


def test_the_newest_comes_first(calls: CommandLine) -> None:
    lines = calls.done("calls", "list").splitlines()
    assert [line.split()[-1] for line in lines] == ["Call-ID", "active", "alias", "busy", "over"]
    over = "2023-11-14 23:13:20 10@example.com 11@example.com answered 2 min 3 s over"
    assert " ".join(lines[4].split()) == over
    assert lines[1].split()[4:6] == ["active", "-"]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--user", "13"], ["active"]),
        (["--user", "info"], ["alias"]),
        (["--user", "10"], ["active", "busy", "over"]),
        (["--user", "10@EXAMPLE.com"], ["active", "busy", "over"]),
        (["--user", "10@elsewhere.example"], []),
        (["--state", "active"], ["active"]),
        (["--state", "answered"], ["active", "over"]),
        (["--state", "unanswered"], ["alias", "busy"]),
        (["--state", "cancelled", "--user", "12"], ["alias"]),
        (["--since", "2023-11-14 23:15"], ["active", "alias"]),
        (["--until", "2023-11-14 23:15"], ["busy", "over"]),
        (["--since", "2023-11-14T22:14:00+00:00", "--until", "2023-11-15"], ["active", "alias", "busy"]),
        (["--since", "2h"], []),
        (["--limit", "2"], ["active", "alias"]),
        (["--limit", "0"], ["active", "alias", "busy", "over"]),
    ],
)
def test_filters(calls: CommandLine, options: list[str], expected: list[str]) -> None:
    assert ids(calls, *options) == expected


def test_programs_get_utc_and_seconds(calls: CommandLine) -> None:
    *_, over = json.loads(calls.done("calls", "list", "--json"))
    assert over["call_setup_time"] == "2023-11-14T22:13:20.000Z"
    assert over["call_start_time"] == "2023-11-14T22:13:25.000Z"
    assert over["call_end_time"] == "2023-11-14T22:15:28.500Z"
    assert over["duration"] == 123.5
    assert over["account"] == "10@example.com"


def test_csv_is_the_same_and_no_formula(calls: CommandLine) -> None:
    rows = list(csv.DictReader(calls.done("calls", "list", "--csv").splitlines()))
    assert [row["sip_call_id"] for row in rows] == ["active", "alias", "busy", "over"]
    assert rows[1]["src_username"] == "'=2+3"
    assert rows[3]["duration"] == "123.5"
    assert rows[0]["call_end_time"] == ""


def test_a_call_is_shown_with_its_requests(calls: CommandLine) -> None:
    shown = calls.done("calls", "show", "over")
    assert "duration         2 min 3 s" in shown
    assert "call start time  2023-11-14 23:13:25" in shown
    assert [line.split()[2] for line in shown.splitlines() if "200 OK" in line] == ["INVITE", "BYE"]
    told = json.loads(calls.done("calls", "show", "over", "--json"))
    assert [request["method"] for request in told["requests"]] == ["INVITE", "BYE"]
    assert [call["state"] for call in told["calls"]] == ["answered"]


def test_a_call_that_is_not_there(calls: CommandLine) -> None:
    result = calls("calls", "show", "nowhere")
    assert result.exit_code == 1
    assert result.stderr == "sipbox: there is no call 'nowhere'; 'sipbox calls list' shows the Call-IDs\n"


def test_no_calls(cli: CommandLine) -> None:
    result = cli("calls", "list")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "no calls\n")
    assert cli.done("calls", "list", "--csv") == ""


@pytest.mark.parametrize("text", ["yesterday", "2023-13-01", "2x", ""])
def test_a_time_that_is_none(cli: CommandLine, text: str) -> None:
    result = cli("calls", "list", "--since", text)
    assert result.exit_code == 2
    assert "--since" in result.stderr and "is no time" in result.stderr


def test_an_end_whose_beginning_is_lost_is_listed(cli: CommandLine) -> None:
    database = Database(cli.url)
    SqliteAccounting(database).write([record_of(bye(call_id="half"))])
    database.close()
    assert cli.done("calls", "list").splitlines()[1].startswith("2023-11-14 23:14:23 ")
    assert ids(cli, "--since", "2023-11-14", "--until", "2023-11-15") == ["half"]


def test_the_states_are_the_same_in_both_places() -> None:
    assert _STATES == STATES
