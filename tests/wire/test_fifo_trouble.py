"""The management FIFO in trouble: the SIP process is away, clients stop half way or mean harm."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gevent
import pytest

from tests.harness.fake_sip_process import FakeSipProcess
from tests.harness.fifo_bench import ANSWER, BINDING, CLIENT, Bench, bench_of_its_own
from tests.harness.sipbox import Sipbox
from tests.harness.waiting import wait_until


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with bench_of_its_own() as bench:
        yield bench


@pytest.fixture
def sip(bench: Bench) -> Iterator[FakeSipProcess]:
    with FakeSipProcess(bench.control) as process:
        yield process


# -- when the SIP process is away ----------------------------------------------------------------------------


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


# -- clients that do not behave ------------------------------------------------------------------------------


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


# -- safety of the replies -----------------------------------------------------------------------------------


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


# -- the FIFO itself -----------------------------------------------------------------------------------------


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
