"""Destinations that have failed a moment ago (SER's destination blacklist): others come before them.

A destination is an address that a name or a URI led to and nobody answered at: no phone's flow, and no
gateway, which has its own list. Nothing is refused because of it: where a name has one address only, that
one is tried again. Must not know why something was sent there.
"""

from __future__ import annotations

from collections.abc import Callable
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

    def last_of(self, hops: list[Hop]) -> list[Hop]:
        """The same hops, those that have failed after all others, the oldest failure first."""
        if not self._until:
            return hops
        now = self._clock()
        failed = [(until, hop) for hop in hops if (until := self._until_of(hop)) > now]
        if not failed:
            return hops
        bad = {hop for _, hop in failed}
        failed.sort(key=_until)
        return [hop for hop in hops if hop not in bad] + [hop for _, hop in failed]

    def _until_of(self, hop: Hop) -> float:
        return self._until.get((hop.transport, hop.host, hop.port), 0.0)

    def listed(self) -> list[FailedDestination]:
        """All that are remembered, the oldest failure first."""
        now = self._clock()
        self._until = {key: until for key, until in self._until.items() if until > now}
        return [FailedDestination(*key, until - now) for key, until in self._until.items()]


def _until(failed: tuple[float, Hop]) -> float:
    return failed[0]
