"""``sipbox demo``, what ``./run`` starts: two phones, what is printed for them, a call, a restart, Ctrl-C."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from tests.harness.phone import Phone, hang_up, talk
from tests.harness.ports import LOOPBACK, free_port
from tests.harness.process import Process
from tests.harness.sipbox import Sipbox
from tests.harness.waiting import wait_until

READY = "event=ready"


class Demo:
    """A demonstration in ``directory``; what it has printed is in ``told``."""

    def __init__(self, directory: Path, port: int, http: int) -> None:
        self.state = directory / "state"
        self.address = (LOOPBACK, port)
        self._arguments = ["--listen", f"{LOOPBACK}:{port}", "--http", f"{LOOPBACK}:{http}"]
        self._directory = directory
        self._starts = 0
        self.process: Process | None = None

    def start(self) -> Process:
        self._starts += 1
        environment = {name: value for name, value in os.environ.items() if not name.startswith("SIPBOX_")}
        self.process = process = Process(
            [sys.executable, "-m", "appliance", "demo", "--state-dir", self.state, *self._arguments],
            log=self._directory / f"start-{self._starts}.log",
            environment={**environment, "PYTHONPATH": str(Sipbox.program)},
            directory=self._directory,
        )
        wait_until("ready", lambda: READY in process.log or not process.running, timeout=30)
        assert process.running, process.log
        return process

    def interrupt(self) -> None:
        """Ctrl-C."""
        assert self.process is not None
        self.process.signal(signal.SIGINT)
        assert self.process.wait(10) == 0, self.process.log

    def phone(self, user: str, password: str) -> Phone:
        return Phone(user, password, proxy=self.address, domain=LOOPBACK)


def passwords(told: str) -> dict[str, str]:
    """What a person reads from the screen."""
    users = re.search(r"^ *User name +(\S+) +(\S+)$", told, re.MULTILINE)
    words = re.search(r"^ *Password +(\S+) +(\S+)$", told, re.MULTILINE)
    assert users, told
    assert words, told
    return dict(zip(users.groups(), words.groups(), strict=True))


def test_two_phones_call_before_and_after_a_restart_without_registering_again(tmp_path: Path) -> None:
    demo = Demo(tmp_path, free_port(), free_port())
    try:
        first = demo.start()
        words = passwords(first.log)
        with demo.phone("10", words["10"]) as ten, demo.phone("11", words["11"]) as eleven:
            assert ten.register().status == eleven.register().status == 200
            dialog, _ = talk(ten, eleven)
            hang_up(ten, eleven, dialog)
            wait_until("the call in the trace", lambda: "200 (OK) concerning BYE" in first.log)
            assert "\x1b" not in first.log  # it is no terminal
            demo.interrupt()
            second = demo.start()
            assert passwords(second.log) == words
            _, dialog = talk(ten, eleven)
            hang_up(eleven, ten, dialog)
        demo.interrupt()
    finally:
        if demo.process is not None:
            demo.process.close()


def test_what_it_prints_is_true(tmp_path: Path) -> None:
    demo = Demo(tmp_path, free_port(), free_port())
    try:
        told = demo.start().log
        status = re.search(r"Status page +(\S+)", told)
        metrics = re.search(r"Metrics +(\S+)", told)
        config = re.search(r"--config (\S+) status", told)
        assert status
        assert metrics
        assert config
        with urllib.request.urlopen(status[1], timeout=5) as page:
            assert b"sipbox" in page.read()
        with urllib.request.urlopen(metrics[1], timeout=5) as page:
            assert b"sipbox_build_info" in page.read()
        assert (tmp_path / config[1]).is_file()
        assert f"{LOOPBACK}:{demo.address[1]}" in told
        demo.interrupt()
    finally:
        if demo.process is not None:
            demo.process.close()


def test_an_address_that_is_taken_is_said_in_a_sentence(tmp_path: Path) -> None:
    with Phone("somebody", proxy=(LOOPBACK, 9)) as taken:
        demo = Demo(tmp_path, taken.port, free_port())
        with pytest.raises(AssertionError) as ended:
            demo.start()
        assert "cannot be used: Address already in use; name another address with --listen" in str(
            ended.value
        )
        assert "Traceback" not in str(ended.value)
        assert demo.process is not None
        assert demo.process.exit_code == 1


def test_a_second_start_is_quick(tmp_path: Path) -> None:
    demo = Demo(tmp_path, free_port(), free_port())
    try:
        demo.start()
        demo.interrupt()
        before = os.times()
        began = time.monotonic()
        demo.start()
        elapsed = time.monotonic() - began
        demo.interrupt()
        after = os.times()
        # What others do on this machine meanwhile is not its fault: its own time counts when that is less.
        spent = after.children_user + after.children_system - before.children_user - before.children_system
        assert min(elapsed, spent) < 2.0
    finally:
        if demo.process is not None:
            demo.process.close()
