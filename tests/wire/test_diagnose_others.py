"""sipbox diagnose: what the box needs of others and shows them: name servers, neighbours, certificates,
domains, phones' configurations. Each fault is real, and its advice is followed."""

from __future__ import annotations

import json
import signal
import socket
from pathlib import Path
from typing import Any

from appliance.config import parse
from appliance.diagnosis import Surroundings, queues
from appliance.diagnosis.lenient import Reading
from tests.harness.authority import Authority
from tests.harness.name_server import NameServer
from tests.harness.neighbours import neighbours_key
from tests.harness.ports import LOOPBACK, free_port
from tests.harness.provisioning import PhoneBox
from tests.harness.sipbox import Sipbox
from tests.harness.waiting import wait_until

PATIENCE = 30.0


def finding(box: Sipbox, part: str) -> dict[str, Any]:
    """What is found of one part."""
    told: dict[str, Any] = json.loads(box.cli("diagnose", "--json", part, check=False).stdout)["checks"][0]
    return told


def is_well(box: Sipbox, part: str) -> None:
    wait_until(f"{part} is well", lambda: finding(box, part)["state"] == "ok", timeout=PATIENCE, every=0.3)


def test_name_servers_that_are_silent() -> None:
    with NameServer() as silent, NameServer() as other:
        dns = {"name_servers": [silent.text], "records": False}
        enum = {"suffix": "e164.example", "name_servers": [silent.text]}
        with Sipbox(settings={"sip": {"domains": ["example.org"]}, "dns": dns, "enum": enum}) as box:
            for part in ("dns", "enum"):
                is_well(box, part)
            silent.silent = True
            for part, named in (("dns", "dns.name_servers"), ("enum", "enum.name_servers")):
                found = finding(box, part)
                assert found["state"] == "wrong" and silent.address[0] in found["what"]
                assert f"ping -c 3 {LOOPBACK}" in found["todo"] and named in found["todo"]
            # Others are named, as it says.
            dns["name_servers"] = enum["name_servers"] = [other.text]
            box.write_settings({"dns": dns, "enum": enum})
            box.restart()
            for part in ("dns", "enum"):
                is_well(box, part)


def test_a_certificate_that_ends_soon(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = authority.issue(LOOPBACK, days=3)
    tls = {"certificate": str(certificate), "certificate_key": str(key)}
    with Sipbox(settings={"tls": tls}) as box:
        found = finding(box, "certificates")
        assert found["what"] == f"{certificate} expires in 2 days"
        assert found["todo"].endswith("put new files in their place, and: sipbox certificate reload.")
        authority.issue(LOOPBACK, days=60)
        assert (
            finding(box, "certificates")["what"] == "the server shows other certificates than the files have"
        )
        box.cli("certificate", "reload")
        is_well(box, "certificates")


def test_no_domain_is_served() -> None:
    with Sipbox() as box:
        box.stop()
        box.write_settings({"sip": {"domains": []}})
        box.start(wait=False)
        wait_until(
            "it is found", lambda: finding(box, "domains")["state"] == "wrong", timeout=PATIENCE, every=0.3
        )
        box.cli(*finding(box, "domains")["todo"].split()[1:])
        is_well(box, "domains")


def test_a_neighbour_that_is_not_heard_of(tmp_path: Path) -> None:
    key, ports = neighbours_key(tmp_path), (free_port(), free_port())

    def settings(name: str, own: int, other: int) -> dict[str, dict[str, Any]]:
        return {
            "sip": {"domains": ["example.org"]},
            "replication": {
                "interface": LOOPBACK, "port": own, "peers": [f"{LOOPBACK}:{other}"], "key_file": str(key),
                "node": name,
            },
        }  # fmt: skip

    with (
        Sipbox(settings=settings("one", *ports)) as box,
        Sipbox(settings=settings("two", *ports[::-1])) as two,
    ):
        is_well(box, "replication")
        two.stop()
        wait_until(
            "it is missed", lambda: finding(box, "replication")["state"] == "wrong", timeout=60, every=0.5
        )
        assert "See that it runs (sipbox status there)" in finding(box, "replication")["todo"]
        assert two.cli("status", check=False).returncode == 1
        two.start()
        is_well(box, "replication")


def test_phones_that_get_no_configuration_because_the_agent_is_dead() -> None:
    with PhoneBox() as box:
        is_well(box, "phones")
        assert box.agent is not None
        box.agent.signal(signal.SIGKILL)
        box.agent.wait(10)
        told = json.loads(box.cli("diagnose", "--json", check=False).stdout)["checks"]
        wrong = {each["part"]: each["because"] for each in told if each["state"] == "wrong"}
        assert wrong == {"agent": "", "phones": "agent"}
        box.start_agent()
        is_well(box, "phones")


def test_a_queue_that_nobody_reads() -> None:
    """The kernel's own numbers of a real socket."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as deaf:
        deaf.bind((LOOPBACK, 0))
        listen = f"udp:{LOOPBACK}:{deaf.getsockname()[1]}"
        settings = parse(f'[sip]\nlisten = ["{listen}"]\nreceive_buffer = 65536\n')

        def ask(_command: str, /, **_args: Any) -> dict[str, Any]:
            return {"state": "ok"}

        around = Surroundings(Reading("sipbox.toml", settings), ask)
        assert queues.look(around).state == "ok"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for _ in range(60):
                sender.sendto(bytes(1000), deaf.getsockname())
        found = queues.look(around)
        assert found.state == "wrong" and found.what.endswith(f"bytes wait unread at {listen}")
        assert "sip.workers" in found.todo
        for _ in range(60):
            deaf.recv(2000)
        assert queues.look(around).state == "ok"
