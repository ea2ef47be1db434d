"""The management FIFO from outside: a real agent process, clients in plain shell, and worse ones."""

from __future__ import annotations

import os
import select
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gevent
import pytest

from appliance.errors import ControlError
from tests.harness.fake_sip_process import FakeSipProcess
from tests.harness.process import Process
from tests.harness.sipbox import Sipbox
from tests.harness.waiting import wait_until

CLIENT = Path(__file__).with_name("openser_fifo_client.sh")

BINDING = {
    "aor": "10@127.0.0.1",
    "contact": "sip:10@127.0.0.1:5999",
    "expires": 3598,
    "q": None,
    "callid": "abc@127.0.0.1",
    "cseq": 2,
    "user_agent": "baresip v1.0",
    "received": None,
    "path": None,
    "socket": "udp:127.0.0.1:5060",
    "methods": None,
    "flags": 0,
    "cflags": 0,
    "state": "CS_SYNC",
}


class Bench:
    """An agent of its own with its FIFO; ``sip`` answers it."""

    def __init__(self, directory: Path) -> None:
        self.fifo = directory / "fifo"
        self.replies = directory / "replies"
        self.control = directory / "control.sock"
        self.settings = directory / "sipbox.toml"
        self.log = directory / "log"
        self.settings.write_text(
            f"""
            [sip]
            control = "{self.control}"
            state_dir = "{directory}"
            [database]
            url = "sqlite:///{directory}/sipbox.db"
            [agent]
            fifo = "{self.fifo}"
            reply_dir = "{self.replies}"
            http = ""
            socket = "{directory}/agent.sock"
            """
        )
        self.agent = self.start()

    def start(self) -> Process:
        agent = Process(
            [sys.executable, "-m", "appliance", "--config", self.settings, "agent"],
            log=self.log,
            directory=Sipbox.program,
        )
        deadline = time.monotonic() + 20
        while not (self.fifo.exists() and self.replies.exists() and b"ready" in self.log.read_bytes()):
            assert agent.running and time.monotonic() < deadline, agent.log
            time.sleep(0.02)
        return agent

    def client(self, command: str, *arguments: str, timeout: float = 10) -> str:
        """What the plain shell client prints."""
        done = subprocess.run(
            [CLIENT, self.fifo, self.replies, command, *arguments],
            capture_output=True,
            text=True,
            timeout=timeout,
            check=True,
        )
        assert not done.stderr
        return done.stdout

    def write(self, data: bytes) -> None:
        descriptor = os.open(self.fifo, os.O_WRONLY | os.O_NONBLOCK)
        try:
            assert os.write(descriptor, data) == len(data)
        finally:
            os.close(descriptor)

    def reply_fifo(self, name: str) -> int:
        """A reply FIFO of this name, open for reading."""
        path = self.replies / name
        os.mkfifo(path)
        return os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def ask(self, request: bytes, name: str = "reply") -> bytes:
        """The bytes of the reply, up to the moment when the agent closes."""
        reader = self.reply_fifo(name)
        try:
            self.write(request)
            return read_to_end(reader)
        finally:
            os.close(reader)
            (self.replies / name).unlink()


def read_to_end(reader: int, seconds: float = 5.0) -> bytes:
    data = b""
    opened = False
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        ready, _, _ = select.select([reader], [], [], 0.05)
        if not ready:
            continue
        try:
            more = os.read(reader, 65536)
        except BlockingIOError:
            opened = True
            continue
        if more:
            opened = True
            data += more
        elif opened or data:
            return data
        else:
            time.sleep(0.01)  # nobody has opened it for writing yet
    raise AssertionError(f"the reply does not end; so far {data!r}")


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    # A short path: OpenSER's limit of 128 bytes holds for the reply directory and the name together.
    directory = Path(tempfile.mkdtemp(prefix="fifo-"))
    bench = Bench(directory)
    yield bench
    bench.agent.stop()
    shutil.rmtree(directory)


@pytest.fixture
def sip(bench: Bench) -> Iterator[FakeSipProcess]:
    with FakeSipProcess(bench.control) as process:
        yield process


# ------------------------------------------------------------------------------------- an OpenSER client in
# plain shell


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


# -------------------------------------------------------------------------------------------------- byte
# for byte


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


ANSWER: dict[str, Any] = {"request_uri": None, "next_hop": None, "route_set": None, "headers": None}


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


# ---------------------------------------------------------------------------------------- when the SIP
# process is away


def test_without_the_sip_process_every_command_fails_within_two_seconds(bench: Bench) -> None:
    for command in ("uptime", "which", "ul_dump", "t_hash", "kill"):
        started = time.monotonic()
        assert bench.client(command) == f"500 command '{command}' failed\n"
        assert time.monotonic() - started < 2


def test_a_sip_process_that_hangs_is_given_up_within_two_seconds(bench: Bench) -> None:
    import socket

    with socket.socket(socket.AF_UNIX) as hanging:
        hanging.bind(str(bench.control))
        hanging.listen()
        started = time.monotonic()
        clients = [
            subprocess.Popen([CLIENT, bench.fifo, bench.replies, "uptime"], stdout=subprocess.PIPE, text=True)
            for _ in range(5)
        ]
        for client in clients:
            assert client.communicate(timeout=10)[0] == "500 command 'uptime' failed\n"
        assert time.monotonic() - started < 2
    bench.control.unlink()


# ----------------------------------------------------------------------------------------- clients that do
# not behave


def test_a_client_that_never_reads_blocks_nobody(bench: Bench, sip: FakeSipProcess) -> None:
    sip.answers["registrations"] = lambda: iter([{**BINDING, "aor": f"{n}@x"} for n in range(2000)])
    reader = bench.reply_fifo("deaf")
    try:
        bench.write(b":ul_dump:deaf\n\n")
        time.sleep(0.3)
        started = time.monotonic()
        assert bench.client("version").startswith("Server::")
        assert time.monotonic() - started < 1.5
    finally:
        os.close(reader)
        (bench.replies / "deaf").unlink()


def test_a_client_without_a_reply_fifo_or_a_reader_blocks_nobody(bench: Bench, sip: FakeSipProcess) -> None:
    os.mkfifo(bench.replies / "unread")
    try:
        bench.write(b":uptime:missing\n\n" * 5 + b":uptime:unread\n\n" * 5)
        started = time.monotonic()
        assert bench.client("version").startswith("Server::")
        assert time.monotonic() - started < 1.5
    finally:
        (bench.replies / "unread").unlink()


def test_many_who_wait_for_a_phone_block_nobody(bench: Bench, sip: FakeSipProcess) -> None:
    def ring(**_: Any) -> Iterator[dict[str, Any]]:
        gevent.sleep(60)
        yield {**ANSWER, "status": 408, "reason": "Request Timeout"}

    sip.answers["uac"] = ring
    for _ in range(100):
        bench.write(b":t_uac_dlg:waiting\nINVITE\nsip:b@x\n.\n.\n.\n\n")
    started = time.monotonic()
    assert bench.client("version").startswith("Server::")
    assert time.monotonic() - started < 1.5


def test_a_reader_that_comes_a_little_late_is_waited_for(bench: Bench, sip: FakeSipProcess) -> None:
    path = bench.replies / "late"
    os.mkfifo(path)
    try:
        bench.write(b":version:late\n\n")
        time.sleep(0.15)
        with path.open("rb") as reader:
            assert reader.read().startswith(b"200 OK\nServer:: ")
    finally:
        path.unlink()


def test_nothing_is_done_when_the_reply_fifo_cannot_be_opened(bench: Bench, sip: FakeSipProcess) -> None:
    sip.answers["registration_remove"] = 1
    bench.write(b":ul_rm:missing\nlocation\n10@127.0.0.1\n\n")
    assert bench.client("version")
    time.sleep(0.5)
    assert "registration_remove" not in [command for command, _ in sip.asked]


@pytest.mark.parametrize("half", [b":ul_rm:dead", b":ul_rm:dead\nlocation\n", b':ul_rm:dead\n"quoted\nmore'])
def test_a_client_that_dies_half_way_blocks_nobody(bench: Bench, sip: FakeSipProcess, half: bytes) -> None:
    bench.write(half)
    started = time.monotonic()
    assert bench.client("version").startswith("Server::")
    assert time.monotonic() - started < 1.5


# ------------------------------------------------------------------------------------------------ safety of
# the replies


def test_a_symbolic_link_is_not_followed(bench: Bench, sip: FakeSipProcess, tmp_path: Path) -> None:
    target = tmp_path / "elsewhere"
    os.mkfifo(target)
    link = bench.replies / "link"
    link.symlink_to(target)
    reader = os.open(target, os.O_RDONLY | os.O_NONBLOCK)
    try:
        bench.write(b":version:link\n\n")
        assert bench.client("version")
        time.sleep(0.5)
        assert os.read(reader, 100) == b""
    finally:
        os.close(reader)
        link.unlink()


def test_a_fifo_with_a_second_name_is_refused(bench: Bench, sip: FakeSipProcess) -> None:
    reader = bench.reply_fifo("first")
    os.link(bench.replies / "first", bench.replies / "second")
    try:
        bench.write(b":version:first\n\n")
        assert bench.client("version")
        time.sleep(0.5)
        assert os.read(reader, 100) == b""
    finally:
        os.close(reader)
        (bench.replies / "first").unlink()
        (bench.replies / "second").unlink()


def test_a_file_is_not_written_to(bench: Bench, sip: FakeSipProcess) -> None:
    path = bench.replies / "file"
    path.write_text("mine")
    bench.write(b":version:file\n\n")
    assert bench.client("version")
    time.sleep(0.5)
    assert path.read_text() == "mine"
    path.unlink()


@pytest.mark.parametrize("name", ["../outside", "sub/inside", "a.b"])
def test_a_name_that_is_not_bare_gets_nothing(bench: Bench, sip: FakeSipProcess, name: str) -> None:
    (bench.replies / "sub").mkdir(exist_ok=True)
    path = bench.replies / name
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        bench.write(f":version:{name}\n\n".encode())
        assert bench.client("version")
        time.sleep(0.5)
        assert os.read(reader, 100) == b""
    finally:
        os.close(reader)
        path.unlink()


# ------------------------------------------------------------------------------------------------------ the
# FIFO itself


def test_the_modes_of_fifo_and_reply_directory(bench: Bench) -> None:
    assert stat.S_ISFIFO(bench.fifo.stat().st_mode)
    assert stat.S_IMODE(bench.fifo.stat().st_mode) == 0o660
    assert stat.S_IMODE(bench.replies.stat().st_mode) == 0o1770


def test_a_fifo_that_was_removed_is_made_again(bench: Bench, sip: FakeSipProcess) -> None:
    bench.fifo.unlink()
    wait_until("a new FIFO", bench.fifo.exists)
    assert bench.client("version").startswith("Server::")


def test_something_else_in_the_fifos_place_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    path.write_text("letters")
    settings = tmp_path / "sipbox.toml"
    settings.write_text(
        f'[agent]\nfifo = "{path}"\nreply_dir = "{tmp_path}"\nhttp = ""\nsocket = "{tmp_path}/agent.sock"\n'
    )
    done = subprocess.run(
        [sys.executable, "-m", "appliance", "--config", settings, "agent"],
        capture_output=True,
        text=True,
        timeout=20,
        cwd=Sipbox.program,
    )
    assert done.returncode != 0
    assert "is no FIFO" in done.stderr
    assert path.read_text() == "letters"
    assert not (tmp_path / "agent.sock").exists()
