"""Connections (RFC 3261 §18.3): bytes are framed into messages by Content-Length; what cannot be sent yet
waits.

A connection has no greenlet of its own: the loop's callbacks read and write, so ten thousand idle phones cost
memory only. Must not know what a message means.
"""

from __future__ import annotations

import errno
import re
import socket
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING

import gevent
from gevent import monkey

from appliance.errors import FrameError, MessageTooLarge, SipError
from appliance.sip.framing import StreamFramer
from appliance.sip.hop import Hop

if TYPE_CHECKING:
    from appliance.sip.message import Limits

_READ, _WRITE = 1, 2
_CHUNK = 65_536
# A peer that does not read what we send is let go when this much waits for it.
_UNSENT_LIMIT = 262_144
# No descriptor or no memory is left.
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_PAUSE_SECONDS = 0.5
# How a message begins (RFC 3261 §7.1, §7.2).
_START = re.compile(rb"SIP/2\.0 [1-6][0-9]{2} |[A-Za-z0-9.!%*_+`'~-]+ [^ \r\n]+ SIP/2\.0\r?\n")
_Socket = monkey.get_original("socket", "socket")


class StreamConnection:
    """One TCP connection, accepted or opened by us, established.

    ``resumed`` is one that another process began: its first bytes may be the rest of a message whose
    beginning went with that process.
    ``receive(data, hop)`` is called from the loop for each whole message, ``on_close(connection, reason)``
    once. ``has_spoken`` tells whether a whole message has come, ``last_used`` when there was anything, on the
    monotonic clock.
    """

    def __init__(
        self,
        sock: socket.socket,
        hop: Hop,
        limits: Limits,
        receive: Callable[[bytes, Hop], None],
        on_close: Callable[[StreamConnection, str], None],
        *,
        resumed: bool = False,
    ) -> None:
        self.hop = hop
        self.last_used = monotonic()
        self.has_spoken = resumed
        self._unsure = resumed
        self._socket = sock
        self._framer = StreamFramer(limits)
        self._receive = receive
        self._on_close = on_close
        self._unsent: deque[bytes] = deque()
        self._unsent_bytes = 0
        self._closed = False
        loop = gevent.get_hub().loop
        self._reader = loop.io(sock.fileno(), _READ)
        self._writer = loop.io(sock.fileno(), _WRITE)

    @property
    def closed(self) -> bool:
        return self._closed

    def start(self) -> None:
        self._reader.start(self._readable)

    def stop(self) -> None:
        """Reads no more; answers still go out."""
        self._reader.stop()

    def send(self, data: bytes) -> None:
        """Sends now, or as soon as the peer takes it; raises OSError when the connection is gone."""
        if self._closed:
            raise ConnectionError(f"the connection to {self.hop.host}:{self.hop.port} is closed")
        self.last_used = monotonic()
        if not self._unsent:
            try:
                sent = self._socket.send(data)
            except BlockingIOError:
                sent = 0
            except OSError as error:
                self.close(f"sending failed: {error.strerror}")
                raise
            if sent == len(data):
                return
            data = data[sent:]
            self._writer.start(self._writable)
        self._unsent.append(data)
        self._unsent_bytes += len(data)
        if self._unsent_bytes > _UNSENT_LIMIT:
            self.close("the peer does not read")
            raise ConnectionError(f"{self.hop.host}:{self.hop.port} does not read what it is sent")

    def close(self, reason: str) -> None:
        if self._closed:
            return
        self._closed = True
        for watcher in (self._reader, self._writer):
            watcher.stop()
            watcher.close()
        try:
            # For good: another process may hold a copy of the descriptor, which alone would keep it open.
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the peer was faster
        self._socket.close()
        self._unsent.clear()
        self._on_close(self, reason)

    def leave(self) -> None:
        """Gives our copy of the descriptor up; the connection itself goes on in the next process.

        One in the middle of a message, to or from the peer, is closed: nobody could go on with it.
        """
        if self._unsent or len(self._framer):
            self.close("the server stops")
            return
        self._closed = True
        for watcher in (self._reader, self._writer):
            watcher.stop()
            watcher.close()
        self._socket.close()

    def _writable(self) -> None:
        while self._unsent:
            data = self._unsent[0]
            try:
                sent = self._socket.send(data)
            except BlockingIOError:
                return
            except OSError as error:
                self.close(f"sending failed: {error.strerror}")
                return
            self._unsent_bytes -= sent
            if sent < len(data):
                self._unsent[0] = data[sent:]
                return
            self._unsent.popleft()
        self._writer.stop()

    def _readable(self) -> None:
        try:
            chunk = self._socket.recv(_CHUNK)
        except BlockingIOError:
            return
        except OSError as failure:
            self.close(f"reading failed: {failure.strerror}")
            return
        if not chunk:
            self.close("closed by the peer")
            return
        self.last_used = monotonic()
        try:
            self._framer.feed(chunk)
            if self._unsure and (line := self._framer.first_line) is not None:
                _assert_beginning(line)
                self._unsure = False
            while not self._closed and (message := self._framer.next_message()) is not None:
                self.has_spoken = True
                self._receive(message, self.hop)
            self._answer_pings()
        except MessageTooLarge as excess:
            self._receive(self._framer.too_large, self.hop)  # it is refused, and then the end comes
            self.close(f"unreadable: {excess}")
        except SipError as error:
            # The next message cannot be found in this stream any more (§18.3).
            self.close(f"unreadable: {error}")

    def _answer_pings(self) -> None:
        # Two empty lines ask whether we are alive, one is the answer (RFC 5626 §3.5.1).
        if self._framer.pings and not self._closed:
            self._framer.pings = 0
            try:
                self.send(b"\r\n")
            except OSError:
                return  # the connection has been closed by send


def _assert_beginning(line: bytes) -> None:
    """FrameError when the beginning of a message is missing, which the process before us took with it."""
    if not _START.match(line):
        raise FrameError("the rest of a message whose beginning is gone")


class StreamListener:
    """One listening TCP socket; ``accepted(socket, hop)`` is called from the loop for each new connection."""

    transport = "tcp"

    def __init__(
        self,
        host: str,
        port: int,
        index: int,
        accepted: Callable[[socket.socket, Hop], None],
        *,
        inherited: int | None = None,
        shared: bool = False,
    ) -> None:
        """Binds ``host``:``port`` (0: any free one), or takes over the descriptor ``inherited``; raises
        OSError. ``shared``: other processes bind the same address, and the kernel spreads the phones."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        if inherited is None:
            self._socket = _Socket(family, socket.SOCK_STREAM)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            if shared:
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
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
        self._accepted(sock, Hop("tcp", address[0], address[1], self.index))

    def _resume(self) -> None:
        if self._accepting:
            self._watcher.start(self._readable)
