"""The name servers: does one answer. Without, nobody is called at another domain.

Each of the settings, or of /etc/resolv.conf, is asked for the root's own servers (RFC 1035 §4): any answer
shows that it lives.
"""

from __future__ import annotations

import secrets
import socket
import struct
from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from pathlib import Path

from appliance.config.listener import split_name_server
from appliance.diagnosis.finding import Finding, few
from appliance.diagnosis.surroundings import Surroundings

RESOLV_CONF = Path("etc/resolv.conf")
_MOST = 3  # so many the C library asks
_SECONDS = 1.5
_TRIES = 2
_RECURSION_DESIRED = 0x0100
_NS, _INTERNET = 2, 1


def judge(answered: Mapping[str, bool], domains: Iterable[str], place: str = f"/{RESOLV_CONF}") -> Finding:
    """``answered`` says of each name server whether it does, ``place`` where they are named; ``domains`` are
    served."""
    if all(is_address(name) for name in domains):
        return Finding("off", "no names are needed: the domains are addresses")
    if not answered:
        return Finding("off", f"/{RESOLV_CONF} names no server: other domains cannot be called")
    silent = [server for server, did in answered.items() if not did]
    ping = f"ping -c 3 {_host(silent[0])}" if silent else ""
    if len(silent) == len(answered):
        return Finding(
            "wrong",
            f"no name server answers ({few(silent)}): other domains cannot be called",
            f"See the way there: {ping}; if it answers, name another server in {place}.",
        )
    if silent:
        what = f"{few(silent)} does not answer, and each call to another domain waits for it"
        return Finding("wrong", what, f"Take it out of {place}, or see the way there: {ping}.")
    return Finding("ok", f"{few(list(answered))} answers")


def look(around: Surroundings) -> Finding:
    """Ask each server, when names are needed."""
    domains = around.need("sip").sip.domains if around.status is None else around.status["domains"]
    if all(is_address(name) for name in domains):
        return judge({}, domains)
    wanted = around.settings.dns
    if wanted.name_servers:
        own = zip(wanted.name_servers, wanted.addresses, strict=True)
        return judge({text: answers(*server) for text, server in own}, domains, "dns.name_servers")
    try:
        text = (around.root / RESOLV_CONF).read_text()
    except FileNotFoundError:
        text = ""
    return judge({server: answers(server) for server in name_servers(text)}, domains)


def name_servers(text: str) -> list[str]:
    """The servers of a resolv.conf(5)."""
    words = [line.split() for line in text.splitlines()]
    return [each[1] for each in words if len(each) > 1 and each[0] == "nameserver"][:_MOST]


def answers(server: str, port: int = 53) -> bool:
    """Whether there is an answer, whatever it says."""
    number = secrets.token_bytes(2)
    question = number + struct.pack("!HHHHHBHH", _RECURSION_DESIRED, 1, 0, 0, 0, 0, _NS, _INTERNET)
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as asking:
        asking.settimeout(_SECONDS)
        for _ in range(_TRIES):
            try:
                asking.connect((server, port))
                asking.send(question)
                if asking.recv(4096)[:2] == number:
                    return True
            except OSError:
                continue
    return False


def _host(server: str) -> str:
    """Of a name server that may be written with a port."""
    try:
        return split_name_server(server)[0]
    except ValueError:  # whatever stands in a resolv.conf
        return server


def is_address(name: str) -> bool:
    """Whether a domain is an IP address."""
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True
