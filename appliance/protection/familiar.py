"""Whom we know by his address: registered phones, peers of the tables, exempt networks, ourselves.

They are never banned, and never limited by how much they ask; only by what of it fails. A source is known for
as long as a phone is registered from it, and for an hour after somebody has proved there with a password who
he is. Must not know what a binding or a gateway is: ``Locations`` and the proxy's peers tell where they are.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from ipaddress import ip_address

from appliance.protection.remembered import Remembered
from appliance.protection.source import Network, source_of

#: How long somebody is known who has proved himself and is not registered, in seconds.
PROVED_SECONDS = 3600.0
#: How many of those that became known last are told to who asks.
_NEWEST = 2000


class Familiar:
    """Known sources. ``always`` are hosts and networks that are known whatever happens; ``room`` bounds what
    is remembered of others.

    ``sources`` has those that are known by themselves, and by how many reasons: whoever stands in it is let
    through without any other question.
    """

    def __init__(self, always: Iterable[Network], room: int) -> None:
        self.sources: dict[str, int] = {}
        self.number = 0  # how many sources have become known
        self._newest: deque[str] = deque(maxlen=_NEWEST)
        self._always: list[Network] = []
        self._own: set[str] = set()
        for each in always:
            if _is_one_source(each):
                self._own.add(source_of(str(each.network_address)))
            else:
                self._always.append(each)
        for source in self._own:
            self.add_source(source)
        self._networks: list[Network] = list(self._always)
        self._peers: list[str] = []
        self._proved = Remembered(room)
        self._inside = Remembered(room)  # 1.0: in a network, -1.0: in none

    def add(self, host: str) -> None:
        """One more phone is registered at ``host``."""
        self.add_source(source_of(host))

    def discard(self, host: str) -> None:
        """One phone less is."""
        self._discard_source(source_of(host))

    def add_source(self, source: str) -> None:
        count = self.sources.get(source, 0)
        self.sources[source] = count + 1
        if not count:
            self._newest.append(source)
            self.number += 1

    def news(self, after: int) -> list[str] | None:
        """The sources that have become known since ``number`` was ``after``; None when that is not known."""
        count = self.number - after
        if not 0 <= count <= len(self._newest):
            return None
        return list(self._newest)[len(self._newest) - count :]

    def _discard_source(self, source: str) -> None:
        count = self.sources.get(source, 0)
        if count > 1:
            self.sources[source] = count - 1
        elif count:
            del self.sources[source]

    def forget_all(self) -> None:
        """No phone is registered; peers and ourselves stay."""
        self.sources.clear()
        for source in (*self._own, *self._peers):
            self.add_source(source)

    def peers_are(self, places: Iterable[Network]) -> None:
        """Gateways and trusted peers are in these places from now on, and in no others."""
        for source in self._peers:
            self._discard_source(source)
        self._peers, self._networks = [], list(self._always)
        for place in places:
            if _is_one_source(place):
                self._peers.append(source_of(str(place.network_address)))
            else:
                self._networks.append(place)
        for source in self._peers:
            self.add_source(source)
        self._inside.clear()

    def prove(self, source: str, now: float) -> None:
        """Somebody there has just given the right password."""
        self._proved.put(source, now + PROVED_SECONDS)

    def knows(self, source: str, now: float) -> bool:
        """Whether the source is known, by whatever."""
        return source in self.sources or self._proved.get(source) > now or self.is_inside(source)

    def is_exempt(self, source: str) -> bool:
        """Whether the settings or the box itself say so, and not only a registration or a row."""
        return source in self._own or (bool(self._always) and _is_in(source, self._always))

    def is_inside(self, source: str) -> bool:
        """Whether it belongs to an exempt network, or one of the table ``address``."""
        if not self._networks:
            return False
        inside = self._inside.get(source)
        if not inside:
            inside = 1.0 if _is_in(source, self._networks) else -1.0
            self._inside.put(source, inside)
        return inside > 0

    @property
    def networks(self) -> list[str]:
        """The networks that are known, as text."""
        return [str(each) for each in self._networks]


def _is_one_source(network: Network) -> bool:
    return network.prefixlen >= (32 if network.version == 4 else 64)


def _is_in(source: str, networks: Sequence[Network]) -> bool:
    try:
        address = ip_address(source.partition("/")[0])
    except ValueError:
        return False
    return any(address in network for network in networks)
