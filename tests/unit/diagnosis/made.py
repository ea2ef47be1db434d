"""Surroundings that are made up: a server that says what a test wants, a machine that is a directory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from appliance.config import Settings, parse
from appliance.control import ServerDown
from appliance.diagnosis.lenient import Reading
from appliance.diagnosis.surroundings import Surroundings

STATUS: dict[str, Any] = {
    "version": "1.2.3",
    "program": "",
    "pid": 100,
    "started": 1000.0,
    "uptime": 400,
    "state": "ok",
    "domains": ["example.org"],
    "listeners": ["udp:192.0.2.1:5060"],
    "database": {
        "available": True,
        "problem": None,
        "url": "sqlite:////x",
        "location_mode": "write-through",
        "loading": False,
        "spooled": 0,
    },
    "bindings": 3,
    "users": 1,
    "nated": 2,
    "calls": 0,
    "media": {"mode": "never", "nodes": {}},
    "neighbours": {},
    "cluster": {},
    "requests_received": 10,
}


def database(**changes: Any) -> dict[str, Any]:
    """A status whose database says something else."""
    return {**STATUS, "database": {**STATUS["database"], **changes}}


def settings(text: str = "") -> Settings:
    return parse(text)


def around(
    root: Path,
    status: Mapping[str, Any] | None = None,
    text: str = "",
    *,
    answers: Mapping[str, Any] | None = None,
    printed: Mapping[str, str] | None = None,
    lost: frozenset[str] = frozenset(),
    forbidden: bool = False,
    **options: Any,
) -> Surroundings:
    """``status`` None: the server is down. ``answers`` by command; ``printed`` by the program's name and
    last argument; without it there is no such program."""
    told = {"status": status, **(answers or {})}

    def ask(command: str, /, **_: Any) -> Any:
        if status is None or command not in told:
            raise ServerDown("nobody answers at /run/sipbox/agent.sock")
        return told[command]

    reading = Reading(str(root / "sipbox.toml"), settings(text), forbidden=forbidden, unreadable=lost)
    return Surroundings(
        reading, ask, root=root, run=lambda command: (printed or {}).get(command[0]), **options
    )
