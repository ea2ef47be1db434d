"""The process, its status, its trace, and pinging."""

from __future__ import annotations

import dataclasses
import os
import re
from pathlib import Path
from typing import Any

import gevent
import pytest

from appliance.errors import ControlError
from appliance.operations import commands
from appliance.operations.ping import Ping
from appliance.operations.process import Process
from appliance.operations.registrations import Registrations
from appliance.operations.status import Status
from appliance.operations.trace import Trace
from appliance.operations.uac import UserAgent
from appliance.proxy.pstn.failed_destinations import FailedDestination
from tests.unit.operations.conftest import WALL, Bench


@pytest.mark.parametrize("outdated", [False, True])
def test_whether_it_works_with_what_the_file_says(bench: Bench, outdated: bool) -> None:
    box = dataclasses.replace(bench.box, worker=2, outdated=lambda: outdated)
    assert Process(box).outdated() == ([2] if outdated else [])


def test_the_process(bench: Bench) -> None:
    told = Process(bench.box).describe()
    assert told["server"].startswith("sipbox (0.")
    assert (told["pid"], told["directory"]) == (os.getpid(), str(Path.cwd()))
    assert told["arguments"] == ["sipbox", "serve"]
    assert told["now"] - told["started"] == 3600
    (row,) = Process(bench.box).processes()
    assert row["type"] == "SIP server @ udp:127.0.0.1:5060 tcp:127.0.0.1:5060 udp:[::1]:5070"


def test_kill_reload_and_forget_are_passed_on(bench: Bench) -> None:
    process = Process(bench.box)
    process.kill()
    process.reload()
    process.forget("subscriber", [["10", "example.org"]])
    assert bench.told == ["shutdown", "reload", ("subscriber", [["10", "example.org"]])]


def test_a_healthy_server(bench: Bench) -> None:
    Registrations(bench.box).add("10@example.org", "sip:10@192.0.2.5", 60)
    bench.wall += 5
    Registrations(bench.box).add("11@example.org", "sip:11@192.0.2.6", 60)
    told = Status(bench.box).describe()
    assert (told["state"], told["problems"]) == ("ok", [])
    assert (told["bindings"], told["users"], told["calls"], told["uptime"]) == (2, 2, 3, 3605)
    assert told["listeners"] == ["udp:127.0.0.1:5060", "tcp:127.0.0.1:5060", "udp:[::1]:5070"]
    assert [row["aor"] for row in told["last_registrations"]] == ["11@example.org", "10@example.org"]
    assert told["last_registrations"][0]["modified"] == WALL + 5


def test_a_server_without_its_database(bench: Bench) -> None:
    bench.database.available = False
    bench.database.last_error = "Can't connect to MySQL server on 'db'"
    told = Status(bench.box).describe()
    assert told["state"] == "degraded"
    assert "database" in told["problems"][0]["what"]
    assert "Can't connect to MySQL server on 'db'" in told["problems"][0]["todo"]
    assert told["database"]["available"] is False


def test_a_server_that_has_not_read_its_table_yet(bench: Bench) -> None:
    bench.locations.loading = True
    told = Status(bench.box).describe()
    assert told["state"] == "starting"
    assert told["problems"]


def test_the_database_password_is_not_told(bench: Bench) -> None:
    import dataclasses

    import msgspec

    settings = bench.box.settings
    database = msgspec.structs.replace(settings.database, url="mysql+pymysql://u:geheim@h/openser")
    box = dataclasses.replace(bench.box, settings=msgspec.structs.replace(settings, database=database))
    assert "geheim" not in str(Status(box).describe())


def test_a_trace_gives_what_its_filter_lets_through_and_ends_with_its_reader(bench: Bench) -> None:
    watching: Any = Trace(bench.box).watch(user=None, method="REGISTER")
    reader = gevent.spawn(next, watching)
    gevent.idle()
    assert bench.tracer.active
    bench.tracer.message("received", b"OPTIONS sip:a SIP/2.0\r\n\r\n", bench_hop())
    bench.tracer.message("received", b"REGISTER sip:a SIP/2.0\r\n\r\n", bench_hop())
    entry = reader.get(timeout=1)
    assert (entry["method"], entry["kind"], entry["colour"]) == ("REGISTER", "received", "green")
    watching.close()
    assert not bench.tracer.active


def bench_hop() -> Any:
    from appliance.sip.hop import Hop

    return Hop("udp", "192.0.2.7", 5060)


def test_a_ping_asks_each_contact_of_a_user(bench: Bench) -> None:
    for port in (5061, 5062):
        Registrations(bench.box).add("10@example.org", f"sip:10@192.0.2.5:{port}", 60)
    asking = gevent.spawn(Ping(bench.box, UserAgent(bench.box)).ping, "10@example.org")
    gevent.idle()
    first, second = sorted((bench.request(0), bench.request(1)), key=lambda request: request.uri_text)
    assert {first.method, second.method} == {"OPTIONS"}
    bench.answer(first, 200, "OK")
    bench.now += 0.5
    bench.answer(second, 486, "Busy Here")
    told = asking.get(timeout=1)
    assert sorted((row["contact"], row["status"], row["answered"]) for row in told) == [
        ("sip:10@192.0.2.5:5061", 200, True),
        ("sip:10@192.0.2.5:5062", 486, True),
    ]


def test_a_ping_of_anything_else_goes_there(bench: Bench) -> None:
    asking = gevent.spawn(Ping(bench.box, UserAgent(bench.box)).ping, "sip:192.0.2.9")
    gevent.idle()
    bench.answer(bench.request(), 405, "Method Not Allowed")
    (row,) = asking.get(timeout=1)
    assert (row["contact"], row["status"]) == ("sip:192.0.2.9", 405)


def test_a_ping_of_a_user_without_a_phone(bench: Bench) -> None:
    with pytest.raises(ControlError, match="has no phone registered"):
        Ping(bench.box, UserAgent(bench.box)).ping("sip:10@example.org")


def test_every_command_of_the_control_socket_is_documented(bench: Bench) -> None:
    page = Path(__file__).resolve().parents[3] / "docs" / "management.md"
    listed = page.read_text().partition("\nCommands: ")[2].partition(".")[0]
    assert set(re.findall(r"`(\w+)`", listed)) == set(commands(bench.box))


def test_destinations_that_failed_are_told(bench: Bench) -> None:
    failed = [FailedDestination("udp", "192.0.2.7", 5060, 41.7)]
    box = dataclasses.replace(bench.box, failed_destinations=lambda: failed)
    assert commands(box)["failed_destinations"]() == [
        {"transport": "udp", "host": "192.0.2.7", "port": 5060, "seconds": 42}
    ]
    assert commands(bench.box)["failed_destinations"]() == []
