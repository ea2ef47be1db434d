"""The command line against a running server and agent, as an administrator uses it."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.process import Process
from tests.harness.sipbox import Sipbox
from tests.harness.waiting import wait_until


@pytest.fixture(scope="module")
def box() -> Iterator[Sipbox]:
    """A server on SQLite with its agent, for all tests of this file."""
    with Sipbox(agent=True) as server:
        server.add_subscribers({user: f"secret-{user}" for user in ("10", "11")})
        yield server


def test_status_is_ok(box: Sipbox) -> None:
    done = box.cli("status")
    assert done.stdout.startswith("state       ok\n")
    assert f"udp:127.0.0.1:{box.port}" in done.stdout
    assert box.status()["state"] == "ok"


def test_registrations_are_seen_and_removed(box: Sipbox) -> None:
    with box.phone("10", "secret-10") as phone:
        assert phone.register().status == 200
        assert "10@127.0.0.1" in box.cli("online").stdout.split()
        (row,) = json.loads(box.cli("registration", "show", "10", "--json").stdout)
        assert row["contact"] in phone.contact
        assert 0 < row["expires"] <= 3600
        assert row["contact"] in box.cli("registration", "list").stdout
        box.cli("registration", "remove", "10", row["contact"])
        assert box.cli("registration", "show", "10", check=False).returncode == 1
        assert box.cli("online").stdout == ""


def test_a_registration_that_an_administrator_adds_is_there_after_kill_9(box: Sipbox) -> None:
    box.cli("registration", "add", "11", "sip:11@127.0.0.1:5999")
    box.kill9()
    box.start()
    told = json.loads(box.cli("registration", "list", "--json").stdout)
    assert [(row["aor"], row["contact"], row["expires"]) for row in told] == [
        ("11@127.0.0.1", "sip:11@127.0.0.1:5999", None)
    ]
    box.cli("registration", "remove", "11", "--yes")


def test_a_new_subscriber_registers_at_once_and_a_removed_one_no_more(box: Sipbox) -> None:
    with box.phone("20", "first") as phone:
        assert phone.register().status == 401
        box.cli("subscriber", "add", "20", typed="first\n")
        assert phone.register().status == 200
        box.cli("subscriber", "remove", "20", "--yes")
        assert phone.register().status == 401
        assert "20@127.0.0.1" not in box.cli("online").stdout


def test_a_new_password_holds_at_once_and_the_old_one_no_more(box: Sipbox) -> None:
    box.cli("subscriber", "add", "21", typed="old\n")
    with box.phone("21", "old") as before, box.phone("21", "new") as after:
        assert before.register().status == 200
        box.cli("subscriber", "passwd", "21", typed="new\n")
        assert after.register().status == 200
        assert before.register().status == 401
    box.cli("subscriber", "remove", "21", "--yes")


def test_no_password_is_in_any_process_list_or_output(box: Sipbox) -> None:
    done = box.cli("subscriber", "add", "22", typed="s3cret-word\n")
    shown = box.cli("subscriber", "show", "22").stdout + box.cli("subscriber", "list").stdout
    assert "s3cret-word" not in done.stdout + done.stderr + shown + box.log
    box.cli("subscriber", "remove", "22", "--yes")


def test_statistics_and_fifo_tell_the_same(box: Sipbox) -> None:
    told = json.loads(box.cli("statistics", "usrloc:", "--json").stdout)
    lines = box.cli("fifo", "get_statistics", "usrloc:").stdout.splitlines()
    assert {name: str(value) for name, value in told.items()} == dict(line.split(" = ") for line in lines)
    assert "uptime" in box.cli("fifo", "which").stdout.split()
    refused = box.cli("fifo", "nonsense", check=False)
    assert (refused.returncode, refused.stderr) == (1, "sipbox: command 'nonsense' not available\n")


def test_ping_a_phone_that_answers(box: Sipbox) -> None:
    with box.phone("10", "secret-10") as phone:
        assert phone.register().status == 200
        answering = threading.Thread(
            target=lambda: phone.reply(phone.expect("OPTIONS", timeout=20), 200, "OK")
        )
        answering.start()
        done = box.cli("ping", "10")
        answering.join()
        assert "200 OK" in done.stdout
    refused = box.cli("ping", "11", check=False)
    assert (refused.returncode, refused.stderr) == (1, "sipbox: 11@127.0.0.1 has no phone registered\n")


def test_a_trace_from_the_running_server(box: Sipbox, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "appliance", "--config", box.config, "trace", "--user", "10", "--colour"]
    environment = {**box.environment, "TERM": "xterm"}
    watching = Process(command, log=tmp_path / "trace", environment=environment, directory=box.program)
    try:
        with box.phone("10", "secret-10") as ten, box.phone("11", "secret-11") as eleven:

            def seen() -> bool:
                ten.register()
                eleven.register()
                return "\x1b[30;42mREGISTER " in watching.log

            wait_until("a REGISTER in the trace", seen)
            wait_until("its 200", lambda: "200 (OK) concerning REGISTER" in watching.log)
        told = watching.log
        assert f"0({box.pid}) REGISTER\n" in told
        assert f"0({box.pid}) 401 (Unauthorized) concerning REGISTER\n" in told
        assert "\x1b[30;46mSIP/2.0 401 Unauthorized\x1b[39;49m\n" in told
        assert f" -> udp:127.0.0.1:{box.port}\n" in told.replace("\x1b[22m", "")
        assert "sip:11@" not in told
    finally:
        watching.close()


def test_the_password_is_asked_for_twice_on_a_terminal_and_not_shown(box: Sipbox) -> None:
    leader, follower = pty.openpty()
    command = [sys.executable, "-m", "appliance", "--config", str(box.config), "subscriber", "add", "23"]
    child = subprocess.Popen(
        command,
        stdin=follower,
        stdout=follower,
        stderr=follower,
        env=box.environment,
        cwd=box.program,
        start_new_session=True,
    )
    os.close(follower)
    told = b""
    answers = [b"Password", b"Again"]
    deadline = time.monotonic() + 30
    try:
        while time.monotonic() < deadline:
            if not select.select([leader], [], [], 0.2)[0]:
                continue
            try:
                told += os.read(leader, 4096)
            except OSError:  # the other side is closed
                break
            if answers and told.rstrip().endswith(b":") and answers[0] in told:
                answers.pop(0)
                os.write(leader, b"typed-secret\n")
        assert child.wait(10) == 0, told
    finally:
        os.close(leader)
        if child.poll() is None:
            child.kill()
            child.wait()
    assert not answers
    assert b"typed-secret" not in told
    with box.phone("23", "typed-secret") as phone:
        assert phone.register().status == 200
    box.cli("subscriber", "remove", "23", "--yes")


def test_with_the_agent_down_the_server_is_asked_itself_and_with_both_down_it_says_so(box: Sipbox) -> None:
    assert box.agent is not None
    assert box.agent.stop() == 0
    assert box.status()["state"] == "ok"
    refused = box.cli("fifo", "which", check=False)
    assert refused.returncode == 1
    box.stop()
    assert box.cli("status", check=False).returncode == 1
    assert box.status()["state"] == "down"
    assert box.cli("online", check=False).stderr.startswith("sipbox: ")
    box.cli("subscriber", "add", "24", typed="x\n")
    box.cli("subscriber", "remove", "24", "--yes")
    box.start()
    assert box.status()["state"] == "ok"
