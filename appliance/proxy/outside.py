"""What the proxy needs from outside: rows, sockets, whoever is told, and the time.

Named here, held elsewhere: whoever has sockets and a database (``server``) hands them to the core.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from appliance.proxy.authentication import CredentialsSource
from appliance.proxy.connection_alias import UseAgain
from appliance.proxy.forward import Connections
from appliance.proxy.locating import Names
from appliance.proxy.preferences.offline import MessageStore
from appliance.proxy.pstn.peer_rows import PeerRows
from appliance.registrar.location_service import BindingStore
from appliance.registrar.preferences import Preferences
from appliance.registrar.served import ServedDomain
from appliance.sip.hop import Hop
from appliance.sip.uri import AddressOfRecord
from appliance.telemetry.journal import Journal
from appliance.telemetry.metrics import Metrics
from appliance.telemetry.trace import Tracer


class Directory(Protocol):
    """Who and what is known: the rows of the database, resident or looked up; may block."""

    @property
    def credentials(self) -> CredentialsSource: ...
    @property
    def bindings(self) -> BindingStore: ...
    @property
    def offline(self) -> MessageStore: ...
    def watch_domains(self, watcher: Callable[[Mapping[str, ServedDomain], bool], None]) -> None: ...
    def may_be(self, who: AddressOfRecord, name: str) -> bool: ...
    def alias(self, aor: AddressOfRecord) -> str | None: ...
    def watch_sites(self, watcher: Callable[[Mapping[tuple[str, str], str]], None]) -> None: ...
    def watch_peers(self, watcher: Callable[[PeerRows], None]) -> None: ...
    def groups(self, aor: AddressOfRecord) -> frozenset[str]: ...
    def identity(self, aor: AddressOfRecord) -> str: ...
    def preferences(self, aor: AddressOfRecord) -> Preferences | None: ...
    def speed_dials(self, aor: AddressOfRecord) -> Mapping[str, str] | None: ...


class Network(Connections, Protocol):
    """The sockets, and who looks names up; everything may raise OSError."""

    @property
    def listeners(self) -> Sequence[tuple[str, str, int]]: ...
    @property
    def names(self) -> Names: ...
    @property
    def use_again(self) -> UseAgain: ...
    def send(self, data: bytes, hop: Hop) -> None: ...


class Watchers(NamedTuple):
    """Who is told what happens."""

    metrics: Metrics
    tracer: Tracer
    journal: Journal


class Clock(NamedTuple):
    """``now`` is monotonic seconds, ``wall`` UTC; ``defer`` runs a callable soon, where it may block."""

    now: Callable[[], float]
    wall: Callable[[], float]
    defer: Callable[..., object]
