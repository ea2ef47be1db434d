"""Which gateways are tried for a number, and in which order (``load_gws`` of OpenSER's module lcr).

Routes whose prefix fits the number and whose pattern fits the caller: the longest prefix first, then the
lowest priority, which stands for the cost. Gateways of one group share the calls: which of them comes first
follows from the Call-ID, so a copy of a request goes the same way. One that has just failed is tried last.
Must not know who may call what.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple
from zlib import crc32

from appliance.proxy.pstn.peer_rows import GatewayRow, PeerRows
from appliance.proxy.target import Target
from appliance.sip.hop import Hop

_PORT = 5060
_TLS_PORT = 5061


class _Route(NamedTuple):
    prefix: str
    fits: Callable[[str], object] | None
    group: int
    priority: int


class LeastCost:
    """The gateways and the routes to them. ``rest_seconds``: so long one that failed is tried last;
    ``on_failure(name)`` is told of it."""

    def __init__(self, rest_seconds: float, on_failure: Callable[[str], None]) -> None:
        self._rest_seconds = rest_seconds
        self._on_failure = on_failure
        self._names: dict[int, str] = {}
        self._by_prefix: dict[str, list[_Route]] = {}
        self._longest = 0
        self._groups: dict[int, list[GatewayRow]] = {}
        self._resting: dict[int, float] = {}
        self._failed: dict[int, float] = {}

    @property
    def any(self) -> bool:
        """Whether there is a way outside at all."""
        return bool(self._by_prefix and self._groups)

    def read(self, rows: PeerRows) -> None:
        """Knows these rows from now on, and no others. A pattern that cannot be read fits nobody."""
        groups: dict[int, list[GatewayRow]] = {}
        for gateway in rows.gateways:
            groups.setdefault(gateway.group, []).append(gateway)
        by_prefix: dict[str, list[_Route]] = {}
        for row in rows.routes:
            route = _Route(row.prefix, _pattern(row.from_uri), row.group, row.priority)
            by_prefix.setdefault(row.prefix, []).append(route)
        for routes in by_prefix.values():
            routes.sort(key=_priority)
        self._groups, self._by_prefix = groups, by_prefix
        self._longest = max(map(len, by_prefix), default=0)
        self._names = {gateway.id: gateway.name for gateway in rows.gateways}
        self._resting = {number: until for number, until in self._resting.items() if number in self._names}
        self._failed = {number: when for number, when in self._failed.items() if number in self._names}

    def gateways(self, number: str, caller: str, call_id: str, now: float) -> list[GatewayRow]:
        """The gateways to try for ``number``, each once, the best first; ``caller`` is the URI of From."""
        found: dict[int, GatewayRow] = {}
        for length in range(min(self._longest, len(number)), -1, -1):
            for route in self._by_prefix.get(number[:length], ()):
                if route.fits is None or route.fits(caller) is not None:
                    for gateway in self._shared(route.group, call_id):
                        found.setdefault(gateway.id, gateway)
        chosen = list(found.values())
        if self._resting:
            chosen.sort(key=lambda gateway: self._rests(gateway.id, now))
        return chosen

    def failed(self, gateway: int, now: float) -> None:
        """This one did not do what it is there for: others come first for a while."""
        if gateway in self._names:
            self._resting[gateway] = now + self._rest_seconds
            self._failed[gateway] = now
            self._on_failure(self._names[gateway])

    def rests(self, gateway: int, now: float) -> float:
        """For how many more seconds others come first; 0 when it is in order."""
        return max(0.0, self._resting.get(gateway, now) - now)

    def failed_last(self, gateway: int) -> float | None:
        """When it failed the last time; None when it never has."""
        return self._failed.get(gateway)

    def _rests(self, gateway: int, now: float) -> bool:
        until = self._resting.get(gateway)
        if until is None:
            return False
        if until <= now:
            del self._resting[gateway]
            return False
        return True

    def _shared(self, group: int, call_id: str) -> list[GatewayRow]:
        members = self._groups.get(group, [])
        if len(members) < 2:
            return members
        start = crc32(call_id.encode("utf-8", "surrogateescape")) % len(members)
        return members[start:] + members[:start]


def number_for(gateway: GatewayRow, number: str) -> str:
    """The number as this gateway wants it: without its first digits, with others before."""
    return gateway.prefix + number[gateway.strip :]


def targets_of(gateways: list[GatewayRow], number: str) -> list[Target]:
    """A target for each gateway; one after the other is tried."""
    found = []
    for place, gateway in enumerate(gateways):
        transport = gateway.transport or "udp"
        usual = _TLS_PORT if transport == "tls" else _PORT
        port = gateway.port or usual
        address = f"[{gateway.host}]" if ":" in gateway.host else gateway.host
        shown = "" if port == usual else f":{port}"
        by = "" if transport == "udp" else f";transport={transport}"
        uri = f"sip:{number_for(gateway, number)}@{gateway.hostname or address}{shown}{by}"
        hop = Hop(transport, gateway.host, port, -1, name=gateway.hostname if transport == "tls" else "")
        found.append(Target(uri, hop, q=1.0 - place / 1000, gateway=gateway.id))
    return found


def _priority(route: _Route) -> int:
    return route.priority


def _pattern(text: str) -> Callable[[str], object] | None:
    if not text:
        return None
    try:
        return re.compile(text, re.IGNORECASE).search
    except re.error:
        return _never


def _never(_: str) -> object:
    return None
