"""Free ports on loopback, for UDP and TCP alike.

Every socket that connects somewhere takes an ephemeral port, from 32768 upwards. One there that was free a
moment ago may be taken in the next, so ours lie below. Whoever asks for a port binds it a moment later, and
other processes of the tests ask meanwhile: so a port is claimed, by a lock on its own byte of a file that all
share, before it is even looked at. The kernel gives all claims back when the process ends.
"""

from __future__ import annotations

import fcntl
import os
import random
import socket
import tempfile
from collections import deque
from pathlib import Path

LOOPBACK = "127.0.0.1"
LOWEST, HIGHEST = 12000, 32000
#: From here on for many in a row: single ones in between would soon leave no room for them.
_ROWS_FROM = 22000
#: So many ports of each kind are one process's at a time. The tests that asked for older ones are over.
_CLAIMED = 500

_random = random.Random(os.getpid() ^ random.SystemRandom().getrandbits(32))


class Claims:
    """The ports that this process has claimed in ``file``, at most ``most``: the oldest are given back first.

    A file may be opened by one ``Claims`` in a process: its locks are the process's, and closing it gives all
    of them back.
    """

    def __init__(self, file: Path, most: int = _CLAIMED) -> None:
        self._file = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        self._most = most
        self._rows: dict[bool, deque[range]] = {False: deque(), True: deque()}
        self._own: set[int] = set()

    def claim(self, ports: range) -> bool:
        """Whether all these ports are ours now: none is when this process or another one has one of them."""
        if not self._own.isdisjoint(ports) or not self._lock(ports):
            return False
        self._own.update(ports)
        rows = self._rows[len(ports) > 1]
        rows.append(ports)
        while len(rows) > 1 and sum(map(len, rows)) > self._most:
            self.give_back(rows[0])
        return True

    def give_back(self, ports: range) -> None:
        """The end of what ``claim`` began."""
        self._rows[len(ports) > 1].remove(ports)
        self._own.difference_update(ports)
        fcntl.lockf(self._file, fcntl.LOCK_UN, len(ports), ports.start)

    def _lock(self, ports: range) -> bool:
        try:
            fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB, len(ports), ports.start)
        except OSError:
            return False
        return True


_claims = Claims(Path(tempfile.gettempdir()) / f"sipbox-test-ports-{os.getuid()}")


def free_port(count: int = 1, *, address: str = LOOPBACK) -> int:
    """The first of ``count`` ports in a row that nobody uses, neither over UDP nor over TCP, and that no
    other process of the tests is given meanwhile.

    An even number when more than one is asked for, as media ports are (RFC 3550 §11).
    """
    lowest, highest = (LOWEST, _ROWS_FROM) if count == 1 else (_ROWS_FROM, HIGHEST)
    for _ in range(2000):
        first = _random.randrange(lowest, highest - count, 1 if count == 1 else 2)
        wanted = range(first, first + count)
        if _claims.claim(wanted):
            if all(is_free(address, port) for port in wanted):
                return first
            _claims.give_back(wanted)
    raise RuntimeError(f"no {count} free ports in a row between {lowest} and {highest}")


def is_free(address: str, port: int) -> bool:
    """Nobody has that port, neither over UDP nor over TCP."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(family, kind) as probe:
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError:
                return False
    return True
