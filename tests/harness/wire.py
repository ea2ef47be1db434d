"""One socket of a test phone, and everything that went over it, in its order, exactly as it was."""

from __future__ import annotations

import re
import select
import socket
import ssl
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple, Self

from tests.harness.message import Message
from tests.harness.networks import Place
from tests.harness.ports import LOOPBACK, free_port
from tests.harness.web_socket import WebSocketClient


class Passed(NamedTuple):
    """One message that went over the wire: 'sent' or 'received', when, and the bytes."""

    direction: str
    at: float
    data: bytes

    @property
    def message(self) -> Message:
        return Message.parse(self.data)


class Wire:
    """A UDP socket, or one connection to the proxy by tcp, tls, ws or wss, at a port that stays its own.

    ``place`` is where it is instead of loopback, at the address that one has. ``tls`` is how TLS is spoken;
    the server has to be ``server_name`` then.
    """

    def __init__(
        self,
        name: str,
        *,
        proxy: tuple[str, int],
        transport: str = "udp",
        address: str = LOOPBACK,
        port: int | None = None,
        place: Place | None = None,
        tls: ssl.SSLContext | None = None,
        server_name: str = LOOPBACK,
    ) -> None:
        self._tls, self._server_name = tls, server_name
        self.name, self.proxy, self.transport = name, proxy, transport
        self.place, self.address = place, place.address if place else address
        self.port = port or (free_port() if place else free_port(address=address))
        self.history: list[Passed] = []
        self.unread: list[Message] = []
        self._stream = b""
        self._open()

    def _open(self) -> None:
        family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        open_socket = self.place.open_socket if self.place else socket.socket
        if self.transport == "udp":
            self.socket = open_socket(family, socket.SOCK_DGRAM)
            self.socket.bind((self.address, self.port))
        else:
            self.socket = open_socket(family, socket.SOCK_STREAM)
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.socket.bind((self.address, self.port))
            self.socket.connect(self.proxy)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._stream = b""
            if self.transport in ("tls", "wss"):
                assert self._tls is not None, "TLS needs a context"
                self.socket.settimeout(10)
                self.socket = self._tls.wrap_socket(self.socket, server_hostname=self._server_name)
                self.socket.settimeout(None)
            if self.transport in ("ws", "wss"):
                host = f"[{self.proxy[0]}]" if ":" in self.proxy[0] else self.proxy[0]
                self.web_socket = WebSocketClient(self.socket, f"{self.transport}://{host}:{self.proxy[1]}/")

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def send(self, message: Message | bytes, to: tuple[str, int] | None = None) -> None:
        """Send as it stands: to the proxy, or (over UDP) to another address."""
        data = message if isinstance(message, bytes) else message.encode()
        self.history.append(Passed("sent", time.monotonic(), data))
        if self.transport == "udp":
            self.socket.sendto(data, to or self.proxy)
        elif self.transport in ("ws", "wss"):
            self.web_socket.send(data)
        else:
            self.socket.sendall(data)

    def _received(self) -> bytes:
        if not isinstance(self.socket, ssl.SSLSocket):
            return self.socket.recv(65535)
        self.socket.setblocking(False)
        try:
            return self.socket.recv(65535)
        finally:
            self.socket.setblocking(True)

    def _is_waiting(self) -> bool:
        """Whether something was read from the socket already, by TLS."""
        return isinstance(self.socket, ssl.SSLSocket) and self.socket.pending() > 0

    def _read(self, timeout: float) -> None:
        """Take in what arrives within ``timeout`` seconds."""
        if not self._is_waiting() and not select.select([self.socket], [], [], max(timeout, 0))[0]:
            return
        try:
            data = self._received()
        except ssl.SSLWantReadError:
            return  # something of TLS itself, or half a record
        if self.transport == "udp":
            if data.strip():
                self._take(data)
            return
        if not data:
            raise ConnectionError("the proxy closed the connection")
        if self.transport in ("ws", "wss"):
            for message in self.web_socket.take(data):
                if message.strip():
                    self._take(message)
            return
        self._stream += data
        while frame := self._next_frame():
            self._take(frame)

    def take_in(self, seconds: float) -> None:
        """Leave what arrives within that time unread, for whoever expects it."""
        self._read(seconds)

    def _next_frame(self) -> bytes | None:
        self._stream = self._stream.lstrip(b"\r\n")
        head, separator, rest = self._stream.partition(b"\r\n\r\n")
        if not separator:
            return None
        found = re.search(rb"(?im)^(?:content-length|l)\s*:\s*(\d+)", head)
        assert found, f"a message without Content-Length on a stream: {head!r}"
        length = int(found.group(1))
        if len(rest) < length:
            return None
        self._stream = rest[length:]
        return head + separator + rest[:length]

    def _take(self, data: bytes) -> None:
        self.history.append(Passed("received", time.monotonic(), data))
        self.unread.append(Message.parse(data))

    def receive(self, fits: Callable[[Message], bool], what: str, timeout: float = 3.0) -> Message:
        """The first unread message that fits, however long it takes up to ``timeout``; others stay unread."""
        deadline = time.monotonic() + timeout
        while True:
            for index, message in enumerate(self.unread):
                if fits(message):
                    return self.unread.pop(index)
            remaining = deadline - time.monotonic()
            if remaining <= 0:
                raise AssertionError(f"{self.name}: no {what} within {timeout:g} s; {self.told()}")
            self._read(remaining)

    def expect(self, wanted: int | str, *, method: str | None = None, timeout: float = 3.0) -> Message:
        """A request by its method (``expect('INVITE')``) or a response by its status (``expect(200)``)."""
        if isinstance(wanted, str):
            return self.receive(lambda m: m.is_request and m.method == wanted, wanted, timeout)
        return self.receive(
            lambda m: m.status == wanted and method in (None, m.method), f"{wanted} {method or ''}", timeout
        )

    def final(self, request: Message, timeout: float = 3.0) -> Message:
        """The final response to that request of ours."""
        return self.receive(
            lambda m: m.status >= 200 and m.cseq == request.cseq and m.call_id == request.call_id,
            f"final response to {request.start_line}",
            timeout,
        )

    def silent(self, seconds: float = 0.3, *, but: Iterable[int] = ()) -> None:
        """Nothing unread is there, and nothing comes in that time (responses with the status ``but`` may)."""
        deadline = time.monotonic() + seconds
        while (remaining := deadline - time.monotonic()) > 0:
            self._read(remaining)
        others = [message.start_line for message in self.unread if message.status not in set(but)]
        assert not others, f"{self.name} should have received nothing, and has: {others}"

    def told(self) -> str:
        """What went over the wire so far, a line for each message."""
        lines = [
            f"{passed.direction} {passed.data.splitlines()[0].decode(errors='replace')}"
            for passed in self.history
        ]
        return "on the wire: " + ("; ".join(lines) or "nothing")

    def received(self) -> list[Message]:
        return [passed.message for passed in self.history if passed.direction == "received"]

    def sent(self) -> list[Message]:
        return [passed.message for passed in self.history if passed.direction == "sent"]
