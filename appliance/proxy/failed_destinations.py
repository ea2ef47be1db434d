"""Destinations that have failed a moment ago (SER's destination blacklist): others come before them.

A destination is an address that a name or a URI led to and nobody answered at: no phone's flow, and no
gateway, which has its own list. Nothing is refused because of it: where a name has one address only, that
one is tried again. Must not know why something was sent there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from appliance.sip.hop import Hop

_MOST = 1000


class FailedDestination(NamedTuple):
    """Where nobody answered, and for how many more seconds that is remembered."""

    transport: str
    host: str
    port: int
    seconds: float


class FailedDestinations:
    """Remembers each for ``seconds``, the newest thousand of them; ``clock`` is monotonic."""

    def __init__(self, seconds: float, clock: Callable[[], float]) -> None:
        self._seconds = seconds
        self._clock = clock
        # The oldest comes first, because each failure is put at the end.
        self._until: dict[tuple[str, str, int], float] = {}

    def failed(self, hop: Hop) -> None:
        """Nobody has answered there."""
        if not self._seconds:
            return
        key = (hop.transport, hop.host, hop.port)
        self._until.pop(key, None)
        self._until[key] = self._clock() + self._seconds
        if len(self._until) > _MOST:
            del self._until[next(iter(self._until))]

    def best_of(self, transport: str, hosts: Sequence[str], port: int) -> str:
        """The first of at least one address that has not failed; the first of all when all of them have."""
        if self._until and len(hosts) > 1:
            now = self._clock()
            for host in hosts:
                if self._until.get((transport, host, port), 0.0) <= now:
                    return host
        return hosts[0]

    def listed(self) -> list[FailedDestination]:
        """All that are remembered, the oldest failure first."""
        now = self._clock()
        self._until = {key: until for key, until in self._until.items() if until > now}
        return [FailedDestination(*key, until - now) for key, until in self._until.items()]
