from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from appliance.agent.checkup import Checkup
from tests.harness.waiting import wait_until

WELL = {"part": "disk", "state": "ok", "what": "50 GB free", "todo": "", "because": ""}
ILL = {
    "part": "database", "state": "wrong", "what": "it does not answer", "todo": "Start it.", "because": "",
}  # fmt: skip


def printing(text: str) -> Checkup:
    return Checkup(["sipbox"], lambda _: text, lambda: 1000.0)


def test_what_is_wrong_is_told_in_the_order_of_causes() -> None:
    checkup = printing(json.dumps({"state": "wrong", "checks": [WELL, ILL, {**ILL, "state": "down"}]}))
    assert checkup.report.checks == []
    checkup.look()
    assert checkup.report.made == 1000.0
    assert [each["state"] for each in checkup.report.wrong] == ["wrong", "down"]
    assert checkup.report.checks[0] == WELL


def test_causes_come_before_what_follows_from_them() -> None:
    follows = {**ILL, "part": "server", "because": "settings"}
    checkup = printing(json.dumps({"checks": [follows, ILL]}))
    checkup.look()
    assert [each["part"] for each in checkup.report.wrong] == ["database", "server"]


@pytest.mark.parametrize(
    "text", ["", "no JSON", "[]", "{}", '{"checks": 3}', '{"checks": [{}]}', '{"checks": [3]}']
)
def test_what_is_no_report_leaves_the_old_one(text: str, caplog: pytest.LogCaptureFixture) -> None:
    said = [json.dumps({"checks": [WELL]})]
    checkup = Checkup(["sipbox"], lambda _: said[0], lambda: 1000.0)
    checkup.look()
    said[0] = text
    checkup.look()
    well, failed = checkup.report.checks
    assert (well, failed["part"], failed["state"]) == (WELL, "diagnosis", "wrong")
    assert checkup.report.made == 1000.0
    assert "the diagnosis cannot be made" in caplog.text
    said[0] = json.dumps({"checks": [WELL]})
    checkup.look()
    assert checkup.report.wrong == []


def test_a_program_that_hangs_is_ended_with_all_that_it_has_begun(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    begun = tmp_path / "pid"
    checkup = Checkup(["sh", "-c", f"sleep 300 & echo $! > {begun}; wait"], patience=1.0)
    checkup.look()
    (failed,) = checkup.report.wrong
    assert failed["what"] == "it cannot be made: sh has not ended after 1 s"
    assert "sipbox diagnose" in failed["todo"]
    assert checkup.report.made == 0.0
    assert "sh has not ended" in caplog.text
    wait_until("what it has begun is gone", lambda: not is_running(int(begun.read_text())))


def is_running(pid: int) -> bool:
    """A process that has ended, and that nobody has asked about yet, runs no more."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_program_that_fails_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    checkup = Checkup([sys.executable, "-c", "import sys; sys.exit('there is no file')"])
    checkup.look()
    assert "the diagnosis cannot be made: there is no file" in caplog.text
    Checkup(["/nonexistent/sipbox"]).look()
    assert "No such file" in caplog.text


def test_a_program_that_prints_a_report_is_believed() -> None:
    Checkup([sys.executable, "-c", "print('{\"checks\": []}')"]).look()


def test_without_a_command_nothing_is_run() -> None:
    def never(_: Sequence[str]) -> str:
        raise AssertionError

    checkup = Checkup([], never)
    checkup.start()
    checkup.stop()
    assert checkup.report.checks == []
