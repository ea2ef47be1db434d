"""sipbox as systemd runs it: sockets handed over, connections kept, told by a notification socket how it is.

::

    with Supervised() as box:
        box.kill9()          # the sockets and the TCP connections stay with this object
        box.start()          # and are handed to the next process
        assert "READY=1" in box.systemd.told
"""

from __future__ import annotations

import array
import os
import select
import socket
import sys
import threading
import time
from pathlib import Path

from tests.harness.ports import LOOPBACK
from tests.harness.process import Process
from tests.harness.settings import Sections
from tests.harness.sipbox import Sipbox

#: Puts the descriptors where sd_listen_fds(3) expects them, and becomes the program.
LAUNCHER = """
import fcntl, os, sys
descriptors = [int(text) for text in sys.argv[1].split(",") if text]
high = [fcntl.fcntl(each, fcntl.F_DUPFD, 3 + len(descriptors)) for each in descriptors]
for number, descriptor in enumerate(high, 3):
    os.dup2(descriptor, number, inheritable=True)
for descriptor in {*descriptors, *high} - set(range(3, 3 + len(descriptors))):
    os.close(descriptor)
if descriptors:
    os.environ["LISTEN_FDS"] = str(len(descriptors))
    os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.argv[2], sys.argv[2:])
"""


class PlayedSystemd:
    """The other end of sd_notify(3): ``told`` are the lines in order, ``store`` the kept descriptors."""

    def __init__(self, place: Path) -> None:
        self.address = str(place)
        self.told: list[str] = []
        self.when: list[float] = []
        self.store: list[int] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address)
        self._ended = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while not self._ended:
            if not select.select([self._socket], [], [], 0.1)[0]:
                continue
            data, ancillary, _, _ = self._socket.recvmsg(4096, 1024)
            rights = array.array("i")
            for _, _, given in ancillary:
                rights.frombytes(given)
            self.store += rights
            now = time.monotonic()
            for line in data.decode().splitlines():
                self.when.append(now)
                self.told.append(line)

    def last(self, name: str) -> str | None:
        """The last value of that name."""
        values = [line.partition("=")[2] for line in list(self.told) if line.startswith(f"{name}=")]
        return values[-1] if values else None

    def living(self) -> list[int]:
        """The kept descriptors; those whose connection is over are let go of, as systemd does (FDPOLL)."""
        poll = select.poll()
        for descriptor in self.store:
            poll.register(descriptor, 0)
        over = {
            descriptor for descriptor, events in poll.poll(0) if events & (select.POLLHUP | select.POLLERR)
        }
        for descriptor in over:
            os.close(descriptor)
        self.store = [descriptor for descriptor in self.store if descriptor not in over]
        return self.store

    def close(self) -> None:
        self._ended = True
        self._reader.join()
        self._socket.close()
        for descriptor in self.store:
            os.close(descriptor)


class Supervised(Sipbox):
    """One server whose sockets are this object's. ``hand_over`` False: it binds itself, and is watched."""

    def __init__(
        self,
        database_url: str | None = None,
        *,
        settings: Sections | None = None,
        agent: bool = False,
        watchdog_seconds: float = 30,
        hand_over: bool = True,
    ) -> None:
        super().__init__(database_url, settings=settings, agent=agent)
        self.systemd = PlayedSystemd(self.directory / "notify")
        self.watchdog_seconds = watchdog_seconds
        self.sockets = self._bound() if hand_over else []

    def _bound(self) -> list[socket.socket]:
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_194_304)
        udp.bind((LOOPBACK, self.port))
        tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        tcp.bind((LOOPBACK, self.port))
        tcp.listen(1024)
        return [udp, tcp]

    def _spawn(self, verb: str, *options: str) -> Process:
        serves = verb == "serve"
        listening = [sock.fileno() for sock in self.sockets] if serves else []
        given = [*listening, *self.systemd.living()] if serves else []
        program = [sys.executable, "-m", "appliance", "--config", str(self.config), verb, *options]
        return Process(
            [sys.executable, "-I", "-S", "-c", LAUNCHER, ",".join(map(str, given)), *program],
            log=self.directory / f"{verb}.log",
            environment=self.environment
            | {
                "NOTIFY_SOCKET": self.systemd.address,
                "WATCHDOG_USEC": str(int(self.watchdog_seconds * 1_000_000)),
            },
            directory=self.program,
            descriptors=given,
        )

    def close(self) -> None:
        super().close()
        self.systemd.close()
        for sock in self.sockets:
            sock.close()
