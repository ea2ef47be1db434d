"""The pictures of the status page in the documentation; ``python -m tests.browser.pictures`` makes them.

What is shown is made up: an office in the middle of a working day, and the same office with a full disk.
"""

from __future__ import annotations

import math
import threading
import time
from pathlib import Path
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from appliance.agent import app as agent_app
from appliance.agent.checkup import Checkup, Report
from appliance.agent.history import History, Sample
from appliance.agent.page_door import Door
from appliance.agent.sip_process import SipProcess
from tests.harness.browser import Browser
from tests.harness.ports import LOOPBACK

PLACE = Path(__file__).resolve().parents[2] / "docs" / "pictures"
NOW = time.time()
CHECKS = {
    "settings": "/etc/sipbox/sipbox.toml is in order",
    "disk": "21.4 GB free for /var/lib/sipbox",
    "clock": "in step with NTP, 2 ms off",
    "listeners": "udp, tcp and tls on 192.0.2.10",
    "server": "version 0.1.0, up for 12 days",
    "database": "answers in 1 ms, its tables are up to date",
    "locations": "212 contacts of 198 users, nothing waits",
    "certificates": "pbx.example.org, 61 days left",
    "media": "1 of 1 nodes of rtpengine answer",
    "gateways": "carrier answers",
    "flood": "1 address is banned, 3 strangers were limited today",
    "backup": "last night, 4 MB",
}
FULL = {
    "part": "disk",
    "state": "wrong",
    "what": "no space is left for /var/lib/sipbox",
    "todo": "Make room: journalctl --vacuum-size=200M, then see what is large: du -xh / | sort -h | tail.",
    "because": "",
}


class Office(SipProcess):
    """Answers as the server of an office does."""

    def ask(self, command: str, /, **args: Any) -> Any:
        calls = [("231", "0301234567", "answered", 200, 214), ("205", "231", "busy", 486, None)]
        calls += [("0897654321", "205", "answered", 200, 61), ("244", "205", "no_answer", 408, None)]
        phones = ("Snom D735", "Yealink T46S", "Grandstream GXP2170", "Polycom VVX 411")
        return {
            "state": "ok",
            "problems": [],
            "version": "0.1.0",
            "uptime": 12 * 86_400 + 5 * 3600,
            "pid": 812,
            "now": NOW,
            "bindings": 212,
            "users": 198,
            "calls": 17,
            "listeners": ["udp:192.0.2.10:5060", "tcp:192.0.2.10:5060", "tls:192.0.2.10:5061"],
            "domains": ["example.org"],
            "database": {
                "available": True,
                "loading": False,
                "spooled": 0,
                "url": "mysql+pymysql://sipbox@localhost/openser",
                "location_mode": "write-through",
            },
            "transactions": {"invite": 5, "other": 9},
            "last_calls": [
                {
                    "when": NOW - 40 * (number + 1),
                    "caller": f"{caller}@example.org",
                    "callee": f"{callee}@example.org",
                    "result": result,
                    "status": status,
                    "seconds": seconds,
                }
                for number, (caller, callee, result, status, seconds) in enumerate(calls)
            ],
            "last_troubles": [
                {
                    "when": NOW - 400,
                    "what": "198.51.100.7 REGISTER as 205@example.org: bad response",
                    "times": 2,
                }
            ],
            "flood": {"on": True, "hard": False, "bans": 1},
            "last_bans": [
                {
                    "source": "203.0.113.9",
                    "since": NOW - 380,
                    "until": NOW + 820,
                    "times": 2,
                    "reason": "guessing",
                }
            ],
            "last_registrations": [
                {
                    "modified": NOW - 7 * (number + 1),
                    "aor": f"{231 + number}@example.org",
                    "contact": f"sip:{231 + number}@192.0.2.{100 + number}:5060",
                    "user_agent": phone,
                }
                for number, phone in enumerate(phones)
            ],
        }


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        return


def main() -> None:
    """Make them."""
    process = Office("/nowhere")
    history, checkup = History(process), Checkup([])
    for tick in range(720):
        calls = 14 + 6 * math.sin(tick / 60) + tick % 5
        requests = 240 * tick + 900 * math.sin(tick / 45)
        history.samples.append(
            Sample(5.0 * tick, requests, 4 * tick, tick / 400, 212 - 3 * (tick < 200), calls)
        )
    agent_app.platform.node = lambda: "pbx.example.org"
    server = make_server(
        LOOPBACK,
        0,
        agent_app.create_app(process, history, checkup, Door(None, local=True)),
        handler_class=_Quiet,
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    PLACE.mkdir(exist_ok=True)
    well = [
        {"part": part, "state": "ok", "what": what, "todo": "", "because": ""}
        for part, what in CHECKS.items()
    ]
    ill = [FULL if check["part"] == "disk" else check for check in well]
    with Browser() as browser:
        for name, checks, scheme, size in (
            ("status", well, "light", (1280, 900)),
            ("status-trouble", ill, "dark", (420, 900)),
        ):
            checkup.report = Report(checks, time.time() - 12)
            page = browser.open(f"http://{LOOPBACK}:{server.server_port}/")
            page.wear(width=size[0], height=size[1], scheme=scheme)
            (PLACE / f"{name}.png").write_bytes(page.picture())
    server.shutdown()


if __name__ == "__main__":
    main()
