"""sipbox diagnose: faults that are real, the line that names each, and what comes of following its advice."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance.config import Listener
from appliance.diagnosis.dns import answers
from appliance.diagnosis.kernel_sockets import Owner, owners, sockets
from tests.harness.mariadb import MariaDB
from tests.harness.ports import LOOPBACK, free_port
from tests.harness.rtpengine import Rtpengine
from tests.harness.sipbox import Sipbox
from tests.harness.template import mariadb_database
from tests.harness.waiting import wait_until
from tests.harness.workers import Workers

PROC = Path("/proc")
GATEWAY = "127.0.0.2"


@pytest.fixture
def small() -> Iterator[Sipbox]:
    """A server on SQLite with its agent; its user 10 may call local numbers."""
    settings = {"gateway": {"answer_seconds": 1, "rest_seconds": 60}}
    with Sipbox(settings=settings, agent=True) as box:
        box.add_subscribers({"10": "secret-10"})
        box.cli("permission", "grant", "10", "local")
        yield box


def findings(box: Sipbox, *arguments: str, code: int = 0) -> dict[str, dict[str, Any]]:
    """What is found, by part; it has to end with ``code``."""
    done = box.cli("diagnose", "--json", *arguments, check=False)
    assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
    return {each["part"]: each for each in json.loads(done.stdout)["checks"]}


def wrong(box: Sipbox, *arguments: str, code: int = 3) -> dict[str, dict[str, Any]]:
    """The parts that something is wrong with."""
    found = findings(box, *arguments, code=code)
    return {part: each for part, each in found.items() if each["state"] in ("wrong", "down")}


def test_all_is_well_and_each_part_has_its_line(small: Sipbox) -> None:
    told = small.cli("diagnose").stdout
    lines = [line.split()[:2] for line in told.splitlines() if line and line[0] != " "]
    assert ["server", "ok"] in lines and ["database", "ok"] in lines and ["media", "off"] in lines
    assert told.endswith("\nNothing is wrong.\n")
    # One word of a part that is not there, and the names of those that are.
    refused = small.cli("diagnose", "telepathy", check=False)
    assert refused.returncode == 2 and "settings, installed, disk" in refused.stderr


def test_settings_that_were_edited_by_hand(small: Sipbox) -> None:
    text = small.config.read_text()
    small.config.write_text(text.replace("[sip]", '[sip]\n"ring_secnds" = 30'))
    found = wrong(small)
    assert set(found) == {"settings"}
    place = re.escape(f"{small.config}:")
    assert re.match(rf"{place}\d+: sip.ring_secnds: .*was ring_seconds meant\?", found["settings"]["what"])

    # What the agent alone reads is nothing to the server.
    small.config.write_text(text + '\n[phones]\nlanguage = "de"\n')
    future = small.config.stat().st_mtime + 10  # the clock of a file system may be coarse
    os.utime(small.config, (future, future))
    assert small.cli("config", "outdated").stdout == ""
    assert findings(small, "settings")["settings"]["state"] == "ok"

    # Domains are read by a signal, and nobody has to start anew for them.
    small.config.write_text(f'{text}\n[domains."{small.domain}"]\nhosts = ["pbx.example.org"]\n')
    os.utime(small.config, (future, future))
    assert small.cli("config", "outdated").stdout == "1\n"
    small.cli("domain", "reload")
    assert small.cli("config", "outdated").stdout == ""
    assert findings(small, "settings")["settings"]["state"] == "ok"

    small.config.write_text(text.replace("[sip]", '[sip]\n"ring_seconds" = 30'))
    os.utime(small.config, (future, future))
    small.cli("config", "check")
    assert small.cli("config", "outdated").stdout == "1\n"
    assert wrong(small, "settings")["settings"]["todo"].startswith("Have it read: ")
    os.utime(small.config, (future - 20, future - 20))
    small.restart()
    assert findings(small)["settings"]["state"] == "ok"


def test_a_server_that_is_down_and_its_port_that_is_taken(small: Sipbox) -> None:
    small.stop()
    found = wrong(small, code=1)
    assert set(found) == {"server"}
    assert found["server"]["todo"] == "Start it: sipbox serve."

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind((LOOPBACK, small.port))
        told = small.cli("diagnose", check=False)
        assert told.returncode == 1
        assert "Something is wrong: listeners. What follows from it: server.\n" in told.stdout
        assert f"udp:{LOOPBACK}:{small.port} is taken by " in told.stdout
        assert f"(process {os.getpid()})" in told.stdout
    small.start()
    assert not wrong(small, code=0)


def test_an_agent_that_is_down(small: Sipbox) -> None:
    assert small.agent is not None
    small.agent.signal(signal.SIGKILL)
    small.agent.wait(10)
    found = wrong(small)
    assert set(found) == {"agent"} and found["agent"]["todo"] == "Start the agent: sipbox agent."
    small.start_agent()
    assert not wrong(small, code=0)


def test_a_gateway_that_is_dead(small: Sipbox) -> None:
    port = free_port(address=GATEWAY)
    small.cli("gateway", "add", "carrier", GATEWAY, "--port", str(port), "--transport", "tcp")
    assert wrong(small, "gateways")["gateways"]["todo"].endswith("sipbox route add any carrier.")
    small.cli("route", "add", "any", "carrier")
    assert findings(small, "gateways")["gateways"]["what"] == "on: carrier, 1 route, none has failed"
    with small.phone("10", "secret-10") as phone:
        assert phone.ask(phone.request("INVITE", f"sip:123456@{small.domain}"), timeout=10).status >= 400
    found = wrong(small)
    assert set(found) == {"gateways"}
    assert re.fullmatch(
        r"1 gateway of 1 failed, \d+ s ago: carrier; there is no other one", found["gateways"]["what"]
    )
    # It is asked as the advice says, and does not answer.
    advice = re.search(r"sipbox ping '(\S+)'", found["gateways"]["todo"])
    assert advice is not None and advice[1] == f"sip:{GATEWAY}:{port};transport=tcp"
    asked = small.cli("ping", advice[1], check=False)
    assert asked.returncode == 1 and "no answer" in asked.stdout


def test_a_backup_that_is_too_old(small: Sipbox, tmp_path: Path) -> None:
    backups = tmp_path / "backups"
    backups.mkdir(mode=0o700)
    (backups / "2020-01-01T033000Z.tar").touch()
    here = ("backup", "--backups", str(backups))
    assert "days old" in wrong(small, *here)["backup"]["what"]
    small.cli("backup", "create", "--directory", str(backups))
    assert findings(small, *here)["backup"]["state"] == "ok"


def test_a_database_that_is_away_and_what_waits_for_it() -> None:
    settings = {"database": {"connect_timeout_seconds": 1, "query_timeout_seconds": 2}}
    with MariaDB() as server:
        box = Sipbox(server.url("openser"), settings=settings, agent=True)
        try:
            box.create_database()
            box.add_subscribers({"10": "secret-10"})
            box.start()
            with box.phone("10", "secret-10") as phone:
                assert phone.register().status == 200
                assert not wrong(box, code=0)
                server.stop()
                assert phone.register(expires=1800).status == 200  # on the disk
                wait_until("it is seen", lambda: not box.status()["database"]["available"], every=0.2)
                found = wrong(box)
                assert next(iter(found)) == "database" and found["locations"]["because"] == "database"
                assert "systemctl start mariadb" in found["database"]["todo"]
                assert found["locations"]["what"] == "1 change waits on disk"
                server.start()
                wait_until("all is well again", lambda: box.status()["state"] == "ok", timeout=30, every=0.3)
                assert not wrong(box, code=0)
        finally:
            box.close()


def test_an_rtpengine_that_is_dead(tmp_path: Path) -> None:
    with Rtpengine(tmp_path) as engine:
        settings = {"media": {"mode": "always", "nodes": [engine.node], "ping_seconds": 1}}
        with Sipbox(settings=settings, agent=True) as box:

            def state() -> str:
                found = json.loads(box.cli("diagnose", "--json", "media", check=False).stdout)
                return str(found["checks"][0]["state"])

            wait_until("it answers", lambda: state() == "ok", timeout=30, every=0.3)
            engine.kill9()
            wait_until("it is missed", lambda: state() == "wrong", timeout=30, every=0.3)
            found = wrong(box)
            assert set(found) == {"media"}
            assert engine.node in found["media"]["what"]
            assert "systemctl restart rtpengine-daemon" in found["media"]["todo"]
            engine.start()
            wait_until("it is back", lambda: state() == "ok", timeout=30, every=0.3)


@pytest.mark.mariadb
def test_a_worker_that_is_dead(mariadb: MariaDB) -> None:
    with Workers(mariadb_database(mariadb), count=2, agent=True) as box:
        assert findings(box)["server"]["what"].startswith("version ")
        box.kill9_worker(2)
        found = wrong(box)
        assert found["server"]["what"] == "1 worker of 2 does not answer: 2"
        box.start_worker(2)
        assert not wrong(box, "server", code=0)


def test_a_name_server_is_asked_and_answers() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((LOOPBACK, 0))
        server.settimeout(20)
        asked: list[bytes] = []

        def answer() -> None:
            question, source = server.recvfrom(512)
            asked.append(question)
            server.sendto(question[:2] + b"\x81\x85" + question[4:], source)  # REFUSED is an answer

        thread = threading.Thread(target=answer)
        thread.start()
        port = server.getsockname()[1]
        assert answers(LOOPBACK, port)
        thread.join()
    assert asked[0][2:] == bytes.fromhex("0100 0001 0000 0000 0000 00 0002 0001")
    assert not answers(LOOPBACK, port)


def test_a_socket_is_found_with_its_owner() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mine:
        mine.bind((LOOPBACK, 0))
        there = Listener("udp", *mine.getsockname())
        [found] = [each for each in sockets(PROC) if each.listener == there]
        name = (PROC / "self/comm").read_text().strip()
        assert owners(PROC, {found.inode})[found.inode] >= {Owner(os.getpid(), name)}
