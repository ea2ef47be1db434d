"""Who has which connection: a phone on TCP is reached by the worker that has accepted it.

Every worker tells of the connections that begin and end, and of what they are used for besides (RFC 5923),
by their number; a request for a phone of another one, and the answer
to a request that was handed over, leave by way of their owner. Must not know messages nor sockets.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from appliance.sip.hop import Hop
from appliance.workers.frames import Open

_Peer = tuple[str, str, int]
_Alias = tuple[str, str, int, str]
# Connections in one packet.
_IN_ONE = 500


class SharedFlows:
    """The connections of the other workers."""

    def __init__(self) -> None:
        self._owners: dict[int, tuple[int, Hop]] = {}
        self._newest: dict[_Peer, int] = {}
        self._aliases: dict[_Alias, int] = {}

    def __len__(self) -> int:
        return len(self._owners)

    def opened(self, worker: int, hops: Iterable[Hop]) -> None:
        for hop in hops:
            owner = self._owners.get(hop.connection)
            if owner is not None and owner[0] == worker and _alias(hop) != _alias(owner[1]):
                self._aliases.setdefault(_alias(hop), hop.connection)
                continue
            self._owners[hop.connection] = (worker, hop)
            self._newest[hop[:3]] = hop.connection

    def closed(self, worker: int, hops: Iterable[Hop]) -> list[Hop]:
        """Those of ``hops`` that are really gone; one that somebody else has taken over is not."""
        gone = []
        for hop in hops:
            owner = self._owners.get(hop.connection)
            if self._aliases.get(_alias(hop)) == hop.connection:
                del self._aliases[_alias(hop)]
                gone.append(hop)
            elif owner is not None and owner[0] == worker and _alias(hop) == _alias(owner[1]):
                del self._owners[hop.connection]
                if self._newest.get(hop[:3]) == hop.connection:
                    del self._newest[hop[:3]]
                gone.append(hop)
        return gone

    def all_of(self, worker: int) -> list[Hop]:
        """The connections of one worker."""
        own = {number: hop for number, (owner, hop) in self._owners.items() if owner == worker}
        used = [(peer, number) for peer, number in self._aliases.items() if number in own]
        return [
            *(own[number]._replace(port=port, name=name) for (_, _, port, name), number in used),
            *own.values(),
        ]

    def find(self, hop: Hop) -> tuple[int, Hop] | None:
        """The owner of the connection that a hop names, or of any to its address when it names none."""
        if not hop.connection and (used := self._aliases.get(_alias(hop))):
            return self._owners.get(used)
        number = hop.connection or self._newest.get(hop[:3], 0)
        found = self._owners.get(number)
        if found is None or found[1][:3] != hop[:3]:
            return None
        # By TLS a connection is for whom its certificate has proved to be.
        return found if hop.connection or found[1].name == hop.name else None


def _alias(hop: Hop) -> _Alias:
    return hop.transport, hop.host, hop.port, hop.name


def all_told(hops: list[Hop], *, ask: bool) -> Iterator[Open]:
    """What tells another worker of all our connections; ``ask``: it is to tell of its own."""
    yield Open(hops[:_IN_ONE], True, ask)
    for first in range(_IN_ONE, len(hops), _IN_ONE):
        yield Open(hops[first : first + _IN_ONE], False, False)
