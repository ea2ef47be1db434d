"""Which socket reaches a hop: the listeners, the connections, and the one ``send`` (RFC 3261 §18).

A reply over a stream goes back on the very connection that its request came by; when that is gone, on a new
one to where the peer listens (§18.2.2). A request over a stream uses a connection that is there, or opens
one. Must not know how a connection begins and ends (``connections``).
"""

from __future__ import annotations

import errno
import select
import socket
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import gevent
from gevent import monkey

from appliance.sip.hop import Hop
from appliance.transport.connections import Connections, Doorkeeper, end
from appliance.transport.drops import dropped
from appliance.transport.making import ConnectionMaker
from appliance.transport.sources import Sources
from appliance.transport.stream_listener import StreamListener
from appliance.transport.udp import UdpListener

if TYPE_CHECKING:
    from appliance.sip.message import Limits
    from appliance.transport.tls_contexts import TlsContexts

_Socket = monkey.get_original("socket", "socket")
_poll = monkey.get_original("select", "poll")


class Flows:
    """All sockets of the process.

    ``receive(data, hop)`` is called from the loop for each message; ``on_connection(opened, hop, reason)``
    for each connection that begins and ends. ``keep(descriptor)`` has somebody else hold a connection, so
    that it outlives this process: then ``close`` leaves the connections open. ``shared``: other processes
    listen on the same addresses. ``tls`` are the certificates for tls and wss, ``origins`` as in
    ``WebSocketConnection``. ``door`` says who may connect.
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
        max_connections_of_one: int = 1 << 30,
        tls: TlsContexts | None = None,
        handshake_seconds: float = 10.0,
        origins: Sequence[str] = (),
        door: Doorkeeper | None = None,
    ) -> None:
        self._shared = shared
        self.listeners: list[UdpListener | StreamListener] = []
        self._datagrams: dict[int, UdpListener] = {}
        self._receive = receive
        self._receive_buffer = receive_buffer
        self._streams = streams = Connections(
            ConnectionMaker(receive, limits, tls=tls, origins=origins),
            on_connection,
            most=max_connections,
            most_of_one=max_connections_of_one,
            idle_seconds=idle_seconds,
            keep=keep,
            handshake_seconds=handshake_seconds,
            door=door,
        )
        self.is_open, self.reaches, self.hops = streams.is_open, streams.reaches, streams.hops
        self.by_transport, self.use_again = streams.by_transport, streams.use_again
        self.undelivered = 0  # replies whose connection was gone, and which the peer did not take anew
        self._looked_at: dict[int, int] = {}
        self._sources = Sources()
        # By transport, and whether it is IPv6.
        self._by_kind: dict[tuple[str, bool], list[UdpListener | StreamListener]] = {}

    @property
    def connections(self) -> int:
        return len(self._streams)

    def listen(
        self, transport: str, host: str, port: int, *, inherited: int | None = None, free: bool = False
    ) -> UdpListener | StreamListener:
        """Opens one more listening socket, or takes over a descriptor; raises OSError, with the address in
        its text. ``free``: the machine may not have the address yet."""
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
                    free=free,
                )
            else:
                listener = StreamListener(
                    host,
                    port,
                    index,
                    self._streams.accept,
                    inherited=inherited,
                    shared=self._shared,
                    free=free,
                    transport=transport,
                )
        except OSError as error:
            problem = f"cannot listen on {transport}:{host}:{port}: {error.strerror}"
            raise OSError(error.errno, problem) from None
        self.listeners.append(listener)
        self._by_kind.setdefault((transport, ":" in host), []).append(listener)
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
            end(sock)
            return
        self._streams.resume(sock, hop)

    def _listener_at(self, host: str, port: int) -> int:
        """The index of the TCP listener with that address, else with that host (we opened it), else -1."""
        for wanted in ((host, port), (host,)):
            for listener in self.listeners:
                if listener.transport == "tcp" and (listener.host, listener.port)[: len(wanted)] == wanted:
                    return listener.index
        return -1

    def lose(self, host: str) -> int:
        """The machine has no longer the address ``host``: whatever is connected there is lost, and told so.
        Returns how many those are."""
        return self._streams.lose({each.index for each in self.listeners if each.host == host})

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
        self._streams.start()

    def stop(self) -> None:
        """Nothing more is read; what is under way is still answered."""
        for listener in self.listeners:
            listener.stop()
        self._streams.stop()

    def close(self) -> None:
        for listener in self.listeners:
            listener.close()
        self._streams.close()

    def local_for(self, hop: Hop) -> Hop:
        """The same hop with the listener that it leaves by; raises OSError when none has its transport and
        family."""
        if hop.listener >= 0 and self._fits(self.listeners[hop.listener], hop):
            return hop
        connection = self._streams.find(hop) if hop.reliable else None
        if connection is not None:
            return hop._replace(listener=connection.hop.listener)
        fitting = self._by_kind.get((hop.transport, ":" in hop.host))
        if fitting:
            return hop._replace(listener=self._sources.best(fitting, hop.host).index)
        raise OSError(errno.EAFNOSUPPORT, f"no listener for {hop.transport} to {hop.host}")

    @staticmethod
    def _fits(listener: UdpListener | StreamListener, hop: Hop) -> bool:
        return listener.transport == hop.transport and (":" in listener.host) == (":" in hop.host)

    def send(self, data: bytes, hop: Hop) -> None:
        """Sends to a hop whose flow is there; raises OSError when it is not."""
        if hop.transport == "udp":
            self._datagrams[hop.listener].send(data, hop.host, hop.port)
            return
        connection = self._streams.find(hop)
        if connection is not None:
            connection.send(data)
        elif hop.sent_by_port:
            gevent.spawn(self._send_anew, data, hop)
        else:
            raise ConnectionError(f"no connection to {hop.host}:{hop.port}")

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
        if hop.reliable and self._streams.find(hop) is None:
            self._streams.open(hop)


def names_of(listeners: Sequence[UdpListener | StreamListener]) -> list[tuple[str, str, int]]:
    """(transport, host, port) of each listener, in the order of their indexes."""
    return [(listener.transport, listener.host, listener.port) for listener in listeners]
