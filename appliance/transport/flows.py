"""Which socket reaches a hop: the listeners, the connections by peer, and the one ``send`` (RFC 3261 §18).

A reply over a stream goes back on the very connection that its request came by; when that is gone, on a new
one to where the peer listens (§18.2.2). A request over a stream uses a connection that is there, or opens
one, and gives up on it early: a phone that is not there must never hold a call for the 32 s of Timer B.
"""

from __future__ import annotations

import errno
import select
import socket
import sys
from collections.abc import Callable, Sequence
from itertools import count
from time import monotonic
from typing import TYPE_CHECKING

import gevent
from gevent import monkey
from gevent.event import AsyncResult

from appliance.sip.hop import Hop
from appliance.transport.drops import dropped
from appliance.transport.stream import StreamConnection, StreamListener
from appliance.transport.udp import UdpListener

if TYPE_CHECKING:
    from appliance.sip.message import Limits

_WRITE = 2
_CONNECT_SECONDS = 3.0
_SWEEP_SECONDS = 30.0
_SPEAKS_WITHIN = 60.0
# Linux's number of a socket, the same in every process that has it (socket(7) knows it since 4.6).
_SO_COOKIE = 57
_Socket = monkey.get_original("socket", "socket")
_poll = monkey.get_original("select", "poll")


class Flows:
    """All sockets of the process.

    ``receive(data, hop)`` is called from the loop for each message; ``on_connection(opened, hop, reason)``
    for each connection that begins and ends. ``keep(descriptor)`` has somebody else hold a connection, so
    that it outlives this process: then ``close`` leaves the connections open. ``shared``: other processes
    listen on the same addresses.
    """

    def __init__(
        self,
        receive: Callable[[bytes, Hop], None],
        limits: Limits,
        on_connection: Callable[[bool, Hop, str], None],
        *,
        max_connections: int = 2048,
        idle_seconds: float = 3600.0,
        receive_buffer: int = 4_194_304,
        keep: Callable[[int], None] | None = None,
        shared: bool = False,
    ) -> None:
        self._shared = shared
        self.listeners: list[UdpListener | StreamListener] = []
        self._datagrams: dict[int, UdpListener] = {}
        self._receive = receive
        self._limits = limits
        self._max_connections = max_connections
        self._idle_seconds = idle_seconds
        self._receive_buffer = receive_buffer
        self._keep = keep
        self.undelivered = 0  # replies whose connection was gone, and which the peer did not take anew
        self._on_connection = on_connection
        self._connections: dict[int, StreamConnection] = {}
        self._newest: dict[tuple[str, int], StreamConnection] = {}
        self._numbers = count(1)
        self._looked_at: dict[int, int] = {}
        self._opening: dict[tuple[str, int], AsyncResult[None]] = {}
        self._sweeper = gevent.get_hub().loop.timer(_SWEEP_SECONDS, _SWEEP_SECONDS)

    @property
    def connections(self) -> int:
        return len(self._connections)

    def listen(
        self, transport: str, host: str, port: int, *, inherited: int | None = None
    ) -> UdpListener | StreamListener:
        """Opens one more listening socket, or takes over a descriptor; raises OSError, with the address in
        its text."""
        index = len(self.listeners)
        listener: UdpListener | StreamListener
        try:
            if transport == "udp":
                listener = self._datagrams[index] = UdpListener(
                    host,
                    port,
                    index,
                    self._receive,
                    receive_buffer=self._receive_buffer,
                    inherited=inherited,
                    shared=self._shared,
                )
            else:
                listener = StreamListener(
                    host, port, index, self._accepted, inherited=inherited, shared=self._shared
                )
        except OSError as error:
            problem = f"cannot listen on {transport}:{host}:{port}: {error.strerror}"
            raise OSError(error.errno, problem) from None
        self.listeners.append(listener)
        return listener

    def resume(self, descriptor: int) -> None:
        """Takes over a connection that another process of ours began; it is read from ``start`` on.

        One that fits no listener is closed: the settings have changed.
        """
        sock = _Socket(fileno=descriptor)
        try:
            peer, local = sock.getpeername(), sock.getsockname()
            hop = self.local_for(Hop("tcp", peer[0], peer[1], self._listener_at(local[0], local[1])))
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError:
            _end(sock)
            return
        if len(self._connections) >= self._max_connections:
            _end(sock)
            self._on_connection(False, hop, "too many connections")
            return
        self._begin(sock, hop, resumed=True)

    def _listener_at(self, host: str, port: int) -> int:
        """The index of the TCP listener with that address, else with that host (we opened it), else -1."""
        for wanted in ((host, port), (host,)):
            for listener in self.listeners:
                if listener.transport == "tcp" and (listener.host, listener.port)[: len(wanted)] == wanted:
                    return listener.index
        return -1

    def is_open(self, hop: Hop) -> bool:
        """Whether the very connection that the hop names is there."""
        connection = self._connections.get(hop.connection)
        return connection is not None and connection.hop[:3] == hop[:3]

    def reaches(self, hop: Hop) -> bool:
        """Whether there is a connection by which ``send`` would send."""
        return self._connection_of(hop) is not None

    def hops(self) -> list[Hop]:
        """Every connection."""
        return [connection.hop for connection in self._connections.values()]

    def unread(self) -> list[str]:
        """The listeners that have something to be read and were not looked at since the last time that
        somebody asked."""
        found = []
        poll = _poll()
        for listener in self.listeners:
            poll.register(listener.fileno(), select.POLLIN)
        waiting = {descriptor for descriptor, _ in poll.poll(0)}
        before, self._looked_at = self._looked_at, {}
        for listener in self.listeners:
            if listener.fileno() in waiting:
                self._looked_at[listener.index] = listener.turns
                if before.get(listener.index) == listener.turns:
                    found.append(f"{listener.transport}:{listener.host}:{listener.port}")
        return found

    def drops(self) -> dict[str, int]:
        """How much the kernel has dropped at each transport, since the sockets are there."""
        totals = dict.fromkeys((listener.transport for listener in self.listeners), 0)
        for listener in self.listeners:
            totals[listener.transport] += dropped(listener)
        return totals

    def start(self) -> None:
        for listener in self.listeners:
            listener.start()
        for connection in list(self._connections.values()):
            connection.start()
        self._sweeper.start(self._close_idle)

    def stop(self) -> None:
        """Nothing more is read; what is under way is still answered."""
        for listener in self.listeners:
            listener.stop()
        for connection in self._connections.values():
            connection.stop()

    def close(self) -> None:
        self._sweeper.stop()
        for listener in self.listeners:
            listener.close()
        for connection in list(self._connections.values()):
            if self._keep is None:
                connection.close("the server stops")
            else:
                connection.leave()

    def local_for(self, hop: Hop) -> Hop:
        """The same hop with the listener that it leaves by; raises OSError when none has its transport and
        family."""
        if hop.listener >= 0 and self._fits(self.listeners[hop.listener], hop):
            return hop
        connection = self._connection_of(hop) if hop.reliable else None
        if connection is not None:
            return hop._replace(listener=connection.hop.listener)
        for listener in self.listeners:
            if self._fits(listener, hop):
                return hop._replace(listener=listener.index)
        raise OSError(errno.EAFNOSUPPORT, f"no listener for {hop.transport} to {hop.host}")

    @staticmethod
    def _fits(listener: UdpListener | StreamListener, hop: Hop) -> bool:
        return listener.transport == hop.transport and (":" in listener.host) == (":" in hop.host)

    def send(self, data: bytes, hop: Hop) -> None:
        """Sends to a hop whose flow is there; raises OSError when it is not."""
        if hop.transport == "udp":
            self._datagrams[hop.listener].send(data, hop.host, hop.port)
            return
        connection = self._connection_of(hop)
        if connection is not None:
            connection.send(data)
        elif hop.sent_by_port:
            gevent.spawn(self._send_anew, data, hop)
        else:
            raise ConnectionError(f"no connection to {hop.host}:{hop.port}")

    def _connection_of(self, hop: Hop) -> StreamConnection | None:
        """The numbered one and no other: who has the same address later may be somebody else behind a NAT."""
        if hop.connection:
            return self._connections.get(hop.connection)
        return self._newest.get((hop.host, hop.port))

    def _send_anew(self, data: bytes, hop: Hop) -> None:
        """Sends a reply to where the peer listens (§18.2.2)."""
        hop = hop._replace(port=hop.sent_by_port, connection=0, sent_by_port=0)
        try:
            self.connect(hop)
            self.send(data, hop)
        except OSError:
            self.undelivered += 1

    def connect(self, hop: Hop) -> None:
        """Makes sure that ``send`` finds a flow to this hop; waits for a connection, raises OSError when
        there is none.

        Blocks the calling greenlet for at most three seconds. Several that want the same peer share one
        attempt.
        """
        if not hop.reliable or self._connection_of(hop) is not None:
            return
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
        sock = _Socket(socket.AF_INET6 if ":" in hop.host else socket.AF_INET, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            outcome = sock.connect_ex(peer)
            if outcome == errno.EINPROGRESS:
                watcher = gevent.get_hub().loop.io(sock.fileno(), _WRITE)
                try:
                    with gevent.Timeout(_CONNECT_SECONDS, TimeoutError(errno.ETIMEDOUT, "no answer")):
                        gevent.get_hub().wait(watcher)
                finally:
                    watcher.close()
                outcome = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if outcome:
                raise OSError(outcome, f"cannot connect to {hop.host}:{hop.port}")
            self._begin(sock, hop).has_spoken = True  # whom we call need not speak first
        except OSError as error:
            sock.close()
            attempt.set_exception(error)
        else:
            attempt.set(None)
        finally:
            del self._opening[peer]

    def _accepted(self, sock: socket.socket, hop: Hop) -> None:
        if len(self._connections) >= self._max_connections:
            sock.close()
            self._on_connection(False, hop, "too many connections")
            return
        self._begin(sock, hop)

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

    def _ended(self, connection: StreamConnection, reason: str) -> None:
        hop = connection.hop
        del self._connections[hop.connection]
        if self._newest.get((hop.host, hop.port)) is connection:
            del self._newest[hop.host, hop.port]
        self._on_connection(False, hop, reason)

    def _close_idle(self) -> None:
        """Also those that were opened and never said a thing: they would take the places of the phones."""
        now = monotonic()
        for connection in list(self._connections.values()):
            patience = self._idle_seconds if connection.has_spoken else _SPEAKS_WITHIN
            if connection.last_used < now - min(patience, self._idle_seconds):
                connection.close("idle")


def _end(sock: socket.socket) -> None:
    """Closes a connection for good, also for others that hold it."""
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # the peer was faster
    sock.close()


def names_of(listeners: Sequence[UdpListener | StreamListener]) -> list[tuple[str, str, int]]:
    """(transport, host, port) of each listener, in the order of their indexes."""
    return [(listener.transport, listener.host, listener.port) for listener in listeners]
