"""Opening a connection (RFC 3261 §18.1.1), with little patience: a phone that is not there must never hold a
call for the 32 s of Timer B.

Must not know who wants it, nor what is sent over it.
"""

from __future__ import annotations

import errno
import socket

import gevent
from gevent import monkey

_WRITE = 2
_CONNECT_SECONDS = 3.0
_Socket = monkey.get_original("socket", "socket")


def connected(host: str, port: int) -> socket.socket:
    """A socket of the operating system that is connected and never blocks; raises OSError.

    Blocks the calling greenlet for at most three seconds.
    """
    sock: socket.socket = _Socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        outcome = sock.connect_ex((host, port))
        if outcome == errno.EINPROGRESS:
            watcher = gevent.get_hub().loop.io(sock.fileno(), _WRITE)
            try:
                with gevent.Timeout(_CONNECT_SECONDS, TimeoutError(errno.ETIMEDOUT, "no answer")):
                    gevent.get_hub().wait(watcher)
            finally:
                watcher.close()
            outcome = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if outcome:
            raise OSError(outcome, f"cannot connect to {host}:{port}")
    except OSError:
        sock.close()
        raise
    return sock
