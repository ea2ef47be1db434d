"""Host names to addresses: what a URI's host means on this machine (/etc/hosts, then A and AAAA records).

Blocks the calling greenlet only; answers are kept for a minute, in a bounded table. That nobody answered is
forgotten after seconds: it may be our own network that is down.
"""

from __future__ import annotations

import time
from collections import OrderedDict

import gevent
from gevent import socket

_KEPT_SECONDS = 60.0
_FAILURE_KEPT_SECONDS = 3.0
_KEPT_NAMES = 1024
_ANSWER_SECONDS = 4.0


class Resolver:
    """Looks host names up."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, tuple[float, list[str]]] = OrderedDict()

    def addresses(self, host: str) -> list[str]:
        """IP addresses of a host name, in the order of preference; empty when it has none or nobody answers
        in time."""
        now = time.monotonic()
        kept = self._kept.get(host)
        if kept is not None and kept[0] > now:
            return kept[1]
        found: list[str] = []
        kept_seconds = _KEPT_SECONDS
        try:
            with gevent.Timeout(_ANSWER_SECONDS, TimeoutError()):
                for *_, address in socket.getaddrinfo(host, None, type=socket.SOCK_DGRAM):
                    if address[0] not in found:
                        found.append(str(address[0]))
        except (OSError, UnicodeError) as error:
            found = []  # a name that does not resolve is the caller's 404, not our trouble
            if isinstance(error, TimeoutError) or getattr(error, "errno", None) == socket.EAI_AGAIN:
                kept_seconds = _FAILURE_KEPT_SECONDS
        self._kept[host] = (now + kept_seconds, found)
        self._kept.move_to_end(host)
        if len(self._kept) > _KEPT_NAMES:
            self._kept.popitem(last=False)
        return found
