"""The open streams of the process, by their number and by their peer (RFC 3261 §18).

How many there may be, how long one may be silent, who holds them over a restart. A connection has the
kernel's number for it. Must not know datagrams, nor what is sent.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable
from itertools import count
from time import monotonic
from typing import TYPE_CHECKING

import gevent
from gevent.event import AsyncResult

from appliance.sip.hop import Hop
from appliance.transport.opening import connected
from appliance.transport.stream import StreamConnection

if TYPE_CHECKING:
    from appliance.sip.message import Limits

_SWEEP_SECONDS = 30.0
_SPEAKS_WITHIN = 60.0
# Linux's number of a socket, the same in every process that has it (socket(7) knows it since 4.6).
_SO_COOKIE = 57


class Connections:
    """``most`` at a time; the rest as in ``Flows``."""

    def __init__(
        self,
        receive: Callable[[bytes, Hop], None],
        limits: Limits,
        on_connection: Callable[[bool, Hop, str], None],
        *,
        most: int,
        idle_seconds: float,
        keep: Callable[[int], None] | None,
    ) -> None:
        self._receive = receive
        self._limits = limits
        self._on_connection = on_connection
        self._most = most
        self._idle_seconds = idle_seconds
        self._keep = keep
        self._connections: dict[int, StreamConnection] = {}
        self._newest: dict[tuple[str, int], StreamConnection] = {}
        self._numbers = count(1)
        self._opening: dict[tuple[str, int], AsyncResult[None]] = {}
        self._sweeper = gevent.get_hub().loop.timer(_SWEEP_SECONDS, _SWEEP_SECONDS)

    def __len__(self) -> int:
        return len(self._connections)

    def start(self) -> None:
        """Reads those that were resumed."""
        for connection in list(self._connections.values()):
            connection.start()
        self._sweeper.start(self.close_idle)

    def stop(self) -> None:
        for connection in self._connections.values():
            connection.stop()

    def close(self) -> None:
        """Closes all; those that somebody else holds as well are left open."""
        self._sweeper.stop()
        for connection in list(self._connections.values()):
            if self._keep is None:
                connection.close("the server stops")
            else:
                connection.leave()

    # -- which there are -------------------------------------------------------------------------------------

    def find(self, hop: Hop) -> StreamConnection | None:
        """The numbered one and no other: who has the same address later may be somebody else behind a NAT."""
        if hop.connection:
            return self._connections.get(hop.connection)
        return self._newest.get((hop.host, hop.port))

    def reaches(self, hop: Hop) -> bool:
        """Whether there is a connection by which ``send`` would send."""
        return self.find(hop) is not None

    def is_open(self, hop: Hop) -> bool:
        """Whether the very connection that the hop names is there."""
        connection = self._connections.get(hop.connection)
        return connection is not None and connection.hop[:3] == hop[:3]

    def hops(self) -> list[Hop]:
        """Every connection."""
        return [connection.hop for connection in self._connections.values()]

    # -- how they begin --------------------------------------------------------------------------------------

    def accept(self, sock: socket.socket, hop: Hop) -> None:
        """Somebody has connected."""
        if len(self._connections) >= self._most:
            sock.close()
            self._on_connection(False, hop, "too many connections")
            return
        self._begin(sock, hop)

    def resume(self, sock: socket.socket, hop: Hop) -> None:
        """Another process of ours began it; it is read from ``start`` on."""
        if len(self._connections) >= self._most:
            end(sock)
            self._on_connection(False, hop, "too many connections")
            return
        self._begin(sock, hop, resumed=True)

    def open(self, hop: Hop) -> None:
        """Opens one to where a peer listens, or waits until it is open; raises OSError.

        Blocks the calling greenlet for at most three seconds. Several that want the same peer share one
        attempt.
        """
        peer = (hop.host, hop.port)
        if hop.connection:
            raise ConnectionError(f"the connection from {hop.host}:{hop.port} is gone")
        attempt = self._opening.get(peer)
        if attempt is None:
            attempt = self._opening[peer] = AsyncResult()
            gevent.spawn(self._open, hop, attempt)
        attempt.get()

    def _open(self, hop: Hop, attempt: AsyncResult[None]) -> None:
        peer = (hop.host, hop.port)
        sock: socket.socket | None = None
        try:
            sock = connected(*peer)
            self._begin(sock, hop).has_spoken = True  # whom we call need not speak first
        except OSError as error:
            if sock is not None:
                sock.close()
            attempt.set_exception(error)
        else:
            attempt.set(None)
        finally:
            del self._opening[peer]

    def _begin(self, sock: socket.socket, hop: Hop, *, resumed: bool = False) -> StreamConnection:
        hop = hop._replace(connection=self._number_of(sock))
        connection = StreamConnection(sock, hop, self._limits, self._receive, self._ended, resumed=resumed)
        self._connections[hop.connection] = self._newest[hop.host, hop.port] = connection
        if not resumed:
            connection.start()
            if self._keep is not None:
                self._keep(sock.fileno())
        self._on_connection(True, hop, "")
        return connection

    def _number_of(self, sock: socket.socket) -> int:
        """The kernel's number for this connection: the next process that is handed it finds the same one."""
        try:
            return int.from_bytes(sock.getsockopt(socket.SOL_SOCKET, _SO_COOKIE, 8), sys.byteorder)
        except OSError:
            return next(self._numbers)  # not Linux: nobody hands connections over there

    # -- how they end ----------------------------------------------------------------------------------------

    def close_idle(self) -> None:
        """Also those that were opened and never said a thing: they would take the places of the phones."""
        now = monotonic()
        for connection in list(self._connections.values()):
            patience = self._idle_seconds if connection.has_spoken else _SPEAKS_WITHIN
            if connection.last_used < now - min(patience, self._idle_seconds):
                connection.close("idle")

    def _ended(self, connection: StreamConnection, reason: str) -> None:
        hop = connection.hop
        del self._connections[hop.connection]
        if self._newest.get((hop.host, hop.port)) is connection:
            del self._newest[hop.host, hop.port]
        self._on_connection(False, hop, reason)


def end(sock: socket.socket) -> None:
    """Closes a connection for good, also for others that hold it."""
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # the peer was faster
    sock.close()
