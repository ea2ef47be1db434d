from __future__ import annotations

from typing import Any

from appliance.diagnosis.finding import Finding
from appliance.diagnosis.server import judge
from tests.unit.diagnosis.made import STATUS

REASON = "nobody answers at /run/sipbox/agent.sock"


def judged(told: dict[str, Any] | str, **changes: Any) -> Finding:
    usual = {"forbidden": False, "systemd": True, "misread": False}
    return judge(told, **{**usual, **changes})


def test_it_answers() -> None:
    assert judged(STATUS) == Finding("ok", "version 1.2.3, up for 6 min")
    workers = [{"worker": number, "pid": number, "state": "ok"} for number in (1, 2)]
    assert judged({**STATUS, "workers": workers}).what == "version 1.2.3, 2 workers, up for 6 min"
    assert judged({**STATUS, "state": "starting"}).state == "ok"


def test_it_is_down() -> None:
    found = judged(REASON)
    assert found.state == "down" and REASON in found.what
    assert found.todo.startswith(
        "Start it: systemctl start sipbox.target; if it does not stay: journalctl -u"
    )
    assert judged(REASON, systemd=False).todo == "Start it: sipbox serve."
    assert (
        judged(REASON, misread=True, systemd=False).todo == "Mend the settings; then start it: sipbox serve."
    )


def test_nobody_lets_us_ask() -> None:
    found = judged(REASON, forbidden=True)
    assert (found.state, found.todo) == ("wrong", "Ask as root: sudo sipbox diagnose.")


def test_a_worker_is_silent() -> None:
    workers = [{"worker": 1, "pid": 1, "state": "ok"}, {"worker": 2, "pid": None, "state": "down"}]
    found = judged({**STATUS, "workers": workers}, only=2)
    assert (found.state, found.what) == ("wrong", "1 worker of 2 does not answer: 2")
    assert found.todo.endswith("then: systemctl restart sipbox@2.")
