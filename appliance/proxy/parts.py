"""What the routing script is put together from; ``server`` fills it in."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from appliance.proxy.accounting import Accounting
from appliance.proxy.credentials import CredentialCheck
from appliance.proxy.domain_policy import DomainPolicy
from appliance.proxy.domains import Domains
from appliance.proxy.edge_proxies import EdgeProxies
from appliance.proxy.flow_tokens import FlowTokens
from appliance.proxy.incoming import Incoming
from appliance.proxy.nat.detection import NatTest
from appliance.proxy.nat.media import Media
from appliance.proxy.neighbour_routes import NeighbourRoutes
from appliance.proxy.preferences.forwarding import Forwarding
from appliance.proxy.preferences.offline import OfflineMessages
from appliance.proxy.preferences.speed_dials import SpeedDials
from appliance.proxy.presence import PresenceServer
from appliance.proxy.privacy import Privacy
from appliance.proxy.pstn.enum_query import EnumQuery
from appliance.proxy.pstn.gateway import Pstn
from appliance.proxy.pstn.site_prefixes import SitePrefixes
from appliance.proxy.pstn.trusted import Peers
from appliance.proxy.record_route import DialogRoutes
from appliance.proxy.relays import Relays
from appliance.proxy.self_loop import SelfLoop
from appliance.proxy.session_timer import SessionTimer
from appliance.proxy.targets import TargetSet
from appliance.registrar.answer import Outcome
from appliance.registrar.gruu import Gruus
from appliance.registrar.preferences import Preferences
from appliance.registrar.register import Registrar
from appliance.sip.uri import AddressOfRecord
from appliance.telemetry.trace import Tracer


class RouteJournal(Protocol):
    """Who is told of registrations, and of strangers that are turned away."""

    def registered(self, incoming: Incoming, outcome: Outcome) -> None: ...

    def relay_refused(self, incoming: Incoming) -> None: ...


def nobody_prefers(_aor: AddressOfRecord) -> Preferences | None:
    """The preferences of users where they have none."""
    return None


class Parts(NamedTuple):
    """The parts of the routing script. ``aliases(aor)`` gives the URI that an address stands for, or None.

    ``nat`` is None where nobody looks for NATs. ``peers`` knows who is known by his address, ``pstn`` the way
    to the telephone network. ``preferences(aor)`` are a user's wishes. ``neighbours`` is None without other
    nodes.
    """

    domains: Domains
    policy: DomainPolicy
    credentials: CredentialCheck
    registrar: Registrar
    locations: TargetSet
    aliases: Callable[[AddressOfRecord], str | None]
    dialogs: DialogRoutes
    relays: Relays
    self_loop: SelfLoop
    journal: RouteJournal
    tracer: Tracer
    peers: Peers
    edge_proxies: EdgeProxies
    privacy: Privacy
    pstn: Pstn
    accounting: Accounting | None = None
    nat: NatTest | None = None
    media: Media | None = None
    neighbours: NeighbourRoutes | None = None
    forwarding: Forwarding | None = None
    preferences: Callable[[AddressOfRecord], Preferences | None] = nobody_prefers
    speed_dials: SpeedDials | None = None
    failure_redirects: bool = False
    offline: OfflineMessages | None = None
    presence: PresenceServer | None = None
    session_timer: SessionTimer | None = None
    sites: SitePrefixes | None = None
    enum: EnumQuery | None = None
    flow_tokens: FlowTokens | None = None
    gruus: Gruus | None = None
