"""What is told to systemd (sd_notify(3)): a datagram of ``NAME=value`` lines to the socket that it named.

Nothing here ever waits: systemd's socket holds some hundred messages, and two thousand phones that connect at
once are more. What does not fit now is sent when there is room, in its order, by the loop. So there is one
writer, whoever tells something. A descriptor travels in the same way and is kept by systemd: the next process
is handed it (``descriptors``). Must not know what is told.
"""

from __future__ import annotations

import os
import socket
from array import array
from collections import deque
from collections.abc import MutableMapping

import gevent
from gevent import monkey

_WRITE = 2
_Socket = monkey.get_original("socket", "socket")

#: One name for all kept connections: systemd hands the names over in the environment, which long ones burst.
FLOW = "flow"


class Notifier:
    """Tells systemd; without a socket (started by hand) it tells nobody.

    ``address`` is a path, or ``@name`` for an abstract one. ``watchdog_seconds`` is how long systemd waits
    for a sign of life, 0 when it does not.
    """

    def __init__(self, address: str = "", watchdog_seconds: float = 0.0) -> None:
        self.watchdog_seconds = watchdog_seconds
        self._waiting: deque[tuple[bytes, int]] = deque()
        self._socket: socket.socket | None = None
        if not address:
            return
        self._socket = _Socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        try:
            self._socket.connect(f"\0{address[1:]}" if address.startswith("@") else address)
        except OSError:
            self._socket.close()
            self._socket = None  # a socket that is not there wants to hear nothing
            return
        self._writer = gevent.get_hub().loop.io(self._socket.fileno(), _WRITE)

    @property
    def listens(self) -> bool:
        """Whether somebody wants to know."""
        return self._socket is not None

    def ready(self) -> None:
        self._tell(b"READY=1")

    def stopping(self) -> None:
        self._tell(b"STOPPING=1")

    def alive(self) -> None:
        """A sign of life for the watchdog."""
        self._tell(b"WATCHDOG=1")

    def status(self, text: str) -> None:
        """One line for people: ``systemctl status`` shows it."""
        self._tell(b"STATUS=" + text.replace("\n", " ").encode("utf-8", "replace"))

    def keep(self, descriptor: int) -> None:
        """Have a connection kept over a restart or a crash.

        systemd lets go of it by itself when both sides have ended it (FDPOLL), so whoever closes it for good
        has to shut it down.
        """
        if self._socket is not None:
            self._tell(b"FDSTORE=1\nFDNAME=" + FLOW.encode(), descriptor)

    def close(self) -> None:
        if self._socket is None:
            return
        self._writer.stop()
        self._writer.close()
        self._socket.close()
        self._socket = None
        while self._waiting:
            _let_go(self._waiting.popleft()[1])

    def _tell(self, message: bytes, descriptor: int = -1) -> None:
        if self._socket is None:
            return
        if not self._waiting and self._send(message, descriptor):
            return
        try:
            # The connection may be closed before its turn comes, and its number be another's by then.
            copy = os.dup(descriptor) if descriptor >= 0 else -1
        except OSError:
            return  # no number is left: the connection works, and does not outlive us
        if not self._waiting:
            self._writer.start(self._writable)
        self._waiting.append((message, copy))

    def _send(self, message: bytes, descriptor: int) -> bool:
        """False when there is no room. What cannot be sent at all is over: systemd will be there again."""
        rights = array("i", [descriptor]).tobytes()
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)] if descriptor >= 0 else []
        assert self._socket is not None  # noqa: S101 - asked by whoever calls
        try:
            self._socket.sendmsg([message], ancillary)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True

    def _writable(self) -> None:
        while self._waiting:
            message, descriptor = self._waiting[0]
            if not self._send(message, descriptor):
                return
            self._waiting.popleft()
            _let_go(descriptor)
        self._writer.stop()


def notifier(environment: MutableMapping[str, str] | None = None) -> Notifier:
    """The notifier that systemd's environment asks for; the variables are taken out of it."""
    environment = os.environ if environment is None else environment
    address = environment.pop("NOTIFY_SOCKET", "")
    microseconds, pid = environment.pop("WATCHDOG_USEC", ""), environment.pop("WATCHDOG_PID", "")
    meant = microseconds.isdigit() and pid in ("", str(os.getpid()))
    return Notifier(address, int(microseconds) / 1_000_000 if meant else 0.0)


def _let_go(descriptor: int) -> None:
    if descriptor >= 0:
        os.close(descriptor)
