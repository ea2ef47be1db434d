"""An address that this machine is given and loses again: whether it has it, and how to listen there before.

Several boxes hold it in turn (VRRP). Their sockets are bound to it all the time, so whoever is given it
answers at once. Must not know who gives it.
"""

from __future__ import annotations

import errno
import socket

from gevent import monkey

_IP_FREEBIND = 15  # ip(7)
_IPV6_FREEBIND = 78
_Socket = monkey.get_original("socket", "socket")


def free_bind(sock: socket.socket) -> None:
    """From now on the socket can be bound to an address that is not there yet; raises OSError."""
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_FREEBIND, 1)
    else:
        sock.setsockopt(socket.IPPROTO_IP, _IP_FREEBIND, 1)


def is_held(host: str) -> bool:
    """Whether this machine has the address, an IP literal, now; raises OSError when nobody can say."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with _Socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((host, 0))
        except OSError as error:
            if error.errno != errno.EADDRNOTAVAIL:
                raise
            return False
        return True
