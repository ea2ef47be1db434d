"""A private network for booted boxes: a bridge on this machine, and the way out to the package mirror.

The net is one that this machine does not use. What is changed here (a bridge, an nftables table, forwarding)
is undone at the end; several runs of the tests may have networks at the same time.
"""

from __future__ import annotations

import fcntl
import ipaddress
import json
import os
import random
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Self

from tests.harness.debian_box import CACHE, check

FORWARDING = Path("/proc/sys/net/ipv4/ip_forward")
#: Whoever has a network holds this file; the last one to leave puts the machine's own value back.
FORWARDING_LOCK = Path("/run/lock/sipbox-tests-forwarding")


class BoxNetwork:
    """A bridge with the first address of a /24 and of an fd00::/8 /64; boxes get the following ones."""

    def __init__(self) -> None:
        assert os.geteuid() == 0, "a network for boxes is made by root only"
        self._random = random.SystemRandom()
        self.name = f"sbx{self._random.randrange(16**6):06x}"
        self.net = self._free_net()
        self.net6 = ipaddress.IPv6Network((0xFD << 120 | self._random.getrandbits(40) << 80, 64))
        self.address = str(self.net[1])
        self.address6 = str(self.net6[1])
        self._next = 9
        # Short: the path of a control socket of SSH must fit into 108 bytes.
        self.directory = Path(tempfile.mkdtemp(prefix="sbx-", dir="/tmp"))
        self.key = self.directory / "key"
        self.known_hosts = self.directory / "known_hosts"
        self.ssh_config = self.directory / "ssh_config"
        try:
            self._start()
        except BaseException:
            self.close()
            raise

    def _start(self) -> None:
        CACHE.mkdir(parents=True, exist_ok=True)
        check(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "tests", "-f", self.key])
        self.known_hosts.touch()
        options = "\n  ".join(f"{name} {value}" for name, value in self.ssh_options().items())
        self.ssh_config.write_text(f"Host *\n  User root\n  {options}\n")
        check(["ip", "link", "add", self.name, "type", "bridge"])
        check(["ip", "address", "add", f"{self.address}/24", "dev", self.name])
        check(["ip", "address", "add", f"{self.address6}/64", "dev", self.name, "nodad"])
        check(["ip", "link", "set", self.name, "up"])
        self._forward()
        rules = (
            f"add table ip {self.name}\n"
            f"add chain ip {self.name} out {{ type nat hook postrouting priority srcnat; }}\n"
            f'add rule ip {self.name} out ip saddr {self.net} oifname != "{self.name}" masquerade\n'
        )
        (self.directory / "nat.nft").write_text(rules)
        check(["nft", "-f", self.directory / "nat.nft"])

    def ssh_options(self) -> dict[str, str]:
        """What makes ssh use the tests' key and nothing of this user's."""
        return {
            "IdentityFile": str(self.key),
            "IdentitiesOnly": "yes",
            "UserKnownHostsFile": str(self.known_hosts),
            "GlobalKnownHostsFile": "/dev/null",
            "StrictHostKeyChecking": "yes",
            "BatchMode": "yes",
            "ConnectTimeout": "10",
            "LogLevel": "ERROR",
        }

    def next_number(self) -> int:
        """The last part of an address that no box of this network had yet."""
        self._next += 1
        assert self._next < 255, "this network has no address left"
        return self._next

    def _free_net(self) -> ipaddress.IPv4Network:
        taken = [
            ipaddress.IPv4Network(route["dst"], strict=False)
            for route in json.loads(check(["ip", "-json", "-4", "route", "show", "table", "all"]))
            if route["dst"] != "default"
        ]
        for _ in range(1000):
            second, third = self._random.randrange(190, 250), self._random.randrange(256)
            net = ipaddress.IPv4Network(f"10.{second}.{third}.0/24")
            if not any(net.overlaps(other) for other in taken):
                return net
        raise RuntimeError("no free /24 below 10.0.0.0/8")

    def _forward(self) -> None:
        self._lock = FORWARDING_LOCK.open("a+")
        fcntl.flock(self._lock, fcntl.LOCK_SH)
        self._lock.seek(0)
        if not self._lock.read():
            self._lock.write(FORWARDING.read_text())
            self._lock.flush()
        FORWARDING.write_text("1")

    def _stop_forwarding(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return  # another run has a network
        self._lock.seek(0)
        FORWARDING.write_text(self._lock.read() or "0")
        self._lock.truncate(0)

    def close(self) -> None:
        for command in (["nft", "delete", "table", "ip", self.name], ["ip", "link", "delete", self.name]):
            subprocess.run(command, capture_output=True, check=False)
        if hasattr(self, "_lock"):
            self._stop_forwarding()
            self._lock.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
