from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from appliance.diagnosis import monitoring
from appliance.diagnosis.finding import Finding
from appliance.diagnosis.monitoring import DROP_IN, Seen, judge, look
from appliance.diagnosis.surroundings import Surroundings
from tests.unit.diagnosis import made

WHOLE = Seen("127.0.0.1:9090", asked=7.0)


def test_a_box_that_does_not_watch_itself() -> None:
    assert judge(Seen("")).state == "off"


def test_one_that_does() -> None:
    assert judge(WHOLE) == Finding("ok", "on: Prometheus at 127.0.0.1:9090, which has asked 7 s ago")
    assert judge(WHOLE._replace(asked=None)).what == "on: Prometheus at 127.0.0.1:9090"


@pytest.mark.parametrize(
    ("seen", "what", "todo"),
    [
        (WHOLE._replace(trouble="Connection refused"), "does not answer", "systemctl start prometheus;"),
        (WHOLE._replace(refusal="connection refused"), "no numbers", "restart sipbox-agent"),
        (WHOLE._replace(asked=900.0), "15 min ago", "systemctl restart prometheus;"),
        (WHOLE._replace(alerts=False), "no Alertmanager", "systemctl start prometheus-alertmanager"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(seen: Seen, what: str, todo: str) -> None:
    found = judge(seen)
    assert found.state == "wrong"
    assert what in found.what
    assert todo in found.todo


class Answering(BaseHTTPRequestHandler):
    target: ClassVar[dict[str, object]] = {}

    def do_GET(self) -> None:
        body = json.dumps({"data": {"activeTargets": [self.target]}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        """Nothing is written down."""


@pytest.fixture
def address() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()
    thread.join()


def around(root: Path, address: str) -> Surroundings:
    file = root / DROP_IN
    file.parent.mkdir(parents=True)
    file.write_text(f"[Service]\nExecStart=/usr/bin/prometheus --web.listen-address={address} \\\n  --x=1\n")
    return made.around(root, wall=lambda: 1_700_000_010.0)


def test_prometheus_is_asked(tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Answering.target = {
        "labels": {"job": "sipbox"},
        "health": "up",
        "lastScrape": "2023-11-14T22:13:25.123456789Z",
    }
    monkeypatch.setattr(monitoring, "ALERTMANAGER", address)
    assert look(around(tmp_path, address)).what == f"on: Prometheus at {address}, which has asked 5 s ago"


def test_and_says_why_it_sees_nothing(tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Answering.target = {"labels": {"job": "sipbox"}, "health": "down", "lastError": "connection refused"}
    monkeypatch.setattr(monitoring, "ALERTMANAGER", address)
    assert "connection refused" in look(around(tmp_path, address)).what


def test_nobody_there(tmp_path: Path) -> None:
    found = look(around(tmp_path, "127.0.0.1:1"))
    assert (found.state, found.what[:26]) == ("wrong", "Prometheus does not answer")


def test_without_the_role(tmp_path: Path) -> None:
    assert look(made.around(tmp_path)).state == "off"
