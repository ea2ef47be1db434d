"""``sipbox trace`` for other programs: tshark reads its file, sngrep its HEP packets, TLS included."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.harness.authority import Authority
from tests.harness.phone import Phone, hang_up, talk
from tests.harness.ports import LOOPBACK, free_port
from tests.harness.process import Process
from tests.harness.sipbox import Sipbox
from tests.harness.waiting import wait_until

# What sipbox gets and sends on both sides of a call, its challenge included.
CALL = Counter({"INVITE": 3, "407": 1, "ACK": 3, "100": 1, "180": 2, "200": 4, "BYE": 2})


class Site:
    """A server with TLS; 10 comes by it, 11 by UDP."""

    def __init__(self, directory: Path) -> None:
        authority = Authority(directory)
        certificate, key = authority.issue(LOOPBACK)
        self.box = Sipbox(settings={"tls": {"certificate": str(certificate), "certificate_key": str(key)}})
        self.tls_port = free_port()
        listen = [f"udp:{LOOPBACK}:{self.box.port}", f"tls:{LOOPBACK}:{self.tls_port}"]
        self.box.write_settings({"sip": {"listen": listen}})
        self.trusting = authority.client()

    @property
    def ports(self) -> tuple[int, int]:
        return self.box.port, self.tls_port

    def call(self) -> str:
        """One call from 10 to 11; its Call-ID."""
        caller = Phone(
            "10",
            "one secret",
            proxy=(LOOPBACK, self.tls_port),
            domain=self.box.domain,
            transport="tls",
            tls=self.trusting,
        )
        with caller, self.box.phone("11", "another secret") as callee:
            for phone in (caller, callee):
                assert phone.register().status == 200
            dialog, _ = talk(caller, callee)
            hang_up(caller, callee, dialog)
            for phone in (caller, callee):
                phone.register(expires=0)
            return dialog.call_id

    @contextmanager
    def watching(self, log: Path, *options: str) -> Iterator[Process]:
        """``sipbox trace`` beside what happens; what it shows is in ``log``."""
        command = [sys.executable, "-m", "appliance", "--config", self.box.config, "trace", *options]
        process = Process(command, log=log, environment=self.box.environment, directory=self.box.program)
        try:
            with self.box.phone("11", "another secret") as phone:

                def shown() -> bool:
                    phone.register()
                    return "REGISTER" in process.log

                wait_until("the trace shows something", shown, every=0.2)
                phone.register(expires=0)
            yield process
            os.kill(process.pid, signal.SIGINT)
            wait_until("it ends", lambda: not process.running)
            assert process.exit_code == 0, process.log
        finally:
            process.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(tmp_path_factory.mktemp("tls"))
    with made.box:
        made.box.add_subscribers({"10": "one secret", "11": "another secret"})
        yield made


def messages(file: Path, call_id: str, *decoded_as: str) -> Counter[str]:
    """How many messages of each kind tshark finds in that call."""
    command = ["tshark", "-n", "-r", str(file), "-T", "json"]
    for rule in decoded_as:
        command += ["-d", rule]
    for field in ("sip.Method", "sip.Status-Code", "sip.Call-ID"):
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = [packet["_source"]["layers"] for packet in json.loads(done.stdout)]
    return Counter(
        (layers.get("sip.Status-Code") or layers.get("sip.Method") or ["?"])[0]
        for layers in found
        if layers.get("sip.Call-ID") == [call_id]
    )


def test_tshark_reads_the_capture_file(site: Site, tmp_path: Path) -> None:
    file = tmp_path / "call.pcap"
    with site.watching(tmp_path / "log", "--pcap", str(file), "--ladder"):
        call_id = site.call()
        ports = [f"udp.port=={port},sip" for port in site.ports]
        wait_until("all of it is there", lambda: messages(file, call_id, *ports) == CALL, every=0.5)
    assert file.stat().st_mode & 0o777 == 0o600
    shown = (tmp_path / "log").read_text()
    assert "180 Ringing (INVITE)" in shown
    for decision in ("· Asked for a password", "· Registered: added sip:11@", "· Goes to sip:11@"):
        assert decision in shown
    assert f"the messages are in {file}" in shown


def test_what_the_server_sends_by_itself_is_seen_too(site: Site, tmp_path: Path) -> None:
    log = tmp_path / "log"
    with site.watching(log):
        assert site.box.cli("ping", f"sip:{LOOPBACK}:{site.box.port}").returncode == 0
        wait_until("its OPTIONS is seen", lambda: "From: <sip:ping@" in log.read_text())
    lines = log.read_text().splitlines()
    headline = next(number for number, line in enumerate(lines) if line.endswith(") OPTIONS"))
    assert " sent " in lines[headline - 1]


def test_sngrep_hears_what_homer_gets(site: Site, tmp_path: Path) -> None:
    file, port, log = tmp_path / "hep.pcap", free_port(), tmp_path / "log"
    command = ["sngrep", "-F", "-N", "-q", "-L", f"udp:{LOOPBACK}:{port}", "-O", str(file)]
    listening = Process(command, log=tmp_path / "sngrep.log", environment={**os.environ, "TERM": "xterm"})
    try:
        wait_until("sngrep listens", lambda: is_bound(port), timeout=30)
        with site.watching(log, "--hep", f"{LOOPBACK}:{port}"):
            call_id = site.call()
            wait_until("all of it passed", lambda: log.read_text().count("200 (OK) concerning BYE") == 2)
        listening.stop()
        assert messages(file, call_id, *(f"udp.port=={each},sip" for each in site.ports)) == CALL
    finally:
        listening.close()


def is_bound(port: int) -> bool:
    """Whether a program takes datagrams there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return True
    return False
