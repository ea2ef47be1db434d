"""What the agent says over HTTP while the SIP process is well, ill and away."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from appliance.agent.app import create_app
from appliance.agent.history import History
from appliance.agent.sip_process import SipProcess
from appliance.control import ServerDown
from appliance.telemetry.metrics import Metrics

STATUS: dict[str, Any] = {
    "server": "sipbox (0.1.0 (x86_64/linux))",
    "version": "0.1.0",
    "pid": 4711,
    "started": 1_700_000_000.0,
    "now": 1_700_003_600.0,
    "uptime": 3600,
    "state": "ok",
    "problems": [],
    "profile": "rfc3261",
    "domains": ["example.org"],
    "listeners": ["udp:127.0.0.1:5060"],
    "database": {
        "available": True,
        "url": "sqlite:////x/sipbox.db",
        "location_mode": "write-through",
        "loading": False,
        "spooled": 0,
    },
    "bindings": 412,
    "users": 400,
    "calls": 7,
    "transactions": {"invite_client": 1, "invite_server": 1, "client": 0, "server": 3},
    "last_registrations": [
        {
            "aor": "10@example.org",
            "contact": "sip:10@192.0.2.5\udcff",
            "user_agent": "<script>alert(1)</script>",
            "modified": 1_700_003_590.0,
        }
    ],
}


class Answering(SipProcess):
    """Answers from a table; down when there is none."""

    def __init__(self) -> None:
        super().__init__("/nowhere")
        metrics = Metrics()
        metrics.call_attempts += 5
        self.answers: dict[str, Any] | None = {
            "status": STATUS,
            "process": {},
            "metrics": {"snapshot": metrics.snapshot(), "pid": None, "process": None},
        }

    def ask(self, command: str, /, **args: Any) -> Any:
        if self.answers is None:
            raise ServerDown("nobody answers at /nowhere")
        return self.answers[command]


@pytest.fixture
def process() -> Answering:
    return Answering()


@pytest.fixture
def client(process: Answering) -> FlaskClient:
    return create_app(process, History(process)).test_client()


def test_metrics_while_it_is_up(client: FlaskClient) -> None:
    response = client.get("/metrics")
    assert response.status_code == 200
    assert "sipbox_up 1.0" in response.text
    assert "sipbox_call_attempts_total 5.0" in response.text


def test_metrics_while_it_is_down(client: FlaskClient, process: Answering) -> None:
    process.answers = None
    response = client.get("/metrics")
    assert response.status_code == 200
    assert "sipbox_up 0.0" in response.text
    assert "sipbox_call_attempts_total" not in response.text


def test_openmetrics_when_it_is_asked_for(client: FlaskClient) -> None:
    response = client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert response.text.endswith("# EOF\n")
    assert "openmetrics" in response.content_type


def test_health(client: FlaskClient, process: Answering) -> None:
    assert client.get("/health").status_code == 200
    process.answers = None
    response = client.get("/health")
    assert response.status_code == 503
    assert response.json == {"status": "down", "problem": "nobody answers at /nowhere"}


@pytest.mark.parametrize(("state", "code"), [("ok", 200), ("degraded", 200), ("starting", 503)])
def test_ready(client: FlaskClient, process: Answering, state: str, code: int) -> None:
    assert process.answers is not None
    process.answers["status"] = STATUS | {"state": state}
    assert client.get("/ready").status_code == code


def test_it_is_not_ready_when_it_is_down(client: FlaskClient, process: Answering) -> None:
    process.answers = None
    assert client.get("/ready").status_code == 503


def test_status_as_json(client: FlaskClient, process: Answering) -> None:
    assert client.get("/status").json == STATUS
    process.answers = None
    response = client.get("/status")
    assert response.status_code == 503
    assert response.json is not None
    assert response.json["state"] == "down"


def test_the_page(client: FlaskClient) -> None:
    response = client.get("/")
    assert response.status_code == 200
    text = response.text
    assert "All systems normal." in text
    for shown in ("412", "udp:127.0.0.1:5060", "10@example.org", "up for 1 h", "10 s ago"):
        assert shown in text
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_the_page_while_the_database_is_away(client: FlaskClient, process: Answering) -> None:
    assert process.answers is not None
    problem = {"what": "The database does not answer.", "todo": "Start it."}
    process.answers["status"] = STATUS | {
        "state": "degraded",
        "problems": [problem],
        "database": STATUS["database"] | {"available": False, "spooled": 12},
    }
    text = client.get("/").text
    assert "The database does not answer." in text
    assert "Start it." in text
    assert "12 changes wait on disk" in text


def test_the_page_while_it_is_down(client: FlaskClient, process: Answering) -> None:
    process.answers = None
    response = client.get("/")
    assert response.status_code == 503
    assert "The SIP server does not answer" in response.text


def test_it_only_reads_and_loads_nothing(client: FlaskClient) -> None:
    assert client.post("/status").status_code == 405
    response = client.get("/")
    assert response.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert response.headers["X-Content-Type-Options"] == "nosniff"
