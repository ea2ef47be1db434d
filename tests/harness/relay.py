"""A wire between a phone and the server: whatever passes is kept, and it can be cut.

::

    with Relay("tcp", box.address) as wire, Baresip("10", "secret", proxy=wire.address) as phone:
        wait_until("a keep-alive", lambda: b"\\r\\n\\r\\n" in wire.said)
        wire.cut()

It is where the server is, at a ``port`` of its own: a phone that names it in a Route wants the server to know
that it is meant (``sip.aliases``). Must not know what passes.
"""

from __future__ import annotations

import selectors
import socket
import struct
import threading
from typing import Self

from tests.harness.ports import free_port
from tests.harness.startable import Startable

#: Closed by a reset, as by a NAT that has forgotten the connection.
_RESET = struct.pack("ii", 1, 0)


class Relay(Startable):
    """``said`` is what phones have sent, ``heard`` what the server has sent, piece by piece as it came.

    Of 'udp' one phone speaks by it, of 'tcp' (and all that is spoken on it) as many as like.
    """

    def __init__(self, transport: str, target: tuple[str, int], port: int = 0) -> None:
        self._target = target
        self._kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
        self._family = socket.AF_INET6 if ":" in target[0] else socket.AF_INET
        self.address = (target[0], port or free_port(address=target[0]))
        self.said: list[bytes] = []
        self.heard: list[bytes] = []
        self._selector = selectors.DefaultSelector()
        self._other: dict[socket.socket, socket.socket] = {}
        self._server_sides: set[socket.socket] = set()
        self._phone: tuple[str, int] | None = None  # of udp
        self._cutting, self._ending = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> Self:
        self._door = socket.socket(self._family, self._kind)
        self._door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._door.bind(self.address)
        if self._kind == socket.SOCK_STREAM:
            self._door.listen()
        else:
            self._pair(self._door, socket.socket(self._family, self._kind))
        self._selector.register(self._door, selectors.EVENT_READ)
        self._thread.start()
        return self

    def cut(self) -> None:
        """All connections are lost; new ones may come at once."""
        self._cutting.set()

    def close(self) -> None:
        if self._thread.is_alive():
            self._ending.set()
            self._thread.join()

    def _run(self) -> None:
        while not self._ending.is_set():
            for key, _ in self._selector.select(0.05):
                sock = key.fileobj
                assert isinstance(sock, socket.socket)
                if sock is self._door and self._kind == socket.SOCK_STREAM:
                    self._accept()
                elif sock in self._other:
                    self._pass(sock)
            if self._cutting.is_set():
                self._cutting.clear()
                self._drop(*self._other)
        self._drop(*self._other)
        self._door.close()
        self._selector.close()

    def _accept(self) -> None:
        phone, _ = self._door.accept()
        server = socket.socket(self._family, self._kind)
        try:
            server.connect(self._target)
        except OSError:
            phone.close()
            server.close()
            return
        self._pair(phone, server)
        self._selector.register(phone, selectors.EVENT_READ)

    def _pair(self, phone: socket.socket, server: socket.socket) -> None:
        if self._kind == socket.SOCK_DGRAM:
            server.connect(self._target)
        self._other[phone], self._other[server] = server, phone
        self._server_sides.add(server)
        self._selector.register(server, selectors.EVENT_READ)

    def _pass(self, sock: socket.socket) -> None:
        other = self._other[sock]
        try:
            if sock is self._door:
                data, self._phone = sock.recvfrom(65_535)
            else:
                data = sock.recv(65_535)
            (self.heard if sock in self._server_sides else self.said).append(data)
            if other is not self._door:
                other.sendall(data)
            elif self._phone is not None:
                other.sendto(data, self._phone)
        except OSError:
            data = b""
        if not data and self._kind == socket.SOCK_STREAM:
            self._drop(sock, other)

    def _drop(self, *socks: socket.socket) -> None:
        for sock in socks:
            self._other.pop(sock, None)
            self._server_sides.discard(sock)
            if sock is self._door:
                continue
            self._selector.unregister(sock)
            if self._kind == socket.SOCK_STREAM:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            sock.close()
