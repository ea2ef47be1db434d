"""Free ports on loopback, for UDP and TCP alike.

Every socket that connects somewhere takes an ephemeral port, from 32768 upwards. One there that was free a
moment ago may be taken in the next, so ours lie below, and none is handed out twice.
"""

from __future__ import annotations

import os
import random
import socket

LOOPBACK = "127.0.0.1"
LOWEST, HIGHEST = 12000, 32000
#: From here on for many in a row: single ones in between would soon leave no room for them.
_ROWS_FROM = 22000

_random = random.Random(os.getpid() ^ random.SystemRandom().getrandbits(32))
_handed_out: set[int] = set()


def free_port(count: int = 1, *, address: str = LOOPBACK) -> int:
    """The first of ``count`` ports in a row that nobody uses, neither over UDP nor over TCP.

    An even number when more than one is asked for, as media ports are (RFC 3550 §11).
    """
    lowest, highest = (LOWEST, _ROWS_FROM) if count == 1 else (_ROWS_FROM, HIGHEST)
    for attempt in range(2000):
        if attempt == 1000 and count > 1:
            # Rows were handed out until there is no room: most of them belong to tests that are over.
            _handed_out.difference_update(range(_ROWS_FROM, HIGHEST))
        first = _random.randrange(lowest, highest - count, 2)
        wanted = range(first, first + count)
        if not _handed_out.intersection(wanted) and all(is_free(address, port) for port in wanted):
            _handed_out.update(wanted)
            return first
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
