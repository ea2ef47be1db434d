"""Networks of namespaces: a public one, homes behind NATs of their own, an office, a cloud, a gateway.

::

    with Networks(udp_timeout=4) as net:
        box = net.public()                   # a place with an address that everybody reaches
        home, other = net.home(), net.home() # each behind its NAT, both with 192.168.1.0/24
        line = net.carrier(box).place()      # a gateway in a network of its own
        with Sipbox(place=box), Baresip("10", "secret", proxy=(box.address, 5060), namespace=home.place()):
            ...

A place is a namespace with an address: processes run in it (``command``), and sockets of the test itself live
in it (``open_socket``, ``connect``). Nothing of the machine's own network is touched, and nothing leads out.
Each NAT masquerades with another port for each flow (nftables, fully-random) and forgets a UDP flow after
``udp_timeout`` seconds of silence. Needs root. Must not know what SIP is.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
import re
import socket
import subprocess
import threading
from pathlib import Path
from typing import Self

from tests.harness.debian_box import check

_CLONE_NEWNET = 0x40000000
_numbers = itertools.count(1)

MASQUERADE = """
table ip nat {
  chain out { type nat hook postrouting priority srcnat; oifname "eth0" masquerade fully-random; }
}
table ip guard {
  chain in { type filter hook forward priority filter; iifname "eth0" ct state new drop; }
  chain knocks { type filter hook input priority filter; iifname "eth0" meta l4proto udp counter drop; }
}
"""
ONE_TO_ONE = """
table ip nat {
  chain in { type nat hook prerouting priority dstnat; iifname "eth0" dnat to INSIDE; }
  chain out { type nat hook postrouting priority srcnat; oifname "eth0" snat to OUTSIDE; }
}
"""


class Namespace:
    """One network namespace, with loopback."""

    def __init__(self) -> None:
        self.name = f"sipbox-{os.getpid()}-{next(_numbers)}"
        self._links = itertools.count()
        check(["ip", "netns", "add", self.name])
        self.ip("link set lo up")

    def ip(self, command: str) -> None:
        check(["ip", "-netns", self.name, *command.split()])

    def command(self, *words: str) -> list[str]:
        """What runs ``words`` in it."""
        return ["nsenter", f"--net=/run/netns/{self.name}", *words]

    def run(self, *words: str, typed: str | None = None) -> str:
        """What a command prints; AssertionError when it fails."""
        done = subprocess.run(
            self.command(*words), input=typed, capture_output=True, text=True, timeout=30, check=False
        )
        assert done.returncode == 0, f"{' '.join(words)}: {done.stderr}"
        return done.stdout

    def next_link(self) -> str:
        return f"eth{next(self._links)}"

    def close(self) -> None:
        subprocess.run(["ip", "netns", "delete", self.name], capture_output=True, check=False)


class Place(Namespace):
    """A namespace with ``address``; ``addresses`` are all of them, where it is in several networks."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    @property
    def address(self) -> str:
        return self.addresses[0]

    def open_socket(self, family: int, kind: int) -> socket.socket:
        """A socket of this process that lives there."""
        made: list[socket.socket] = []

        def enter() -> None:
            # Of a thread, which ends with it: the rest of the process stays where it is.
            with Path(f"/run/netns/{self.name}").open() as there:
                libc = ctypes.CDLL(None, use_errno=True)
                if libc.setns(there.fileno(), _CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), "setns")
            made.append(socket.socket(family, kind))

        thread = threading.Thread(target=enter)
        thread.start()
        thread.join()
        return made[0]

    def connect(self, address: tuple[str, int], timeout: float = 1.0) -> socket.socket:
        """A TCP connection from there."""
        connection = self.open_socket(socket.AF_INET, socket.SOCK_STREAM)
        connection.settimeout(timeout)
        try:
            connection.connect(address)
        except OSError:
            connection.close()
            raise
        return connection

    def received(self) -> int:
        """How many packets have come to it."""
        # Not by /sys, which is that of whoever mounted it.
        line = next(each for each in self.run("cat", "/proc/net/dev").splitlines() if "eth0:" in each)
        return int(line.partition(":")[2].split()[1])


def counted(place: Place, table: str, chain: str) -> int:
    """The packets that the counter in that chain of nftables has counted there."""
    found = re.search(r"counter packets (\d+)", place.run("nft", "list", "chain", "ip", table, chain))
    assert found
    return int(found[1])


class Network:
    """A bridge in a namespace of its own, or in that of the router that connects it."""

    def __init__(self, subnet: str, first: int, router: Place | None = None) -> None:
        self._prefix = subnet.rpartition(".")[0]
        self._hosts = itertools.count(first)
        self._namespace = router or Namespace()
        self._ports = itertools.count()
        self._gateway = f"{self._prefix}.1" if router else None
        # With an address of its own: by itself a bridge takes the lowest of those who are attached to it, and
        # whoever asked for the router's before the last one came would send to nobody.
        self._namespace.ip("link add lan address 02:00:00:00:00:01 type bridge")
        self._namespace.ip("link set lan up")
        if router:
            self._namespace.ip(f"address add {self._gateway}/24 dev lan")

    @property
    def namespaces(self) -> list[Namespace]:
        return [self._namespace]

    def next_address(self) -> str:
        """One that nobody has yet."""
        return f"{self._prefix}.{next(self._hosts)}"

    def attach(self, place: Place) -> str:
        """The address that the place has in this network from now on."""
        address, link, port = self.next_address(), place.next_link(), next(self._ports)
        other = f"netns {place.name}"
        self._namespace.ip(f"link add port{port} type veth peer name {link} {other}")
        self._namespace.ip(f"link set port{port} master lan up")
        place.ip(f"address add {address}/24 dev {link}")
        place.ip(f"link set {link} up")
        if self._gateway:
            place.ip(f"route add default via {self._gateway}")
        place.addresses.append(address)
        return address


class Home:
    """A network behind a router, a NAT by its ``rules``; ``address`` is what the world sees of it."""

    def __init__(
        self, world: Network, *, subnet: str, rules: str, udp_timeout: int, places: list[Namespace]
    ) -> None:
        self._world, self._places = world, places
        self.router = Place()
        places.append(self.router)
        self.address = world.attach(self.router)
        self.lan = Network(subnet, 20, self.router)
        inside = f"{subnet.rpartition('.')[0]}.20"
        rules = rules.replace("INSIDE", inside).replace("OUTSIDE", self.address)
        self.router.run("nft", "-f", "-", typed=rules)
        for setting in (
            "net.ipv4.ip_forward=1",
            f"net.netfilter.nf_conntrack_udp_timeout={udp_timeout}",
            f"net.netfilter.nf_conntrack_udp_timeout_stream={udp_timeout}",
        ):
            self.router.run("sysctl", "-qw", setting)

    def place(self) -> Place:
        """One more place in it."""
        place = Place()
        self._places.append(place)
        self.lan.attach(place)
        return place

    def flows(self) -> list[str]:
        """The UDP flows that the NAT knows, as its kernel tells them."""
        told = self.router.run("cat", "/proc/net/nf_conntrack")
        return [line for line in told.splitlines() if " udp " in line]

    def ports(self, towards: int) -> set[str]:
        """The ports that the NAT has given to UDP flows which lead to that port."""
        # A flow is told twice, as it is inside and as the answers come: src, dst, sport, dport of each.
        found = (re.findall(r"\bdport=(\d+)", flow) for flow in self.flows())
        return {given for asked, given in found if asked == str(towards)}

    def knocks(self) -> int:
        """How many UDP packets have come to the NAT from outside for a flow that it does not know."""
        return counted(self.router, "guard", "knocks")

    def redial(self) -> None:
        """The line is interrupted: the NAT forgets all flows, and the world knows it by another address."""
        before, self.address = self.address, self._world.next_address()
        self.router.ip(f"address delete {before}/24 dev eth0")
        self.router.ip("link set eth0 down")
        self.router.ip(f"address add {self.address}/24 dev eth0")
        self.router.ip("link set eth0 up")


class Networks:
    """The world: 203.0.113.0/24, and what is attached to it."""

    def __init__(self, *, udp_timeout: int = 30) -> None:
        self._udp_timeout = udp_timeout
        self._places: list[Namespace] = []
        self._world: Network | None = None

    def __enter__(self) -> Self:
        self._world = Network("203.0.113.0", 10)
        self._places += self._world.namespaces
        return self

    def __exit__(self, *_: object) -> None:
        for place in reversed(self._places):
            with contextlib.suppress(OSError):
                place.close()

    def public(self) -> Place:
        """A place that everybody reaches: the box, or a gateway."""
        assert self._world is not None
        place = Place()
        self._places.append(place)
        self._world.attach(place)
        return place

    def home(self, subnet: str = "192.168.1.0") -> Home:
        """A network of private addresses behind a NAT that gives each flow a port by chance."""
        assert self._world is not None
        return Home(
            self._world, subnet=subnet, rules=MASQUERADE, udp_timeout=self._udp_timeout, places=self._places
        )

    def cloud(self, subnet: str = "10.200.0.0") -> Home:
        """A network whose first place the world knows by another address (1:1 NAT), as clouds do it."""
        assert self._world is not None
        return Home(
            self._world, subnet=subnet, rules=ONE_TO_ONE, udp_timeout=self._udp_timeout, places=self._places
        )

    def carrier(self, *known_to: Place, subnet: str = "198.51.100.0") -> Home:
        """Public addresses behind a router that changes nothing; these places have a way to it."""
        assert self._world is not None
        carrier = Home(self._world, subnet=subnet, rules="", udp_timeout=30, places=self._places)
        for place in known_to:
            place.ip(f"route add {subnet}/24 via {carrier.address}")
        return carrier

    def office(self, box: Place, subnet: str = "10.0.5.0") -> Office:
        """A network that the box has another interface in, and no way from there into the world."""
        office = Office(subnet, self._places)
        office.lan.attach(box)
        return office


class Office:
    """A private network with no NAT between it and the box."""

    def __init__(self, subnet: str, places: list[Namespace]) -> None:
        self._places = places
        self.lan = Network(subnet, 10)
        places += self.lan.namespaces

    def place(self) -> Place:
        place = Place()
        self._places.append(place)
        self.lan.attach(place)
        return place
