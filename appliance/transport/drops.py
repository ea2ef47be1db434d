"""What the kernel dropped at a socket whose queue was full: the counter that /proc/net/udp shows too.

It is asked of the socket itself (SO_MEMINFO), which works in every sandbox, and it goes on counting over a
restart where systemd keeps the socket.
"""

from __future__ import annotations

import socket
import struct
from typing import Protocol

_SO_MEMINFO = 55
_NUMBERS = struct.Struct("=9I")
_DROPS = 8  # SK_MEMINFO_DROPS


class _Listener(Protocol):
    def option(self, level: int, name: int, size: int) -> bytes: ...


def dropped(listener: _Listener) -> int:
    """Datagrams, or connections not accepted yet, since the socket is there; 0 where nobody counts."""
    try:
        told = listener.option(socket.SOL_SOCKET, _SO_MEMINFO, _NUMBERS.size)
    except OSError:
        return 0  # not Linux
    return int(_NUMBERS.unpack(told)[_DROPS]) if len(told) == _NUMBERS.size else 0
