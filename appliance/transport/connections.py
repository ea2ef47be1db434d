"""The open streams of the process, by their number and by their peer (RFC 3261 §18).

How many there may be, in all and of one address, how long one may be silent, who holds them over a restart. A
connection has the kernel's number for it. One whose handshake (of TLS, of WebSocket) is not done yet takes a
place and is nobody's way to send. Must not know datagrams, nor what is sent.
"""

from __future__ import annotations

import errno
import socket
import sys
from collections import Counter
from collections.abc import Callable, Collection
from heapq import nsmallest
from ipaddress import IPv6Network
from itertools import count
from time import monotonic
from typing import Any, NamedTuple, Protocol

import gevent
from gevent.event import AsyncResult

from appliance.sip.hop import Hop
from appliance.transport.making import ConnectionMaker
from appliance.transport.opening import connected
from appliance.transport.stream import StreamConnection

_SWEEP_SECONDS = 30.0
_MOST_ALIASES = 8  # of one connection
#: The reason with which ``on_connection`` is told of what a connection is used for besides.
ALIAS = "alias"
_SPEAKS_WITHIN = 60.0
_GREETING_SECONDS = 3.0
_Peer = tuple[str, str, int, str]
# Linux's number of a socket, the same in every process that has it (socket(7) knows it since 4.6).
_SO_COOKIE = 57


class Doorkeeper(Protocol):
    """Who says who may connect."""

    def admits(self, host: str, reliable: bool) -> bool: ...
    def is_known(self, host: str) -> bool: ...


class Connections:
    """``most`` at a time, ``most_of_one`` of them of one address (of IPv6: of one /64); whoever shakes hands
    for longer than ``handshake_seconds`` is let go. Where there is a ``door``, strangers have half of the
    places; when those are taken, whoever has said nothing for longest gives his to the next. The rest as in
    ``Flows``."""

    def __init__(
        self,
        maker: ConnectionMaker,
        on_connection: Callable[[bool, Hop, str], None],
        *,
        most: int,
        idle_seconds: float,
        keep: Callable[[int], None] | None,
        most_of_one: int = 1 << 30,
        handshake_seconds: float = 10.0,
        door: Doorkeeper | None = None,
    ) -> None:
        self._door = door
        self._maker = maker
        self._on_connection = on_connection
        self._most = most
        self._most_of_one = most_of_one
        self._handshake_seconds = handshake_seconds
        self._idle_seconds = idle_seconds
        self._keep = keep
        self._connections: dict[int, StreamConnection] = {}
        self._greeting: dict[int, _Greeting] = {}
        self._newest: dict[_Peer, StreamConnection] = {}
        self._of_one: dict[str, int] = {}
        self._numbers = count(1)
        self._opening: dict[_Peer, AsyncResult[None]] = {}
        self._sweeper = gevent.get_hub().loop.timer(_SWEEP_SECONDS, _SWEEP_SECONDS)

    def __len__(self) -> int:
        return len(self._connections)

    def start(self) -> None:
        """Reads those that were resumed."""
        for connection in list(self._connections.values()):
            connection.start()
        self._sweeper.start(self.close_idle)

    def stop(self) -> None:
        for connection in self._everyone():
            connection.stop()

    def close(self) -> None:
        """Closes all; those that somebody else holds as well are left open."""
        self._sweeper.stop()
        for connection in self._everyone():
            if self._keep is None:
                connection.close("the server stops")
            else:
                connection.leave()

    # -- which there are -------------------------------------------------------------------------------------

    def find(self, hop: Hop) -> StreamConnection | None:
        """The numbered one and no other: who has the same address later may be somebody else behind a NAT."""
        if hop.connection:
            return self._connections.get(hop.connection)
        found = self._newest.get(_peer(hop))
        if found is None and hop.transport == "ws":
            return self._newest.get(_peer(hop._replace(transport="wss")))  # a URI names both alike (RFC 7118)
        return found

    def reaches(self, hop: Hop) -> bool:
        """Whether there is a connection by which ``send`` would send."""
        return self.find(hop) is not None

    def is_open(self, hop: Hop) -> bool:
        """Whether the very connection that the hop names is there."""
        connection = self._connections.get(hop.connection)
        return connection is not None and connection.hop[:3] == hop[:3]

    def hops(self) -> list[Hop]:
        """Every connection, each followed by what it is used for besides."""
        return [
            hop
            for connection in self._connections.values()
            for hop in (connection.hop, *(_alias(connection, peer) for peer in connection.aliases))
        ]

    def by_transport(self) -> Counter[str]:
        """How many there are."""
        return Counter(connection.hop.transport for connection in self._connections.values())

    def use_again(self, hop: Hop, port: int, *, trusted: bool) -> None:
        """What is sent to ``port`` of the peer that ``hop`` came from goes by that connection from now on, in
        place of a new one (RFC 5923).

        A peer that has proved by TLS to be a domain is reached by it as that domain, one that has proved its
        address, or whose address is ``trusted``, as that address; a stranger as nobody. It is the address
        that counts which the connection comes from, so nobody draws to him what is another's; and a
        connection that is there already is not replaced.
        """
        connection = self._connections.get(hop.connection)
        if connection is None or hop.transport not in ("tcp", "tls"):
            return
        proved = connection.proved
        names = [name for name in proved if name and name != hop.host]
        if trusted or hop.host in proved:
            names.append("")
        for name in names[: _MOST_ALIASES - len(connection.aliases)]:
            peer = (hop.transport, hop.host, port, name)
            if peer not in self._newest:
                self._newest[peer] = connection
                connection.aliases.append(peer)
                self._on_connection(True, _alias(connection, peer), ALIAS)

    def _everyone(self) -> list[StreamConnection]:
        return [*self._connections.values(), *(each.connection for each in self._greeting.values())]

    # -- how they begin --------------------------------------------------------------------------------------

    def accept(self, sock: socket.socket, hop: Hop) -> None:
        """Somebody has connected."""
        if self._door is not None and not self._door.admits(hop.host, True):
            sock.close()
            self._on_connection(False, hop, "too many connections")
            return
        if self._is_too_many(hop):
            sock.close()
            self._on_connection(False, hop, "too many connections")
            return
        self._begin(sock, hop)

    def _is_too_many(self, hop: Hop) -> bool:
        if self._of_one.get(_source(hop.host), 0) >= self._most_of_one:
            return True
        everyone = len(self._connections) + len(self._greeting)
        if self._door is not None and everyone >= self._most // 2 and not self._door.is_known(hop.host):
            return not self._make_room()
        return everyone >= self._most

    def _make_room(self) -> bool:
        """Lets the oldest stranger go who has not got anywhere yet, or else some who have been silent for
        longest; False when there are none. Known ones shake hands in peace, and so do we."""
        for greeting in self._greeting.values():
            if greeting.calling is None and self._is_strangers(greeting.connection):
                greeting.connection.close("its place was needed")
                return True
        for connection in self._connections.values():
            if not connection.has_spoken:
                connection.close("idle: its place was needed")
                return True
        strangers = filter(self._is_strangers, self._connections.values())
        # Of many several, because all were looked at: a flood of them would have us do that each time.
        longest = nsmallest(max(self._most // 128, 1), strangers, key=_last_used)
        for connection in longest:
            connection.close("idle: its place was needed")
        return bool(longest)

    def _is_strangers(self, connection: StreamConnection) -> bool:
        return self._door is None or not self._door.is_known(connection.hop.host)

    def resume(self, sock: socket.socket, hop: Hop) -> None:
        """Another process of ours began it; it is read from ``start`` on."""
        if len(self._connections) >= self._most:
            end(sock)
            self._on_connection(False, hop, "too many connections")
            return
        self._begin(sock, hop, resumed=True)

    def open(self, hop: Hop) -> None:
        """Opens one to where a peer listens, or waits until it is open; raises OSError.

        Blocks the calling greenlet for at most three seconds, and as long again for TLS. Several that want
        the same peer share one attempt.
        """
        peer = _peer(hop)
        if hop.connection or hop.transport in ("ws", "wss"):
            raise ConnectionError(f"the connection from {hop.host}:{hop.port} is gone")
        attempt = self._opening.get(peer)
        if attempt is None:
            attempt = self._opening[peer] = AsyncResult()
            gevent.spawn(self._open, hop, attempt)
        attempt.get()

    def _open(self, hop: Hop, attempt: AsyncResult[None]) -> None:
        peer = _peer(hop)
        try:
            sock = connected(hop.host, hop.port)
            try:
                self._greet(sock, hop)
            except OSError:
                sock.close()
                raise
        except OSError as error:
            attempt.set_exception(error)
        else:
            attempt.set(None)
        finally:
            del self._opening[peer]

    def _greet(self, sock: socket.socket, hop: Hop) -> None:
        """Begins one that we have opened, and waits for its handshake; raises OSError."""
        greeted: AsyncResult[None] = AsyncResult()
        connection = self._begin(sock, hop, calling=greeted)
        connection.has_spoken = True  # whom we call need not speak first
        if connection.is_open:
            return
        try:
            with gevent.Timeout(_GREETING_SECONDS, TimeoutError(errno.ETIMEDOUT, "no TLS: no answer")):
                connection.greet()
                greeted.get()
        except OSError as error:
            connection.close(error.strerror or str(error))
            raise

    def _begin(
        self,
        sock: socket.socket,
        hop: Hop,
        *,
        resumed: bool = False,
        calling: AsyncResult[None] | None = None,
    ) -> StreamConnection:
        number = self._number_of(sock)
        hop = hop._replace(connection=number)
        connection = self._maker.make(
            sock, hop, self._opened, self._ended, resumed=resumed, calling=calling is not None
        )
        source = _source(hop.host)
        self._of_one[source] = self._of_one.get(source, 0) + 1
        if connection.is_open:
            self._opened(connection)
        else:
            timer = gevent.get_hub().loop.timer(self._handshake_seconds)
            self._greeting[number] = _Greeting(connection, timer, calling)
            timer.start(connection.close, "no handshake in time")
        if not resumed:
            connection.start()
            if self._keep is not None and connection.lasts:
                self._keep(sock.fileno())
        return connection

    def _opened(self, connection: StreamConnection) -> None:
        hop = connection.hop
        greeting = self._greeting.pop(hop.connection, None)
        self._connections[hop.connection] = self._newest[_peer(hop)] = connection
        if greeting is not None:
            greeting.end()
        self._on_connection(True, hop, "")

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
            # However it goes on dribbling: a message does not take that long.
            half = connection.half_since if connection.has_spoken else connection.began
            late = half and half < now - min(_SPEAKS_WITHIN, self._idle_seconds)
            if late or connection.last_used < now - self._idle_seconds:
                connection.close("idle")

    def lose(self, listeners: Collection[int]) -> int:
        """Ends those that came by these listeners, whose address is gone; returns how many."""
        lost = [each for each in self._everyone() if each.hop.listener in listeners]
        for connection in lost:
            connection.close("its address is another box's")
        return len(lost)

    def _ended(self, connection: StreamConnection, reason: str) -> None:
        hop = connection.hop
        source = _source(hop.host)
        self._of_one[source] -= 1
        if not self._of_one[source]:
            del self._of_one[source]
        greeting = self._greeting.pop(hop.connection, None)
        if greeting is not None:
            greeting.end(reason)
            reason = reason if reason.startswith("no ") else f"no handshake: {reason}"
        else:
            del self._connections[hop.connection]
            for peer in (_peer(hop), *connection.aliases):
                if self._newest.get(peer) is connection:
                    del self._newest[peer]
            for peer in connection.aliases:
                self._on_connection(False, _alias(connection, peer), ALIAS)
        self._on_connection(False, hop, reason)


def _last_used(connection: StreamConnection) -> float:
    return connection.last_used


class _Greeting(NamedTuple):
    """A connection whose handshake is not done: until when, and who waits for it where we have opened it."""

    connection: StreamConnection
    timer: Any
    calling: AsyncResult[None] | None

    def end(self, failure: str = "") -> None:
        self.timer.stop()
        self.timer.close()
        if self.calling is None:
            return
        if failure:
            self.calling.set_exception(ConnectionError(errno.ECONNRESET, failure))
        else:
            self.calling.set(None)


def _peer(hop: Hop) -> _Peer:
    """A connection by TLS is for whom its certificate has proved to be, and not for others at his address."""
    return hop.transport, hop.host, hop.port, hop.name


def _alias(connection: StreamConnection, peer: _Peer) -> Hop:
    _, _, port, name = peer
    return connection.hop._replace(port=port, name=name)


def _source(host: str) -> str:
    """Whose connections are counted together: an address, or the /64 that one household has."""
    if ":" not in host:
        return host
    return str(IPv6Network((host.partition("%")[0], 64), strict=False))


def end(sock: socket.socket) -> None:
    """Closes a connection for good, also for others that hold it."""
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass  # the peer was faster
    sock.close()
