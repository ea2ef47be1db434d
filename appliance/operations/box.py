"""What the operations work with: the parts of the running server, handed in by whoever put them together."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from appliance.config import Settings
from appliance.protection.door import Door
from appliance.proxy.domains import Domains
from appliance.proxy.pstn.failed_destinations import FailedDestination
from appliance.proxy.pstn.gateway import Trial
from appliance.proxy.targets import TargetSet
from appliance.registrar.binding import Binding
from appliance.registrar.location_service import LocationService
from appliance.sip.hop import Hop
from appliance.sip.message import Request
from appliance.sip.uri import AddressOfRecord
from appliance.storage.peers import Rows
from appliance.telemetry.metrics import Metrics
from appliance.telemetry.recent import Recent
from appliance.telemetry.trace import Tracer
from appliance.transaction.table import TransactionTable
from appliance.transport.certificates import Certificate


class Database(Protocol):
    """The database, as far as it is reported."""

    @property
    def available(self) -> bool: ...

    @property
    def last_error(self) -> str | None:
        """Why it is not available."""


class Connections(Protocol):
    """The sockets; both raise OSError."""

    def local_for(self, hop: Hop) -> Hop: ...

    def connect(self, hop: Hop) -> None: ...


class Prefixes(Protocol):
    """The prefixes of other sites; all but ``rows`` may block and raise StorageError."""

    @property
    def rows(self) -> Mapping[tuple[str, str], str]: ...
    def add(self, source: str, prefix: str, domain: str) -> None: ...
    def remove(self, source: str, domain: str) -> int: ...
    def load(self) -> None: ...


def _nothing(*_: object) -> None:
    """What is done where there is nothing to do."""


def _not_switched(_: bool) -> bool:
    """What cannot be switched."""
    return False


def _never(_gateway: int, _now: float) -> float:
    """No gateway has failed."""
    return 0.0


def _did_not_fail(_gateway: int) -> float | None:
    """This gateway never has."""
    return None


def _no_number(_caller: AddressOfRecord, _number: str, _now: float) -> None:
    """There is no telephone network."""


def _no_such_node(_name: str, _enabled: bool) -> bool:
    return False


@dataclass(frozen=True, kw_only=True)
class Box:
    """The running server.

    ``listeners`` are (transport, host, port) of the sockets by listener index, ``names`` the same as the
    world knows them (empty: as they are). ``keep_alive(on)`` switches keep-alives; False when the settings
    have none. ``nated()`` are the bindings behind a NAT, and how many seconds keep-alives are late.
    ``next_hop(request)`` finds where a request goes by its Route or Request-URI; it may wait,
    and raises ``proxy.forward.Unroutable``.
    ``shutdown`` ends the process in order and returns at once. ``flush`` writes now what a write-back would
    write later, ``unwritten()`` names the bindings (by ruid) that are not in the database yet,
    ``spooled()`` counts the changes that wait on disk for it. ``forget(table, keys)`` has rows read again
    that were changed, ``complete`` puts the way to its phone into a binding,
    ``reload`` has everything read again that can be, ``reload_domains`` the domains, ``reload_peers``
    gateways, routes, trusted peers and permissions; ``peer_rows()`` are those in memory.
    ``gateway_rests(number, now)`` says for how many more seconds others come before that gateway,
    ``gateway_failed(number)`` when it failed last (None: never),
    ``try_number(caller, number, now)`` what would become of a call outside.
    ``site_prefixes`` are the prefixes of other sites.
    ``failed_destinations()`` are the addresses at which nobody has answered a moment ago.
    ``outdated()`` says whether the file of the settings has changed since the start, for this process.
    ``started`` is wall time. ``rows()`` are the bindings of the database, for the location mode that keeps
    none in memory. ``clock`` is monotonic, ``wall`` UTC. ``worker`` is the number of this process,
    ``living()`` are those of all that live.
    ``certificates()`` are those for TLS that are in use; ``reload_certificates()`` reads them again and
    raises SettingsError where one is bad, and then the old ones stay.
    ``media_nodes()`` says of each node of rtpengine whether it answers; none where no media is relayed.
    ``neighbours()`` says of each other node whether it is heard of.
    ``cluster()`` are the boxes of one telephone system, empty where there is but one; ``fitness()`` says why
    this one must not hold their address, and why another one should.
    ``recent`` are the last calls and troubles.
    ``show_trace(on)`` has every message shown in the server's own log, ``trace_shown()`` whether they are.
    ``door`` keeps floods and guessers out; None where the settings do not want it.
    ``media_disabled()`` are those that new calls shall not go to, ``media_enable(name, on)`` changes that.
    """

    settings: Settings
    metrics: Metrics
    service: LocationService
    targets: TargetSet
    transactions: TransactionTable
    tracer: Tracer
    domains: Domains
    database: Database
    site_prefixes: Prefixes
    connections: Connections
    listeners: Sequence[tuple[str, str, int]]
    next_hop: Callable[[Request], Hop]
    shutdown: Callable[[], None]
    arguments: Sequence[str]
    started: float
    recent: Recent = field(default_factory=Recent)
    names: Sequence[tuple[str, str, int]] = ()
    keep_alive: Callable[[bool], bool] = _not_switched
    nated: Callable[[], tuple[int, float]] = lambda: (0, 0.0)
    worker: int = 1
    living: Callable[[], list[int]] = lambda: [1]
    calls_active: Callable[[], int] = lambda: 0
    flush: Callable[[], None] = _nothing
    rows: Callable[[], Iterable[Binding]] = tuple
    unwritten: Callable[[], Collection[str]] = tuple
    spooled: Callable[[], int] = lambda: 0
    forget: Callable[[str, Sequence[object]], None] = _nothing
    complete: Callable[[Binding], None] = _nothing
    reload: Callable[[], None] = _nothing
    reload_domains: Callable[[], None] = _nothing
    outdated: Callable[[], bool] = lambda: False
    peer_rows: Callable[[], Rows] = Rows
    reload_peers: Callable[[], None] = _nothing
    gateway_rests: Callable[[int, float], float] = _never
    gateway_failed: Callable[[int], float | None] = _did_not_fail
    try_number: Callable[[AddressOfRecord, str, float], Trial | None] = _no_number
    certificates: Callable[[], list[Certificate]] = list
    reload_certificates: Callable[[], list[Certificate]] = list
    failed_destinations: Callable[[], Sequence[FailedDestination]] = tuple
    media_nodes: Callable[[], dict[str, bool]] = dict
    neighbours: Callable[[], dict[str, bool]] = dict
    cluster: Callable[[], dict[str, Any]] = dict
    fitness: Callable[[], tuple[str, str]] = lambda: ("", "")
    media_disabled: Callable[[], Collection[str]] = tuple
    media_enable: Callable[[str, bool], bool] = _no_such_node
    show_trace: Callable[[bool], None] = _nothing
    trace_shown: Callable[[], bool] = bool
    door: Door | None = None
    clock: Callable[[], float] = field(default=time.monotonic)
    wall: Callable[[], float] = field(default=time.time)

    @property
    def addresses(self) -> list[str]:
        """The sockets as text, ``udp:[::1]:5060``."""
        return [str(Hop(*listener)) for listener in self.listeners]
