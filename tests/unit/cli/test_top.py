from __future__ import annotations

from typing import Any

import pytest
from rich.console import Console

from appliance.cli.top import Look, screen
from tests.unit.cli.conftest import CommandLine, Server

STATUS: dict[str, Any] = {
    "state": "degraded",
    "now": 1_700_000_060.0,
    "uptime": 3700,
    "problems": [{"what": "The database does not answer.", "todo": "Start it.\x1b[2J"}],
    "users": 2,
    "bindings": 3,
    "calls": 1,
    "transactions": {"invite_client": 1, "server": 2},
    "last_calls": [
        {
            "when": 1_700_000_050.0,
            "caller": "10@example.org",
            "callee": "\x1b]0;11@example.org",
            "status": 486,
            "result": "busy",
            "seconds": None,
        }
    ],
    "last_troubles": [{"when": 1_700_000_000.0, "what": "a gateway has failed", "times": 3}],
}


def metrics(registers: int, calls: int, refused: int) -> dict[str, list[Any]]:
    return {
        "sipbox_sip_requests_received_total": [
            [["REGISTER", "udp"], registers],
            [["REGISTER", "tcp"], registers],
            [["INVITE", "udp"], calls],
        ],
        "sipbox_sip_responses_sent_total": [[["INVITE", "486"], refused], [["REGISTER", "200"], 0]],
    }


def shown(before: Look, now: Look) -> str:
    console = Console(width=120, force_terminal=False)
    with console.capture() as captured:
        console.print(screen(before, now))
    return captured.get()


def test_rates_are_what_came_since_the_last_look() -> None:
    text = shown(Look(100.0, STATUS, metrics(10, 5, 0)), Look(102.0, STATUS, metrics(30, 6, 1)))
    lines = [line.split() for line in text.splitlines()]
    # Requests and responses stand beside one another; no registration was counted.
    assert next(line for line in lines if "in" in line and "all" in line)[:3] == ["20.5", "in", "all"]
    assert ["20.0", "REGISTER", "0.5", "486"] in lines
    assert ["0.5", "INVITE"] in lines


def test_the_rest_is_the_status() -> None:
    look = Look(0.0, STATUS, {})
    text = shown(look, look)
    for told in (
        "sipbox degraded",
        "The database does not answer. Start it.",
        "2 users, 3 contacts, 1 calls now, 3 transactions",
        "busy (486)",
        "10 s ago",
        "a gateway has failed (3 times)",
        "1 min ago",
    ):
        assert told in text, told
    assert "\x1b" not in text


def test_once(bare: CommandLine, server: Server) -> None:
    server.answers["status"] = STATUS
    server.answers["metrics"] = {"snapshot": metrics(1, 0, 0)}
    told = bare.done("top", "--once", "--every", "0.2")
    assert "0.0  in all" in told


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(bare: CommandLine, shell: str) -> None:
    assert "_SIPBOX_COMPLETE" in bare.done("completion", shell)
