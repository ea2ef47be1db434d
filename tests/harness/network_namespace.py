"""A machine of its own for one phone: a network namespace with one address, beside boxes that have booted.

::

    with Namespace(network) as near, Namespace(network, routed=True) as far:
        near.get("http://10.200.1.10:8088/")
        Baresip("10", "secret", proxy=(box.address, 5060), namespace=far)

``near`` stands on the bridge, in the net of the boxes. ``far`` is in a net of its own behind this machine,
which routes between the two and changes no address: the box sees each of them at its own. Must not know what
SIP is.
"""

from __future__ import annotations

import ipaddress
import json
import random
import subprocess
import sys
from typing import NamedTuple, Self

from tests.harness.box_network import BoxNetwork
from tests.harness.debian_box import check
from tests.harness.startable import Startable

#: Network tests have this block for themselves (RFC 2544): it is never routed anywhere.
FAR = ipaddress.IPv4Network("198.18.0.0/15")

#: One GET, as a phone makes it; the status in the first line, then the body.
GET = """
import ssl, sys, urllib.error, urllib.request
url, authority = sys.argv[1:]
trust = urllib.request.HTTPSHandler(context=ssl.create_default_context(cafile=authority or None))
try:
    answer = urllib.request.build_opener(urllib.request.ProxyHandler({}), trust).open(url, timeout=20)
except urllib.error.HTTPError as error:
    answer = error
with answer:
    sys.stdout.buffer.write(b"%d\\n" % answer.status + answer.read())
"""


class Answer(NamedTuple):
    """What came back over HTTP."""

    status: int
    body: bytes


class Namespace(Startable):
    """A namespace with ``address``; the box's network is reached from it, and it from there."""

    def __init__(self, network: BoxNetwork, *, routed: bool = False) -> None:
        number = network.next_number()
        self.name = f"{network.name}-{number}"
        self._network = network
        # The name of an interface has fifteen characters at most.
        self._outside = f"v{network.name[3:]}{number}"
        self._routed = routed
        self.address = str(_free_far_address() if routed else network.net[number])
        self._gateway = str(ipaddress.IPv4Address(self.address) - 1) if routed else network.address
        self._length = 30 if routed else network.net.prefixlen

    def start(self) -> Self:
        check(["ip", "netns", "add", self.name])
        pair = ["ip", "link", "add", self._outside, "type", "veth", "peer", "name", "eth0"]
        check([*pair, "netns", self.name])
        if self._routed:
            check(["ip", "address", "add", f"{self._gateway}/{self._length}", "dev", self._outside])
            # What boxes send there is not to be masqueraded, as what they send into the world is.
            rule = f"insert rule ip {self._network.name} out ip daddr {self.address} accept"
            check(["nft", *rule.split()])
        else:
            check(["ip", "link", "set", self._outside, "master", self._network.name])
        check(["ip", "link", "set", self._outside, "up"])
        for command in (
            "link set lo up",
            f"address add {self.address}/{self._length} dev eth0",
            "link set eth0 up",
            f"route add default via {self._gateway}",
        ):
            check(["ip", "-netns", self.name, *command.split()])
        return self

    def command(self, *words: str) -> list[str]:
        """What runs ``words`` in it."""
        return ["nsenter", f"--net=/run/netns/{self.name}", *words]

    def python(self, *arguments: str) -> bytes:
        """Run Python in it; what it printed. AssertionError when it fails."""
        command = self.command(sys.executable, *arguments)
        done = subprocess.run(command, capture_output=True, timeout=120, check=False)
        assert done.returncode == 0, f"{arguments[-2:]} from {self.address}: {done.stderr.decode()[-1000:]}"
        return done.stdout

    def get(self, url: str, authority: str = "") -> Answer:
        """One HTTP request from its address; over HTTPS ``authority``, a PEM file, is trusted alone."""
        status, _, body = self.python("-c", GET, url, authority).partition(b"\n")
        return Answer(int(status), body)

    def received(self) -> int:
        """How many packets have come to it."""
        shown = check(["ip", "-netns", self.name, "-statistics", "-json", "link", "show", "dev", "eth0"])
        return int(json.loads(shown)[0]["stats64"]["rx"]["packets"])

    def close(self) -> None:
        for command in (
            ["ip", "link", "delete", self._outside],
            ["ip", "netns", "delete", self.name],
        ):
            subprocess.run(command, capture_output=True, check=False)


def _free_far_address() -> ipaddress.IPv4Address:
    """The second address of a /30 that this machine does not use."""
    taken = [
        ipaddress.IPv4Network(route["dst"], strict=False)
        for route in json.loads(check(["ip", "-json", "-4", "route", "show", "table", "all"]))
        if route["dst"] != "default"
    ]
    chance = random.SystemRandom()
    for _ in range(1000):
        net = ipaddress.IPv4Network((int(FAR[0]) + 4 * chance.randrange(FAR.num_addresses // 4), 30))
        if not any(net.overlaps(other) for other in taken):
            return net[2]
    raise RuntimeError(f"no free /30 below {FAR}")
