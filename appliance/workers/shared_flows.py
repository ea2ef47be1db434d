"""Who has which connection: a phone on TCP is reached by the worker that has accepted it.

Every worker tells of the connections that begin and end; a request for a phone of another one, and the answer
to a request that was handed over, leave by way of their owner. Must not know messages nor sockets.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from appliance.sip.hop import Hop
from appliance.workers.frames import Open

_Peer = tuple[str, str, int]
# Connections in one packet.
_IN_ONE = 500


class SharedFlows:
    """The connections of the other workers."""

    def __init__(self) -> None:
        self._owners: dict[int, tuple[int, Hop]] = {}
        self._newest: dict[_Peer, int] = {}

    def __len__(self) -> int:
        return len(self._owners)

    def opened(self, worker: int, hops: Iterable[Hop]) -> None:
        for hop in hops:
            self._owners[hop.connection] = (worker, hop)
            self._newest[hop[:3]] = hop.connection

    def closed(self, worker: int, hops: Iterable[Hop]) -> list[Hop]:
        """Those of ``hops`` that are really gone; one that somebody else has taken over is not."""
        gone = []
        for hop in hops:
            owner = self._owners.get(hop.connection)
            if owner is not None and owner[0] == worker:
                del self._owners[hop.connection]
                if self._newest.get(hop[:3]) == hop.connection:
                    del self._newest[hop[:3]]
                gone.append(hop)
        return gone

    def all_of(self, worker: int) -> list[Hop]:
        """The connections of one worker."""
        return [hop for owner, hop in self._owners.values() if owner == worker]

    def find(self, hop: Hop) -> tuple[int, Hop] | None:
        """The owner of the connection that a hop names, or of any to its address when it names none."""
        number = hop.connection or self._newest.get(hop[:3], 0)
        found = self._owners.get(number)
        return None if found is None or found[1][:3] != hop[:3] else found


def all_told(hops: list[Hop], *, ask: bool) -> Iterator[Open]:
    """What tells another worker of all our connections; ``ask``: it is to tell of its own."""
    yield Open(hops[:_IN_ONE], True, ask)
    for first in range(_IN_ONE, len(hops), _IN_ONE):
        yield Open(hops[first : first + _IN_ONE], False, False)
