"""Requests that are too large for a datagram (RFC 3261 §18.1.1): they go by TCP.

Whoever refuses TCP gets them by UDP after all, in pieces, and is not asked again for a while. What is known
to be reached by UDP is left out by whoever asks: a registered phone's flow, a dialog that began by UDP, a
gateway. Must not know how a connection is opened.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from appliance.sip.hop import Hop
from appliance.sip.message import Request

_REFUSED_SECONDS = 600.0
_MOST_REFUSED = 1000
#: What is still to come: our Via, and a pair of Record-Routes.
_OURS = 400


class LargeRequests:
    """``most`` bytes go by UDP. ``listeners`` are ours, ``clock`` is monotonic."""

    def __init__(
        self, most: int, listeners: Sequence[tuple[str, str, int]], clock: Callable[[], float]
    ) -> None:
        self._most = most
        self._clock = clock
        self._families = {":" in host for transport, host, _ in listeners if transport == "tcp"}
        self._refused: dict[tuple[str, int], float] = {}

    def by_tcp(self, request: Request, hop: Hop) -> Hop | None:
        """The hop by TCP, when the request is too large for this one by UDP; else None."""
        if hop.transport != "udp" or (":" in hop.host) not in self._families:
            return None
        size = len(request.uri_text) + sum(map(len, request.lines)) + 2 * len(request.lines)
        if size + len(request.body) + _OURS <= self._most:
            return None
        until = self._refused.get((hop.host, hop.port), 0.0)
        return None if until > self._clock() else hop._replace(transport="tcp", listener=-1)

    def refused(self, hop: Hop) -> None:
        """Nobody takes TCP there."""
        self._refused.pop((hop.host, hop.port), None)
        self._refused[hop.host, hop.port] = self._clock() + _REFUSED_SECONDS
        if len(self._refused) > _MOST_REFUSED:
            del self._refused[next(iter(self._refused))]
