"""Connections (RFC 3261 §18.3): bytes are framed into messages by Content-Length; what cannot be sent yet
waits.

A connection has no greenlet of its own: the loop's callbacks read and write, so ten thousand idle phones cost
memory only. Must not know what a message means.
"""

from __future__ import annotations

import re
import socket
from collections import deque
from collections.abc import Callable
from time import monotonic
from typing import TYPE_CHECKING, ClassVar

import gevent

from appliance.errors import FrameError, MessageTooLarge, SipError
from appliance.sip.framing import StreamFramer
from appliance.sip.hop import Hop
from appliance.transport.tls import TlsFailure, TlsLayer

if TYPE_CHECKING:
    from appliance.sip.message import Limits

_READ, _WRITE = 1, 2
_CHUNK = 65_536
# A peer that does not read what we send is let go when this much waits for it.
_UNSENT_LIMIT = 262_144
# How a message begins (RFC 3261 §7.1, §7.2).
_START = re.compile(rb"SIP/2\.0 [1-6][0-9]{2} |[A-Za-z0-9.!%*_+`'~-]+ [^ \r\n]+ SIP/2\.0\r?\n")


class StreamConnection:
    """One TCP connection, accepted or opened by us, established; with ``tls`` there is TLS upon it.

    ``resumed`` is one that another process began: its first bytes may be the rest of a message whose
    beginning went with that process.
    ``receive(data, hop)`` is called from the loop for each whole message, ``on_close(connection, reason)``
    once, ``on_open(connection)`` once when it is ready for messages, unless it was from the beginning
    (``is_open``). ``has_spoken`` tells whether a whole message has come, ``began`` and ``last_used`` when it
    began and when there was anything, on the monotonic clock; ``half_since`` is when a message began whose
    end has not come yet, 0 for none. ``lasts``: another process can go on with it. ``aliases`` are the peers,
    as ``Connections`` knows them, that are reached by it besides its own.
    """

    #: Whether messages can be sent as soon as the stream below is there.
    opens_at_once: ClassVar[bool] = True

    def __init__(
        self,
        sock: socket.socket,
        hop: Hop,
        limits: Limits,
        receive: Callable[[bytes, Hop], None],
        on_close: Callable[[StreamConnection, str], None],
        *,
        resumed: bool = False,
        tls: TlsLayer | None = None,
        on_open: Callable[[StreamConnection], None] | None = None,
    ) -> None:
        self.hop = hop
        self.began = self.last_used = monotonic()
        self.half_since = 0.0
        self.is_open = tls is None and self.opens_at_once
        self.lasts = self.is_open
        self.aliases: list[tuple[str, str, int, str]] = []
        self._tls = tls
        self._on_open = on_open
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

    @property
    def proved(self) -> tuple[str, ...]:
        """Which domains and addresses the peer has proved to be; none without TLS."""
        return () if self._tls is None else self._tls.proved

    def start(self) -> None:
        self._reader.start(self._readable)

    def greet(self) -> None:
        """Begins the handshake of TLS, for a connection that we have opened; raises OSError."""
        if self._tls is not None:
            self._tls.begin()
            self._write(self._tls.to_send)

    def stop(self) -> None:
        """Reads no more; answers still go out."""
        self._reader.stop()

    def send(self, data: bytes) -> None:
        """Sends now, or as soon as the peer takes it; raises OSError when the connection is gone."""
        if self._closed:
            raise ConnectionError(f"the connection to {self.hop.host}:{self.hop.port} is closed")
        self.last_used = monotonic()
        self._write(data if self._tls is None else self._tls.wrap(data))

    def _write(self, data: bytes) -> None:
        if not data:
            return
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
        if not self._unsent and (words := self._last_words(reason)):
            try:
                self._socket.send(words)
            except OSError:
                pass  # a courtesy
        try:
            # For good: another process may hold a copy of the descriptor, which alone would keep it open.
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the peer was faster
        self._socket.close()
        self._unsent.clear()
        self._on_close(self, reason)

    def _last_words(self, reason: str) -> bytes:
        """How the end is told to the peer."""
        return b"" if self._tls is None or not self.is_open else self._tls.farewell()

    def leave(self) -> None:
        """Gives our copy of the descriptor up; the connection itself goes on in the next process.

        One in the middle of a message, to or from the peer, is closed: nobody could go on with it. Nor can
        anybody with TLS.
        """
        if self._unsent or len(self._framer) or not self.lasts:
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
        if self._tls is None:
            self._arrived(chunk)
        else:
            self._unwrap(self._tls, chunk)

    def _unwrap(self, tls: TlsLayer, chunk: bytes) -> None:
        try:
            plain = tls.receive(chunk)
        except TlsFailure as failure:
            self._say(tls.to_send)  # an alert: it tells the peer's administrator what is wrong
            self.close(str(failure))
            return
        self._say(tls.to_send)
        if tls.established and not self._closed and not self.is_open and self.opens_at_once:
            self._opened()
        if plain and not self._closed:
            self._arrived(plain)
        if tls.ended:
            self.close("closed by the peer")

    def _say(self, data: bytes) -> None:
        """Sends what belongs to the connection itself; one that cannot take it is closed."""
        if data and not self._closed:
            try:
                self._write(data)
            except OSError:
                return  # the connection has been closed by that

    def _opened(self) -> None:
        self.is_open = True
        if self._on_open is not None:
            self._on_open(self)

    def _arrived(self, chunk: bytes) -> None:
        """Takes what the peer has said."""
        try:
            self._framer.feed(chunk)
            if self._unsure and (line := self._framer.first_line) is not None:
                _assert_beginning(line)
                self._unsure = False
            while not self._closed and (message := self._framer.next_message()) is not None:
                self.has_spoken = True
                self.half_since = 0.0
                self._receive(message, self.hop)
            if not len(self._framer):
                self.half_since = 0.0
            elif not self.half_since:
                self.half_since = self.last_used
            self._answer_pings()
        except MessageTooLarge as excess:
            self._receive(self._framer.too_large, self.hop)  # it is refused, and then the end comes
            self.close(f"unreadable: {excess}")
        except SipError as error:
            # The next message cannot be found in this stream any more (§18.3).
            if error.partial is not None:
                self._receive(self._framer.unframed, self.hop)  # it is refused, and then the end comes
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
