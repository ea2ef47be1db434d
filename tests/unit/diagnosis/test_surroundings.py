from __future__ import annotations

from pathlib import Path

import pytest

from appliance.diagnosis import surroundings
from appliance.diagnosis.finding import AS_ROOT, Unknown
from appliance.diagnosis.surroundings import run_program
from tests.unit.diagnosis.made import STATUS, around


def test_a_server_that_is_down(tmp_path: Path) -> None:
    here = around(tmp_path)
    assert here.status is None and here.told == "nobody answers at /run/sipbox/agent.sock"
    assert here.pids == set()
    for question in (here.needs_status, lambda: here.ask("gateways"), lambda: here.metrics):
        with pytest.raises(Unknown, match="the server does not answer"):
            question()


def test_what_it_says(tmp_path: Path) -> None:
    workers = [{"worker": 1, "pid": 7, "state": "ok"}, {"worker": 2, "pid": None, "state": "down"}]
    snapshot = {"a_total": [(["x", "y"], 2), (["x", "z"], 3)], "b": [([], 4)]}
    here = around(tmp_path, {**STATUS, "workers": workers}, answers={"metrics": {"snapshot": snapshot}})
    assert here.pids == {100, 7}
    assert (here.number("a_total"), here.number("a_total", "x", "z"), here.number("b")) == (5, 3, 4)
    assert here.number("c") == 0
    with pytest.raises(Unknown, match="the server does not say"):
        here.ask("gateways")


def test_sections_that_cannot_be_had(tmp_path: Path) -> None:
    lost = frozenset({"sip"})
    here = around(tmp_path, lost=lost)
    assert here.need("nat") is here.settings
    with pytest.raises(Unknown, match=r"\[sip\] of the settings is wrong"):
        here.need("nat", "sip")
    with pytest.raises(Unknown, match="may not be read") as raised:
        around(tmp_path, lost=lost, forbidden=True).need("sip")
    assert raised.value.todo == AS_ROOT


def test_what_is_on_the_machine(tmp_path: Path) -> None:
    here = around(tmp_path)
    assert (here.systemd, here.ansible) == (False, False)
    (tmp_path / "etc/systemd/system").mkdir(parents=True)
    (tmp_path / "etc/systemd/system/sipbox@.service").touch()
    (tmp_path / "opt/sipbox").mkdir(parents=True)
    (tmp_path / "opt/sipbox/current").symlink_to("releases/x")
    assert (here.systemd, here.ansible) == (True, True)


def test_programs() -> None:
    assert run_program(["echo", "yes"]) == "yes\n"
    assert run_program(["false"]) is None
    assert run_program(["/no/such/program"]) is None


def test_a_program_that_hangs_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surroundings, "_SECONDS", 0.1)
    assert run_program(["sh", "-c", "echo something; sleep 300"]) is None
    assert run_program(["sh", "-c", "echo something"]) == "something\n"
    assert run_program(["/nonexistent/program"]) is None
