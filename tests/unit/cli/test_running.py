"""The verbs that ask the running server."""

from __future__ import annotations

import json
from typing import Any

import pytest

from appliance.errors import ControlError
from appliance.registrar.binding import NATED
from tests.unit.cli.conftest import CommandLine, Server

STATUS: dict[str, Any] = {
    "state": "ok",
    "version": "1.2.3",
    "pid": 42,
    "started": 1_700_000_000.0,
    "uptime": 3700,
    "problems": [],
    "listeners": ["udp:127.0.0.1:5060"],
    "domains": ["example.org"],
    "database": {"available": True, "url": "sqlite:////x", "location_mode": "write-through", "spooled": 0},
    "bindings": 3,
    "users": 2,
    "calls": 1,
}
BINDING: dict[str, Any] = {
    "aor": "10@example.org",
    "contact": "sip:10@192.0.2.10",
    "expires": 3599,
    "q": 1.0,
    "user_agent": "Grandstream \x1b[31m",
    "modified": 1_700_000_000.0,
    "received": None,
    "cflags": 0,
}


def test_status_when_all_is_well(bare: CommandLine, server: Server) -> None:
    server.answers["status"] = STATUS
    told = bare.done("status")
    assert "state       ok" in told
    assert "up          1 h 1 min (since " in told
    assert "registered  2 users, 3 contacts" in told
    assert json.loads(bare.done("status", "--json")) == STATUS


def test_status_shows_the_first_of_very_many_domains(bare: CommandLine, server: Server) -> None:
    names = [f"{number}.example.org" for number in range(25)]
    server.answers["status"] = {**STATUS, "domains": names}
    assert f"{', '.join(names[:20])} and 5 more\n" in bare.done("status")
    server.answers["status"] = {**STATUS, "domains": names[:20]}
    assert f"{', '.join(names[:20])}\n" in bare.done("status")


def test_status_degraded_says_what_to_do_and_ends_with_3(bare: CommandLine, server: Server) -> None:
    problem = {"what": "The database does not answer.", "todo": "Start it."}
    database = {**STATUS["database"], "available": False, "spooled": 5}
    server.answers["status"] = {**STATUS, "state": "degraded", "problems": [problem], "database": database}
    result = bare("status")
    assert result.exit_code == 3
    assert "sqlite:////x is away, 5 changes wait on disk" in result.stdout
    assert "The database does not answer.\n  Start it." in result.stdout
    assert bare("status", "--json").exit_code == 3


def test_status_down_ends_with_1(bare: CommandLine) -> None:
    result = bare("status")
    assert (result.exit_code, result.stdout) == (1, "down\n")
    assert "sipbox serve" in result.stderr
    result = bare("status", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["state"] == "down"


def test_registrations(bare: CommandLine, server: Server) -> None:
    server.answers["registrations"] = [{**BINDING, "aor": "100@example.org", "expires": None}, BINDING]
    told = bare.done("registration", "list").splitlines()
    assert told[1].split("  ")[0] == "10@example.org"
    assert "59 min 59 s" in told[1]
    assert "Grandstream \\x1b[31m" in told[1]
    assert "for ever" in told[2]
    assert len(json.loads(bare.done("registration", "list", "--json"))) == 2
    assert "expires" in bare.done("registration", "show", "10@example.org")
    assert server.asked[-1] == ("registrations", {"aor": "10@example.org"})


def test_nobody_is_registered(bare: CommandLine, server: Server) -> None:
    server.answers["registrations"] = []
    assert bare("registration", "list").stderr == "nobody is registered\n"
    assert bare("registration", "show", "10@example.org").exit_code == 1


def test_registration_remove(bare: CommandLine, server: Server) -> None:
    server.answers["registration_remove"] = 1
    bare.done("registration", "remove", "10@example.org", "10@192.0.2.10")
    assert server.asked == [
        ("registration_remove", {"aor": "10@example.org", "contact": "sip:10@192.0.2.10"})
    ]
    assert bare("registration", "remove", "10@example.org", typed="n\n").exit_code == 1
    assert len(server.asked) == 1
    bare.done("registration", "remove", "10@example.org", "--yes")
    server.answers["registration_remove"] = 0
    assert bare("registration", "remove", "10@example.org", "--yes").exit_code == 1


def test_registration_add(bare: CommandLine, server: Server) -> None:
    server.answers["registration_add"] = BINDING
    bare.done("registration", "add", "10@example.org", "sip:10@192.0.2.10:5070", "--q", "0.5")
    args = {"aor": "10@example.org", "contact": "sip:10@192.0.2.10:5070", "expires": 0, "q": 0.5}
    assert server.asked == [("registration_add", args)]
    assert bare("registration", "add", "10@example.org", "not a uri").exit_code == 2
    assert bare("registration", "add", "10@example.org", "sip:a@b", "--q", "2").exit_code == 2


def test_online(bare: CommandLine, server: Server) -> None:
    server.answers["online"] = ["10@example.org", "11@example.org"]
    assert bare.done("online") == "10@example.org\n11@example.org\n"
    assert json.loads(bare.done("online", "--json")) == ["10@example.org", "11@example.org"]


def test_statistics(bare: CommandLine, server: Server) -> None:
    server.answers["statistics"] = [{"group": "core", "name": "rcv_requests", "value": 7}]
    assert "core   rcv_requests  7" in bare.done("statistics")
    assert json.loads(bare.done("statistics", "core:", "--json")) == {"core:rcv_requests": 7}
    assert [args for _, args in server.asked] == [{"names": ["all"]}, {"names": ["core:"]}]
    server.answers["statistics"] = []
    assert bare("statistics", "nonsense").exit_code == 1
    server.answers["reset_statistics"] = 1
    bare.done("statistics", "--reset", "rcv_requests")


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        ("10", "10@example.org"),
        ("10@other.example", "10@other.example"),
        ("sip:10@192.0.2.1:5070", "sip:10@192.0.2.1:5070"),
        ("other.example", "other.example"),
    ],
)
def test_ping(bare: CommandLine, server: Server, typed: str, asked: str) -> None:
    server.answers["ping"] = [
        {"contact": "sip:10@a", "status": 200, "reason": "OK", "seconds": 0.012, "answered": True}
    ]
    assert "200 OK  0.012 s" in bare.done("ping", typed)
    assert server.asked == [("ping", {"uri": asked})]


def test_nobody_answers_a_ping(bare: CommandLine, server: Server) -> None:
    server.answers["ping"] = [
        {"contact": "sip:10@a", "status": 408, "reason": "Timeout", "seconds": 32.0, "answered": False}
    ]
    result = bare("ping", "10")
    assert result.exit_code == 1
    assert "no answer" in result.stdout
    server.answers["ping"] = ControlError(404, "10@example.org has no phone registered")
    result = bare("ping", "10")
    assert (result.exit_code, result.stderr) == (1, "sipbox: 10@example.org has no phone registered\n")


def test_trace(bare: CommandLine, server: Server) -> None:
    entry = {
        "time": 0.0,
        "kind": "note",
        "headline": "User is not found",
        "text": "",
        "method": "INVITE",
        "users": [],
        "peer": "",
        "local": "",
        "colour": "red",
        "worker": 0,
        "pid": 7,
    }
    server.answers["trace"] = [entry]
    assert bare.done("trace", "--user", "10", "--method", "INVITE") == "0(7) User is not found\n\n"
    assert server.asked == [("trace", {"user": "10", "method": "INVITE"})]
    assert bare.done("trace", "--colour") == "0(7) \x1b[31mUser is not found\x1b[39;49m\n\n"
    assert json.loads(bare.done("trace", "--json")) == entry


def test_the_agent_is_asked_first_then_the_server_itself(
    bare: CommandLine, monkeypatch: pytest.MonkeyPatch
) -> None:
    from appliance import control

    asked: list[str] = []

    def call(path: str, command: str, /, **args: Any) -> Any:
        asked.append(path.rpartition("/")[2])
        if path.endswith("agent.sock"):
            raise control.ServerDown("nobody")
        return ["10@example.org"]

    monkeypatch.setattr(control, "call", call)
    assert bare.done("online") == "10@example.org\n"
    assert asked == ["agent.sock", "control.sock"]


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ([], "312"),
        (["--user", "EXAMPLE.ORG"], "12"),
        (["--contact", "192.0.2.30"], "3"),
        (["--contact", "203.0.113.7"], "2"),
        (["--phone", "grandstream"], "1"),
        (["--nated"], "2"),
        (["--expiring", "60"], "2"),
        (["--expiring", "60", "--phone", "Snom"], "2"),
        (["--user", "nobody"], ""),
    ],
)
def test_registrations_that_fit(bare: CommandLine, server: Server, options: list[str], shown: str) -> None:
    server.answers["registrations"] = [
        BINDING | {"contact": "sip:1@192.0.2.10"},
        BINDING
        | {"contact": "sip:2@10.0.0.2", "received": "sip:203.0.113.7:4000", "cflags": NATED}
        | {"expires": 60, "user_agent": "snom300"},
        BINDING | {"aor": "10@other.net", "contact": "sip:3@192.0.2.30", "expires": None, "user_agent": None},
    ]
    found = json.loads(bare.done("registration", "list", *options, "--json"))
    assert "".join(row["contact"][4] for row in found) == shown
    if not shown:
        assert "none fits" in bare("registration", "list", *options).stderr
