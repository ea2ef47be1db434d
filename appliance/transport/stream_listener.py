"""Listening for streams (RFC 3261 §18): each connection that comes is handed on, whatever is spoken on it.

Must not know what becomes of a connection.
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
# No descriptor or no memory is left.
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_PAUSE_SECONDS = 0.5
_Socket = monkey.get_original("socket", "socket")


class StreamListener:
    """One listening TCP socket; ``accepted(socket, hop)`` is called from the loop for each new connection.

    ``transport`` is what is spoken there: tcp, tls, ws or wss.
    """

    def __init__(
        self,
        host: str,
        port: int,
        index: int,
        accepted: Callable[[socket.socket, Hop], None],
        *,
        inherited: int | None = None,
        shared: bool = False,
        free: bool = False,
        transport: str = "tcp",
    ) -> None:
        """Binds ``host``:``port`` (0: any free one), or takes over the descriptor ``inherited``; raises
        OSError. ``shared``: other processes bind the same address, and the kernel spreads the phones.
        ``free``: the machine may not have the address yet."""
        self.transport = transport
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        if inherited is None:
            self._socket = _Socket(family, socket.SOCK_STREAM)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            if shared:
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            if free:
                free_bind(self._socket)
            self._socket.bind((host, port))
            self._socket.listen(1024)
        else:
            self._socket = _Socket(family, socket.SOCK_STREAM, fileno=inherited)
        self._socket.setblocking(False)
        self.host = host
        self.port: int = self._socket.getsockname()[1]
        self.index = index
        self.turns = 0  # how often it was looked at
        self._accepted = accepted
        self._accepting = False
        self._watcher = gevent.get_hub().loop.io(self._socket.fileno(), _READ)

    def start(self) -> None:
        self._accepting = True
        self._watcher.start(self._readable)

    def stop(self) -> None:
        """Accepts no more."""
        self._accepting = False
        self._watcher.stop()

    def close(self) -> None:
        self.stop()
        self._watcher.close()
        self._socket.close()

    def fileno(self) -> int:
        number: int = self._socket.fileno()
        return number

    def option(self, level: int, name: int, size: int) -> bytes:
        """What the socket answers; raises OSError."""
        told: bytes = self._socket.getsockopt(level, name, size)
        return told

    def _readable(self) -> None:
        self.turns += 1
        try:
            sock, address = self._socket.accept()
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            if error.errno in _EXHAUSTED:
                # The backlog keeps the peers. Without a pause the loop would do nothing else but ask again.
                self._watcher.stop()
                gevent.spawn_later(_PAUSE_SECONDS, self._resume)
            return  # otherwise the peer went away again
        self._accepted(sock, Hop(self.transport, address[0], address[1], self.index))

    def _resume(self) -> None:
        if self._accepting:
            self._watcher.start(self._readable)
