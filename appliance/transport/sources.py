"""By which of our addresses a host is reached: the one that the kernel's routes would have it.

On a box with several interfaces a datagram that leaves by the wrong socket has a sender that nobody out there
can answer to. Must not know what is sent.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Protocol, TypeVar

from gevent import monkey

#: Routes change seldom; somebody who has changed them waits no longer than this.
_REMEMBERED_SECONDS = 30.0
_REMEMBERED = 4096
#: Connecting a datagram socket sends nothing; the port (discard) is never used.
_ANY_PORT = 9
_Socket = monkey.get_original("socket", "socket")


class Listener(Protocol):
    """A listening socket."""

    @property
    def host(self) -> str: ...


L = TypeVar("L", bound=Listener)


class Sources:
    """Asks the kernel, and remembers for a while; ``clock`` is monotonic."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._known: dict[str, tuple[str, float]] = {}

    def best(self, listeners: Sequence[L], host: str) -> L:
        """The one of ``listeners`` (at least one) by whose address ``host`` is reached; else the first."""
        if len(listeners) == 1:
            return listeners[0]
        source = self._source_for(host)
        return next((listener for listener in listeners if listener.host == source), listeners[0])

    def _source_for(self, host: str) -> str:
        now = self._clock()
        known = self._known.get(host)
        if known is not None and known[1] > now:
            return known[0]
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        source = source_for(host)
        self._known[host] = (source, now + _REMEMBERED_SECONDS)
        return source


def source_for(host: str) -> str:
    """The sender's address that a datagram to ``host``, an IP literal, would have; "" without a route."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with _Socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((host, _ANY_PORT))
            return str(probe.getsockname()[0])
        except OSError:
            return ""
