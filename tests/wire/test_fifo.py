"""The management FIFO from outside: a real agent, clients in plain shell, replies byte for byte."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest

from appliance.errors import ControlError
from tests.harness.fake_sip_process import FakeSipProcess
from tests.harness.fifo_bench import ANSWER, BINDING, CLIENT, Bench, bench_of_its_own, read_to_end
from tests.harness.waiting import wait_until


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with bench_of_its_own() as bench:
        yield bench


@pytest.fixture
def sip(bench: Bench) -> Iterator[FakeSipProcess]:
    with FakeSipProcess(bench.control) as process:
        yield process


# -- an OpenSER client in plain shell ------------------------------------------------------------------------


def test_the_shell_client_asks_for_uptime_and_version(bench: Bench, sip: FakeSipProcess) -> None:
    lines = bench.client("uptime").splitlines()
    assert [line.partition("::")[0] for line in lines] == ["Now", "Up since", "Up time"]
    assert lines[0] == f"Now:: {time.ctime(1_700_000_060)}"
    assert lines[1] == f"Up since:: {time.ctime(1_700_000_000)}"
    assert lines[2] == "Up time:: 60 [sec]"
    assert bench.client("version") == "Server:: sipbox (0.1.0 (x86_64/linux))\n"


def test_the_shell_client_shows_and_adds_contacts(bench: Bench, sip: FakeSipProcess) -> None:
    sip.answers |= {"registrations": lambda aor: iter([BINDING]), "registration_add": lambda **_: BINDING}
    assert bench.client("ul_show_contact", "location", "10@127.0.0.1") == (
        "Contact:: <sip:10@127.0.0.1:5999>;q=;expires=3598;flags=0x0;cflags=0x0;"
        "socket=<udp:127.0.0.1:5060>;methods=0xFFFFFFFF;user_agent=<baresip v1.0>\n"
    )
    arguments = [
        "location",
        "10@127.0.0.1",
        "sip:10@127.0.0.1:5999",
        "0",
        "1.00",
        "0",
        "128",
        "0",
        "4294967295",
    ]
    assert bench.client("ul_add", *arguments) == ""
    assert sip.asked[-1] == (
        "registration_add",
        {
            "aor": "10@127.0.0.1",
            "contact": "sip:10@127.0.0.1:5999",
            "expires": 0,
            "q": 1.0,
            "flags": 128,
            "cflags": 0,
            "methods": 4294967295,
        },
    )


def test_the_shell_client_sees_errors(bench: Bench, sip: FakeSipProcess) -> None:
    assert bench.client("dlg_list") == "500 command 'dlg_list' not available\n"
    assert bench.client("ul_rm", "location") == "400 Too few or too many arguments\n"
    assert bench.client("ul_rm", "aliases", "10@127.0.0.1") == "404 Table not found\n"


def test_twenty_clients_at_once_get_their_own_answers(bench: Bench, sip: FakeSipProcess) -> None:
    sip.answers["statistics"] = lambda names: [{"group": "g", "name": names[0], "value": 1}]
    started = [
        subprocess.Popen(
            [CLIENT, bench.fifo, bench.replies, "get_statistics", f"n{number}"],
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(20)
    ]
    assert [client.communicate(timeout=20)[0] for client in started] == [f"g:n{n} = 1\n" for n in range(20)]


# -- byte for byte -------------------------------------------------------------------------------------------


def test_the_bytes_of_a_reply(bench: Bench, sip: FakeSipProcess) -> None:
    sip.answers["registrations"] = lambda: iter([BINDING])
    assert bench.ask(b":ul_dump:reply\n\n") == (
        b"200 OK\n"
        b"Domain:: location table=512 records=1 max_slot=1\n"
        b"\tAOR:: 10@127.0.0.1\n"
        b"\t\tContact:: sip:10@127.0.0.1:5999 Q=\n"
        b"\t\t\tExpires:: 3598\n"
        b"\t\t\tCallid:: abc@127.0.0.1\n"
        b"\t\t\tCseq:: 2\n"
        b"\t\t\tUser-agent:: baresip v1.0\n"
        b"\t\t\tState:: CS_SYNC\n"
        b"\t\t\tFlags:: 0\n"
        b"\t\t\tCflag:: 0\n"
        b"\t\t\tSocket:: udp:127.0.0.1:5060\n"
        b"\t\t\tMethods:: 4294967295\n"
        b"\n"
    )


def test_short_errors_have_no_empty_line_and_trees_have_one(bench: Bench, sip: FakeSipProcess) -> None:
    assert bench.ask(b":nothing:reply\n\n") == b"500 command 'nothing' not available\n"
    assert bench.ask(b':ul_rm:reply\nun"quoted\n\n') == b"400 parse error in command 'ul_rm'\n"
    assert bench.ask(b":ul_rm:reply\n\n") == b"400 Too few or too many arguments\n\n"


def test_quoted_arguments_of_several_lines_arrive_whole(bench: Bench, sip: FakeSipProcess) -> None:
    sip.answers["uac"] = lambda **_: iter([{**ANSWER, "status": 200, "reason": "OK"}])
    headers = 'From: "A" <sip:a@x>\r\nTo: <sip:b@x>\r\n\r\n'
    quoted = headers.replace('"', '\\"')
    reply = bench.ask(f':t_uac_dlg:reply\nOPTIONS\nsip:b@x\n.\n.\n"{quoted}"\n\n'.encode())
    assert reply == b"200 OK\n200 OK\n.\n.\n.\n.\n\n"
    (asked,) = [args for command, args in sip.asked if command == "uac"]
    assert asked["headers"] == headers
    assert (asked["next_hop"], asked["socket"], asked["body"]) == (None, None, None)


def test_8192_bytes_of_arguments(bench: Bench, sip: FakeSipProcess) -> None:
    sip.answers["statistics"] = lambda names: [
        {"group": "g", "name": str(len(name)), "value": 1} for name in names
    ]
    name = b"x" * 4095
    assert bench.ask(b":get_statistics:reply\n" + name + b"\n" + name + b"\n\n") == (
        b"200 OK\ng:4095 = 1\ng:4095 = 1\n\n"
    )
    assert bench.ask(b":get_statistics:reply\n" + name + b"\n" + name + b"x\n\n") == (
        b"400 parse error in command 'get_statistics'\n"
    )


def test_provisional_and_final_answers_are_replies_of_their_own(bench: Bench, sip: FakeSipProcess) -> None:
    def uac(**_: Any) -> Iterator[dict[str, Any]]:
        yield {**ANSWER, "status": 180, "reason": "Ringing", "headers": "Via: v\r\n\r\n"}
        yield {
            "status": 200,
            "reason": "OK",
            "request_uri": "sip:b@y",
            "next_hop": "sip:p;lr",
            "route_set": "Route: <sip:p;lr>",
            "headers": "Via: v\r\n\r\n",
        }

    sip.answers["uac"] = uac
    reader = bench.reply_fifo("reply")
    try:
        bench.write(b":t_uac_dlg:reply\nINVITE\nsip:b@x\n.\n.\nFrom: x\n\n")
        seen = b""
        while seen.count(b"200 OK\n") != 3:
            seen += read_to_end(reader)
    finally:
        os.close(reader)
        (bench.replies / "reply").unlink()
    assert seen == (
        b"200 OK\n180 Ringing\n.\n.\n.\nVia: v\r\n\r\n\n\n"
        b"200 OK\n200 OK\nsip:b@y\nsip:p;lr\nRoute: <sip:p;lr>\nVia: v\r\n\r\n\n\n"
    )


def test_an_asynchronous_command_that_breaks_off(bench: Bench, sip: FakeSipProcess) -> None:
    def refused(**_: Any) -> Iterator[dict[str, Any]]:
        raise ControlError(400, "Invalid RURI")

    sip.answers["uac"] = refused
    assert bench.ask(b":t_uac_dlg:reply\nOPTIONS\nx\n.\n.\n.\n\n") == b"400 Invalid RURI\n\n"


def test_no_reply_is_wanted(bench: Bench, sip: FakeSipProcess) -> None:
    sip.answers["registration_remove"] = 1
    bench.write(b":ul_rm:\nlocation\n10@127.0.0.1\n\n")
    wait_until("it is done", lambda: ("registration_remove", {"aor": "10@127.0.0.1"}) in sip.asked)


def test_kill_is_passed_on_and_answers_nothing(bench: Bench, sip: FakeSipProcess) -> None:
    sip.answers["kill"] = None
    assert bench.client("kill") == ""
    assert ("kill", {}) in sip.asked
