"""What the agent says over HTTP while the SIP process is well, ill and away."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from appliance.agent.app import create_app
from appliance.agent.checkup import Checkup, Report
from appliance.agent.history import History
from appliance.agent.page_door import Door
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
    "last_calls": [
        {
            "when": 1_700_003_500.0,
            "caller": "10@example.org",
            "callee": "<i>11@example.org",
            "status": 486,
            "result": "no_answer",
            "seconds": None,
        }
    ],
    "last_troubles": [{"when": 1_700_003_000.0, "what": "a gateway has <b>failed", "times": 3}],
    "flood": {"on": True, "hard": False, "bans": 12, "known": 400, "remembered": 5, "dropped": {}},
    "last_bans": [
        {
            "source": "192.0.2.66",
            "since": 1_700_003_300.0,
            "until": 1_700_004_500.0,
            "times": 2,
            "reason": "guessing",
        }
    ],
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
def checkup() -> Checkup:
    return Checkup([])


@pytest.fixture
def client(process: Answering, checkup: Checkup) -> FlaskClient:
    return create_app(process, History(process), checkup, Door(None, local=True)).test_client()


def test_a_scraper_keeps_no_connection(client: FlaskClient) -> None:
    """It would be cut off after two minutes, whatever it is doing then."""
    assert client.get("/metrics").headers["Connection"] == "close"
    assert "Connection" not in client.get("/health").headers


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


WRONG = {
    "part": "disk",
    "state": "wrong",
    "what": "no space is left for /var/lib/sipbox",
    "todo": "Make room.",
    "because": "",
}
WELL = {"part": "clock", "state": "ok", "what": "in step", "todo": "", "because": ""}


def test_the_page_shows_calls_and_troubles(client: FlaskClient) -> None:
    text = client.get("/").text
    for shown in ("&lt;i&gt;11@example.org", "no answer (486)", "a gateway has &lt;b&gt;failed (3 times)"):
        assert shown in text


def test_the_page_shows_who_is_banned_why_and_until_when(client: FlaskClient, process: Answering) -> None:
    text = client.get("/").text
    for shown in ("<code>192.0.2.66</code>", "guessing (2 times)", "15 min left", "11 more are banned"):
        assert shown in text
    assert process.answers is not None
    nobody = STATUS | {"last_bans": [], "flood": STATUS["flood"] | {"bans": 0}}
    process.answers["status"] = nobody
    assert "Nobody is banned." in client.get("/").text
    process.answers["status"] = nobody | {"flood": {"on": False, "bans": 0}}
    assert "Nobody is banned: the settings have no flood protection." in client.get("/").text


def test_a_server_that_tells_of_no_bans_has_its_page_all_the_same(
    client: FlaskClient, process: Answering
) -> None:
    """While a box is upgraded, its workers may be of the older release still."""
    assert process.answers is not None
    process.answers["status"] = {
        name: value for name, value in STATUS.items() if name not in ("flood", "last_bans")
    }
    assert client.get("/").status_code == 200


def test_the_cause_comes_before_what_follows_from_it(
    client: FlaskClient, process: Answering, checkup: Checkup
) -> None:
    checkup.report = Report([WRONG, WELL], 0.0)
    assert process.answers is not None
    problem = {"what": "The database does not answer.", "todo": "Start it."}
    process.answers["status"] = STATUS | {"state": "degraded", "problems": [problem]}
    text = client.get("/").text
    assert "<strong>Disk: no space is left for /var/lib/sipbox.</strong>" in text
    assert text.index("Make room.") < text.index("The database does not answer.")
    assert "<b>clock</b> in step" in text


def test_what_a_check_has_found_is_a_metric(
    client: FlaskClient, process: Answering, checkup: Checkup
) -> None:
    assert "sipbox_check_failed" not in client.get("/metrics").text
    checkup.report = Report([WRONG, {**WRONG, "part": "dns", "state": "unknown"}], 1_700_000_000.5)
    for answers in (process.answers, None):
        process.answers = answers
        text = client.get("/metrics").text
        assert 'sipbox_check_failed{check="disk"} 1.0' in text
        assert 'sipbox_check_failed{check="dns"} 0.0' in text
        assert "sipbox_check_timestamp_seconds 1.7000000005e+09" in text


def test_it_is_shown_anew_only_for_those_who_ask(client: FlaskClient) -> None:
    assert "http-equiv" not in client.get("/").text
    assert 'http-equiv="refresh" content="5"' in client.get("/?every=5").text
    for nonsense in ("x", "-1", "99999", "\u0665", '5"><script>'):
        assert "http-equiv" not in client.get("/", query_string={"every": nonsense}).text
    assert client.get("/", environ_overrides={"QUERY_STRING": "every=\x9f"}).status_code == 200


class TestFromElsewhere:
    """The agent listens where other machines reach it."""

    @pytest.fixture
    def guarded(self, process: Answering, checkup: Checkup) -> FlaskClient:
        door = Door(b"correct horse", local=False, clock=lambda: 0.0)
        return create_app(process, History(process), checkup, door).test_client()

    def test_without_a_password_there_is_no_page(self, process: Answering, checkup: Checkup) -> None:
        app = create_app(process, History(process), checkup, Door(None, local=False)).test_client()
        for path in ("/", "/status"):
            refused = app.get(path)
            assert refused.status_code == 403
            assert "10@example.org" not in refused.text
        for path in ("/metrics", "/health", "/ready"):
            assert app.get(path).status_code == 200

    def test_the_password_opens(self, guarded: FlaskClient) -> None:
        refused = guarded.get("/")
        assert refused.status_code == 401
        assert refused.headers["WWW-Authenticate"].startswith("Basic ")
        assert guarded.get("/", auth=("anybody", "correct horse")).status_code == 200
        assert guarded.get("/status", auth=("anybody", "wrong")).status_code == 401
        assert guarded.get("/", headers={"Authorization": "Bearer correct horse"}).status_code == 401
        assert guarded.get("/metrics").status_code == 200

    @pytest.mark.parametrize("said", ["Basic 7bO/\xd7", "Basic", "Basic =", "Basic /w==", "Digest x", "\x00"])
    def test_what_is_no_password_at_all_is_none(self, guarded: FlaskClient, said: str) -> None:
        assert guarded.get("/", headers={"Authorization": said}).status_code == 401

    def test_who_guesses_has_to_wait(self, guarded: FlaskClient) -> None:
        tries = [guarded.get("/", auth=("x", f"guess {number}")).status_code for number in range(12)]
        assert tries == [401] * 10 + [429] * 2
        assert guarded.get("/", auth=("x", "correct horse")).status_code == 429
