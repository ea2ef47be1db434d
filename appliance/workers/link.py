"""The sockets between the workers: packets in order, to each of the others, and nobody ever waits.

Each worker listens at a place in the file system and opens one connection to each other (SOCK_SEQPACKET: a
packet arrives whole, or not at all). So a worker that dies is known at once; for one that hangs, packets wait
in its socket, then here up to a bound, and what is beyond is dropped and counted. Must not know what is said.
"""

from __future__ import annotations

import errno
import socket
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import gevent
from gevent import monkey

_READ, _WRITE = 1, 2
# What is heard comes before what phones say: a call finds the binding that another worker has just told.
_FIRST = 2
_LARGEST = 1 << 20
_BATCH = 64
# Packets that wait here for a worker that does not read.
_WAITING = 4096
_SEND_BUFFER = 1 << 20
_BACKLOG = 128
_NOBODY = (errno.ECONNREFUSED, errno.ENOENT, errno.ECONNRESET, errno.EPIPE, errno.ENOTCONN)
_Socket = monkey.get_original("socket", "socket")


class Link:
    """The connections of one worker.

    ``place`` is where it listens, ``others`` are the places of the other workers by number. ``hear(packet)``
    is called for each packet, from the loop or from ``drain``; ``lost(worker)`` when a connection to a worker
    has ended.
    """

    def __init__(
        self,
        place: str,
        others: dict[int, str],
        hear: Callable[[bytes], None],
        lost: Callable[[int], None],
    ) -> None:
        self._place = Path(place)
        self._hear = hear
        self._ways = {worker: _Way(worker, other, lost) for worker, other in others.items()}
        self._incoming: list[_Incoming] = []
        self._listener: socket.socket | None = None
        self._accepting: Any = None

    @property
    def dropped(self) -> int:
        """How many packets were given up because a worker does not read."""
        return sum(way.dropped for way in self._ways.values())

    @property
    def workers(self) -> Iterable[int]:
        """The numbers of the others."""
        return self._ways.keys()

    def listen(self) -> None:
        """From now on the others find us; what they say waits until ``start``. Raises OSError."""
        self._place.parent.mkdir(parents=True, exist_ok=True)
        self._place.unlink(missing_ok=True)
        listener = _Socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        listener.setblocking(False)
        listener.bind(str(self._place))
        self._place.chmod(0o660)
        listener.listen(_BACKLOG)
        self._listener = listener

    def start(self) -> None:
        """Hear what is said."""
        assert self._listener is not None  # noqa: S101 - 'listen' comes first
        self._accepting = gevent.get_hub().loop.io(self._listener.fileno(), _READ, priority=_FIRST)
        self._accepting.start(self._accept)

    def stop(self) -> None:
        """Say and hear nothing any more."""
        if self._accepting is not None:
            self._accepting.stop()
            self._accepting.close()
            self._accepting = None
        if self._listener is not None:
            self._listener.close()
            self._listener = None
            self._place.unlink(missing_ok=True)
        for incoming in list(self._incoming):
            incoming.close()
        for way in self._ways.values():
            way.close()

    def send(self, worker: int, packet: bytes) -> bool:
        """Says something to a worker; False when it is not there, or has not read for long."""
        way = self._ways.get(worker)
        return way is not None and way.send(packet)

    def drain(self) -> None:
        """Hears at once what has been said."""
        for incoming in tuple(self._incoming):
            incoming.read()

    def _accept(self) -> None:
        assert self._listener is not None  # noqa: S101 - its watcher has called
        try:
            sock, _ = self._listener.accept()
        except OSError:
            return  # it has gone again
        sock.setblocking(False)
        incoming = _Incoming(sock, self._hear, self._incoming)
        self._incoming.append(incoming)
        incoming.read()


class _Incoming:
    """A connection that another worker has opened, to tell us something."""

    def __init__(self, sock: socket.socket, hear: Callable[[bytes], None], shelf: list[_Incoming]) -> None:
        self._socket = sock
        self._hear = hear
        self._shelf = shelf
        self._closed = False
        self._watcher = gevent.get_hub().loop.io(sock.fileno(), _READ, priority=_FIRST)
        self._watcher.start(self.read)

    def read(self) -> None:
        hear, recv = self._hear, self._socket.recv
        for _ in range(_BATCH):
            if self._closed:
                return
            try:
                packet = recv(_LARGEST)
            except BlockingIOError:
                return
            except OSError:
                packet = b""
            if not packet:
                self.close()
                return
            hear(packet)

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._shelf.remove(self)
        self._watcher.stop()
        self._watcher.close()
        self._socket.close()


class _Way:
    """The connection that we open to another worker, and what waits for it."""

    def __init__(self, worker: int, place: str, lost: Callable[[int], None]) -> None:
        self.dropped = 0
        self._worker = worker
        self._place = place
        self._lost = lost
        self._socket: socket.socket | None = None
        self._waiting: deque[bytes] = deque()

    def send(self, packet: bytes) -> bool:
        if self._waiting:
            return self._put_off(packet)
        for _ in range(2):
            sock = self._socket or self._connect()
            if sock is None:
                return False
            try:
                sock.send(packet)
            except BlockingIOError:
                self._writer.start(self._writable)
                return self._put_off(packet)
            except OSError as error:
                if error.errno not in _NOBODY:
                    self.dropped += 1  # larger than a packet may be
                    return False
                self.close()  # the process that was there has ended: there may be another
            else:
                return True
        return False

    def close(self) -> None:
        if self._socket is None:
            return
        self._writer.stop()
        self._writer.close()
        self._socket.close()
        self._socket = None
        self._waiting.clear()
        self._lost(self._worker)

    def _connect(self) -> socket.socket | None:
        sock = _Socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
        try:
            sock.connect(self._place)
        except OSError:
            sock.close()
            return None
        self._writer = gevent.get_hub().loop.io(sock.fileno(), _WRITE)
        self._socket = sock
        return self._socket

    def _put_off(self, packet: bytes) -> bool:
        if len(self._waiting) >= _WAITING:
            self.dropped += 1
            return False
        self._waiting.append(packet)
        return True

    def _writable(self) -> None:
        while self._waiting:
            assert self._socket is not None  # noqa: S101 - its watcher has called
            try:
                self._socket.send(self._waiting[0])
            except BlockingIOError:
                return
            except OSError:
                self.close()
                return
            self._waiting.popleft()
        self._writer.stop()
