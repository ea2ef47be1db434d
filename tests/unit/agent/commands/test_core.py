"""The commands of the core, in OpenSER's words."""

from __future__ import annotations

import os
import time

from appliance.agent.commands import COMMANDS
from tests.unit.agent.commands.answering import Answering, run


def test_uptime_version_pwd_arg() -> None:
    process = Answering()
    assert run(process, "uptime") == (
        f"200 OK\nNow:: {time.ctime(1_700_000_061)}\nUp since:: {time.ctime(1_700_000_000)}\n"
        "Up time:: 61 [sec]\n\n"
    )
    assert len(time.ctime(1_700_000_061)) == 24
    assert run(process, "version") == "200 OK\nServer:: sipbox (0.1.0 (x86_64/linux))\n\n"
    assert run(process, "pwd") == "200 OK\nWD:: /srv\n\n"
    assert run(process, "arg") == "200 OK\nsipbox\nserve\n\n"


def test_which_lists_itself() -> None:
    lines = run(Answering(), "which").splitlines()
    assert lines[0] == "200 OK"
    assert "which" in lines
    assert len(lines) == len(COMMANDS) + 2


def test_ps_names_the_agent_unless_it_is_the_same_process() -> None:
    other = Answering(processes=[{"pid": 4711, "type": "SIP server @ udp:127.0.0.1:5060"}])
    assert run(other, "ps") == (
        "200 OK\nProcess::  ID=0 PID=4711 Type=SIP server @ udp:127.0.0.1:5060\n"
        f"Process::  ID=1 PID={os.getpid()} Type=MI FIFO\n\n"
    )
    same = Answering(processes=[{"pid": os.getpid(), "type": "SIP server"}])
    assert run(same, "ps") == f"200 OK\nProcess::  ID=0 PID={os.getpid()} Type=SIP server\n\n"


def test_kill_answers_nothing() -> None:
    process = Answering(kill=None)
    assert run(process, "kill") == ""
    assert process.asked == [("kill", {})]


def test_statistics() -> None:
    found = [{"group": "core", "name": "rcv_requests", "value": 7}, {"group": "tm", "name": "x", "value": 0}]
    process = Answering(statistics=found, reset_statistics=2)
    assert run(process, "get_statistics", "core:", "", "x") == "200 OK\ncore:rcv_requests = 7\ntm:x = 0\n\n"
    assert process.asked == [("statistics", {"names": ["core:", "x"]})]
    assert run(process, "reset_statistics", "rcv_requests", "x") == "200 OK\n\n"
    nothing = Answering(statistics=[], reset_statistics=0)
    assert run(nothing, "get_statistics", "nothing") == "404 Statistics Not Found\n\n"
    assert run(nothing, "reset_statistics", "nothing") == "404 Statistics Not Found\n\n"


def test_destinations_that_failed_are_a_blacklist() -> None:
    assert run(Answering(failed_destinations=[]), "list_blacklists") == "200 OK\n\n"
    failed = [{"transport": "udp", "host": "192.0.2.7", "port": 5060, "seconds": 42}]
    assert run(Answering(failed_destinations=failed), "list_blacklists") == (
        "200 OK\n"
        "List:: failed owner=0 flags=0\n"
        "\tRule::  flags=0\n"
        "\t\tIP:: 192.0.2.7\n"
        "\t\tMask:: 32\n"
        "\t\tProto:: udp\n"
        "\t\tPort:: 5060\n"
        "\t\tExpires:: 42\n\n"
    )
