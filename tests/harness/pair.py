"""Two boxes in a network of namespaces that are one telephone system, and the address that they hold in turn.

::

    with Networks() as net, Pair(net, mariadb_database(server)) as pair:
        pair.give(0)                         # the first box holds the address from now on
        phone = pair.phone("10", net.public())
        pair.give(1)

The address is moved by hand, as keepalived would. Both have one database.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, Self

from tests.harness.networks import Networks, Place
from tests.harness.phone import Phone
from tests.harness.sipbox import Sipbox
from tests.harness.waiting import wait_until

DOMAIN = "example.org"
USERS = tuple(str(number) for number in range(10, 20))
KEY = "0123456789abcdef" * 4


class Pair:
    """``boxes`` are both, ``shared`` is the address; ``settings`` change those of both."""

    def __init__(
        self,
        net: Networks,
        database_url: str,
        settings: dict[str, dict[str, Any]] | None = None,
        transports: Sequence[str] = ("udp", "tcp"),
    ) -> None:
        self._stack = ExitStack()
        self.places = [net.public(), net.public()]
        self.shared = "203.0.113.200"
        self.database_url = database_url
        self._holder: Place | None = None
        self.boxes = [
            self._box(number, database_url, settings or {}, transports) for number in range(len(self.places))
        ]

    def _box(
        self, number: int, database_url: str, settings: dict[str, dict[str, Any]], transports: Sequence[str]
    ) -> Sipbox:
        place = self.places[number]
        box = Sipbox(database_url, place=place)
        key = box.directory / "cluster.key"
        key.write_text(KEY)
        key.chmod(0o600)
        ports = {"udp": 5060, "tcp": 5060, "tls": 5061}
        box.write_settings(
            {
                "sip": {
                    "domains": [DOMAIN],
                    "listen": [
                        f"{transport}:{host}:{ports[transport]}"
                        for host in (place.address, self.shared)
                        for transport in transports
                    ],
                },
                "replication": {
                    "interface": place.address,
                    "peers": [f"{other.address}:5065" for other in self.places if other is not place],
                    "node": f"pbx-{number + 1}",
                    "shared_database": True,
                },
                "cluster": {
                    "key_file": str(key),
                    "shared_address": f"{self.shared}/24",
                    "members": [f"pbx-{each + 1}={at.address}" for each, at in enumerate(self.places)],
                },
            }
        )
        box.write_settings(settings)
        return box

    def __enter__(self) -> Self:
        try:
            for number, box in enumerate(self.boxes):
                self._stack.enter_context(box)
                if not number:
                    box.add_subscribers({user: f"secret-{user}" for user in USERS})
            wait_until("the boxes have met", self.have_met, timeout=30)
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def have_met(self) -> bool:
        return all(list(box.status()["neighbours"].values()) == [True] for box in self.boxes)

    def give(self, number: int, *, known: bool = True) -> None:
        """The box holds the address from now on, and no other; returns when it knows, unless told not to."""
        if self._holder is not None:
            self._holder.ip(f"address delete {self.shared}/24 dev eth0")
        self._holder = self.places[number]
        self._holder.ip(f"address add {self.shared}/24 dev eth0")
        announce(self._holder, self.shared)
        if known:
            wait_until("it knows", lambda: self.holds(number), timeout=30)

    def holds(self, number: int) -> bool:
        """Whether the box says that it holds the address."""
        return f"pbx-{number + 1}" in self.boxes[number].status()["cluster"]["holders"]

    def phone(self, user: str, place: Place, at: str | None = None, **options: Any) -> Phone:
        """A phone there whose proxy is the shared address, or a box's own."""
        made = Phone(
            user, f"secret-{user}", proxy=(at or self.shared, 5060), domain=DOMAIN, place=place, **options
        )
        return self._stack.enter_context(made)


def announce(place: Place, address: str) -> None:
    """A gratuitous ARP: whoever has asked for the address before learns that it is another machine's."""
    with place.open_socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
        sock.bind(("eth0", 0))
        own, ip = sock.getsockname()[4], socket.inet_aton(address)
        everybody = b"\xff" * 6
        says = b"\x00\x01\x08\x00\x06\x04\x00\x01" + own + ip + everybody + ip
        sock.send(everybody + own + b"\x08\x06" + says)
