"""A box with the firewall of the role, an attacker, phones that are registered and phones that are new.

All in network namespaces. What the phones do is in ``registering``, what the attacker does in ``flood``.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
import yaml

from tests.harness.authority import Authority
from tests.harness.networks import Networks
from tests.harness.ports import LOOPBACK
from tests.harness.process import Process
from tests.harness.sipbox import REPOSITORY, Sipbox

FLOOD = Path(__file__).with_name("flood.py")
#: Where it listens for TLS.
SECURE = 5061


def ruleset(**variables: Any) -> str:
    """The ruleset as the role firewall writes it, for a server with these listeners."""
    environment = jinja2.Environment(trim_blocks=True, undefined=jinja2.StrictUndefined)
    environment.tests["search"] = lambda value, pattern: re.search(pattern, str(value)) is not None
    settings = yaml.safe_load((REPOSITORY / "roles/firewall/defaults/main.yml").read_text())
    everybody = ["0.0.0.0/0", "::/0"]
    given: dict[str, Any] = {name: value for name, value in settings.items() if isinstance(value, int)}
    given |= {name: [] for name in settings if name.endswith(("_ports", "_from"))} | {"firewall_open": []}
    given |= {"firewall_sip_from": everybody, "firewall_sip_udp_ports": ["5060"]}
    given |= {"firewall_sip_tcp_ports": ["5060"], "ansible_managed": "for a test"} | variables
    given["firewall_flood_ports"] = given["firewall_sip_udp_ports"] + given["firewall_sip_tcp_ports"]
    template = REPOSITORY / "templates/firewall/sipbox.nft.j2"
    return environment.from_string(template.read_text()).render(given)


class Besieged:
    """The world. ``newcomers`` are addresses that nobody has registered from."""

    def __init__(self, net: Networks, directory: Path, newcomers: int) -> None:
        self.directory = directory
        self.place = net.public()
        self.office, self.strangers, self.attacker = net.public(), net.public(), net.public()
        self.newcomers = [f"10.98.{number >> 8}.{number & 255}" for number in range(1, newcomers + 1)]
        self.strangers.ip("route add local 10.98.0.0/16 dev lo")
        self.place.ip(f"route add 10.98.0.0/16 via {self.strangers.address}")
        self.place.ip(f"route add default via {self.attacker.address}")
        self.attacker.run("sysctl", "-qw", "net.ipv4.ip_forward=0")
        rules = directory / "sipbox.nft"
        rules.write_text(ruleset(firewall_sip_tcp_ports=["5060", str(SECURE)]))
        self.place.run("nft", "--file", str(rules))
        authority = Authority(directory)
        certificate, key = authority.issue(self.place.address)
        self.tls = authority.client()
        self.box = Sipbox(place=self.place, agent=True)
        listen = [*self.box.settings["sip"]["listen"], f"tls:{self.place.address}:{SECURE}"]
        self.box.write_settings(
            {
                "sip": {"listen": listen},
                "tls": {"certificate": str(certificate), "certificate_key": str(key)},
                "agent": {"firewall": True},
                # Each registration is by a contact of its own, and a user may have only so many.
                "registrar": {"max_contacts": 0},
            }
        )

    @property
    def secure(self) -> tuple[str, int]:
        """Where it is reached by TLS."""
        return (self.place.address, SECURE)

    def flood(self, kind: str, addresses: int, rate: int, seconds: float) -> Process:
        """Begins a flood; ``addresses`` 0 is another one for each packet."""
        port = SECURE if kind == "tls" else 5060
        words = [kind, addresses, rate, seconds, "eth0", self.place.address, port]
        command = [sys.executable, str(FLOOD), *map(str, words)]
        return Process(
            self.attacker.command(*command),
            log=self.directory / f"flood-{kind}-{addresses}-{time.time()}.log",
        )

    def known(self) -> set[str]:
        """Whom the kernel knows."""
        told = json.loads(self.place.run("nft", "--json", "list", "set", "inet", "sipbox", "known4"))
        elements = next(each["set"].get("elem", []) for each in told["nftables"] if "set" in each)
        return {str(each["elem"]["val"]) for each in elements}

    def dropped(self) -> int:
        """How many packets the kernel has dropped as strangers'."""
        told = json.loads(self.place.run("nft", "--json", "list", "chain", "inet", "sipbox", "strangers"))
        rules = [each["rule"]["expr"] for each in told["nftables"] if "rule" in each]
        return sum(
            part["counter"]["packets"]
            for rule in rules
            for part in rule
            if isinstance(part.get("counter"), Mapping)
        )

    def half_open(self) -> int:
        """How many handshakes by TLS have come to nothing, as the metrics tell it."""
        with self.place.connect((LOOPBACK, self.box.agent_port), 20.0) as agent:
            agent.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            text = agent.makefile().read()
        return sum(
            map(int, map(float, re.findall(r"(?m)^sipbox_tls_handshake_failures_total\{.*\} (\S+)$", text)))
        )

    def memory(self) -> int:
        """Resident bytes of the server."""
        text = Path(f"/proc/{self.box.pid}/status").read_text()
        return int(text.partition("VmRSS:")[2].split()[0]) * 1024
