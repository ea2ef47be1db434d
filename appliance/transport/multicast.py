"""Datagrams between nodes: one private socket that sends and is answered at, and one that hears a group.

Must not know what a datagram means.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from typing import Any

import gevent
from gevent import monkey

_READ = 1
_BATCH = 64
_LARGEST = 65_535
_BUFFER = 4_194_304
_Socket = monkey.get_original("socket", "socket")

Address = tuple[str, int]


class NodeSockets:
    """The sockets at ``interface``, an address of ours, and ``port``.

    ``group`` is a multicast group of IPv4 that is sent to and heard, "" for none; ``peers`` get a packet
    each. ``receive(packet, address)`` is called from the loop.
    """

    def __init__(
        self,
        interface: str,
        port: int,
        receive: Callable[[bytes, Address], None],
        *,
        group: str = "",
        peers: Sequence[Address] = (),
        ttl: int = 1,
    ) -> None:
        """Binds; raises OSError."""
        self._receive = receive
        self.dropped = 0
        family = socket.AF_INET6 if ":" in interface else socket.AF_INET
        self._private = _Socket(family, socket.SOCK_DGRAM)
        self._sockets = [self._private]
        self._watchers: list[Any] = []
        try:
            self._private.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
            self._private.bind((interface, port))
            self.port: int = self._private.getsockname()[1]
            if group:
                self._private.setsockopt(
                    socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(interface)
                )
                self._private.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, ttl)
                self._sockets.append(_join(group, port, interface))
        except OSError:
            self.close()
            raise
        self._everybody = [*([(group, port)] if group else []), *peers]
        for each in self._sockets:
            each.setblocking(False)
            self._watchers.append(gevent.get_hub().loop.io(each.fileno(), _READ))

    def start(self) -> None:
        """Reads from here on."""
        for watcher, each in zip(self._watchers, self._sockets, strict=True):
            watcher.start(self._readable, each)

    def stop(self) -> None:
        """Reads no more."""
        for watcher in self._watchers:
            watcher.stop()

    def close(self) -> None:
        for watcher in self._watchers:
            watcher.stop()
            watcher.close()
        for each in self._sockets:
            each.close()

    def send(self, packet: bytes, address: Address | None) -> None:
        """Sends to one, or to all (None). What cannot be sent is lost, as on the wire, and counted."""
        for each in self._everybody if address is None else [address]:
            try:
                self._private.sendto(packet, each)
            except OSError:
                self.dropped += 1

    def _readable(self, which: socket.socket) -> None:
        for _ in range(_BATCH):
            try:
                packet, address = which.recvfrom(_LARGEST)
            except BlockingIOError:
                return
            except OSError:
                continue  # the error of a datagram that was sent earlier: nobody listens there
            self._receive(packet, (address[0], address[1]))


def _join(group: str, port: int, interface: str) -> socket.socket:
    """A socket that hears the group on that interface, and nothing else."""
    joined: socket.socket = _Socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        joined.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        joined.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        joined.bind((group, port))
        joined.setsockopt(
            socket.IPPROTO_IP,
            socket.IP_ADD_MEMBERSHIP,
            socket.inet_aton(group) + socket.inet_aton(interface),
        )
    except OSError:
        joined.close()
        raise
    return joined
