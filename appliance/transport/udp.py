"""Datagrams (RFC 3261 §18.1, §18.2): a listening socket is drained whenever the loop says that it is
readable.

Must not know what a datagram means, nor who handles it.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable

import gevent
from gevent import monkey

from appliance.sip.hop import Hop
from appliance.transport.given_address import free_bind

_READ = 1
# One callback takes at most this many datagrams, so that timers and other sockets have their turn in a flood.
_BATCH = 64
_LARGEST = 65_535
# The socket of the operating system, not gevent's: every call here is made only when it cannot block.
_Socket = monkey.get_original("socket", "socket")


class UdpListener:
    """One bound UDP socket; ``receive(data, hop)`` is called from the loop for each datagram."""

    transport = "udp"

    def __init__(
        self,
        host: str,
        port: int,
        index: int,
        receive: Callable[[bytes, Hop], None],
        *,
        receive_buffer: int = 4_194_304,
        inherited: int | None = None,
        shared: bool = False,
        free: bool = False,
    ) -> None:
        """Binds ``host``:``port`` (0: any free one), or takes over the descriptor ``inherited``; raises
        OSError. ``shared``: other processes bind the same address, and the kernel spreads the phones.
        ``free``: the machine may not have the address yet."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        if inherited is None:
            self._socket = _Socket(family, socket.SOCK_DGRAM)
            if family == socket.AF_INET6:
                self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            if shared:
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if free:
                free_bind(self._socket)
            self._socket.bind((host, port))
            # A burst must wait in the kernel while a greenlet is at work: 208 KB, the usual default, hold 210
            # messages. An inherited socket has its buffer from systemd, which may give more than we may.
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        else:
            self._socket = _Socket(family, socket.SOCK_DGRAM, fileno=inherited)
        self._socket.setblocking(False)
        self.host = host
        self.port: int = self._socket.getsockname()[1]
        self.index = index
        self.dropped = 0
        self.turns = 0  # how often it was looked at
        self._receive = receive
        self._watcher = gevent.get_hub().loop.io(self._socket.fileno(), _READ)

    def start(self) -> None:
        self._watcher.start(self._readable)

    def stop(self) -> None:
        """Reads no more; what has been read is still answered."""
        self._watcher.stop()

    def close(self) -> None:
        self._watcher.stop()
        self._watcher.close()
        self._socket.close()

    def fileno(self) -> int:
        number: int = self._socket.fileno()
        return number

    def option(self, level: int, name: int, size: int) -> bytes:
        """What the socket answers; raises OSError."""
        told: bytes = self._socket.getsockopt(level, name, size)
        return told

    def send(self, data: bytes, host: str, port: int) -> None:
        """Sends one datagram; raises OSError when the host cannot be reached at all."""
        try:
            self._socket.sendto(data, (host, port))
        except BlockingIOError:
            # The send buffer is full: the datagram is lost as it could be on the wire, and sent again by its
            # timer.
            self.dropped += 1
        except OSError as error:
            # An ICMP answer to an earlier datagram is reported by the next call, whoever that one is for.
            if error.errno != errno.ECONNREFUSED:
                raise
            self._socket.sendto(data, (host, port))

    def _readable(self) -> None:
        self.turns += 1
        receive, recvfrom, index = self._receive, self._socket.recvfrom, self.index
        for _ in range(_BATCH):
            try:
                data, address = recvfrom(_LARGEST)
            except BlockingIOError:
                return
            except OSError:
                continue  # as above: the error of a datagram that was sent earlier
            receive(data, Hop("udp", address[0], address[1], index))
