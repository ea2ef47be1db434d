"""The SIP server as one piece without sockets: messages go in, messages come out, the time is told to it.

Wiring only. Whoever holds the sockets (``server``) and the database hands both in; a test hands in a list and
a dictionary instead, and sees the same server.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

from appliance.auth.keys import Keys
from appliance.auth.nonce import NonceSource
from appliance.config import Settings
from appliance.config.listener import names_of
from appliance.errors import StorageError
from appliance.proxy.accounting import Accounting
from appliance.proxy.admission import Admission
from appliance.proxy.authentication import CredentialsSource
from appliance.proxy.branch import Branches
from appliance.proxy.calls import Calls
from appliance.proxy.credentials import CredentialCheck
from appliance.proxy.domain_policy import DomainPolicy
from appliance.proxy.domains import Domains
from appliance.proxy.enum_query import EnumQuery, NumberLookup
from appliance.proxy.failed_destinations import FailedDestinations
from appliance.proxy.failover import Failover
from appliance.proxy.forward import Connections, Forwarder
from appliance.proxy.forwarding import Forwarding
from appliance.proxy.gateway import NumberRange, Pstn
from appliance.proxy.gateway_login import GatewayLogin, Login
from appliance.proxy.guard import Guard
from appliance.proxy.incoming import Answers, Incoming
from appliance.proxy.journal import ProxyJournal
from appliance.proxy.keepalive import KeepAlives, Share, everything
from appliance.proxy.least_cost import LeastCost
from appliance.proxy.media import Media, MediaNodes
from appliance.proxy.nat import NatTest
from appliance.proxy.neighbour_routes import NeighbourRoutes
from appliance.proxy.neighbours import Neighbours
from appliance.proxy.number_groups import NumberGroups
from appliance.proxy.offline import MessageStore, OfflineMessages
from appliance.proxy.orphans import Orphans
from appliance.proxy.parts import Parts
from appliance.proxy.peer_rows import PeerRows
from appliance.proxy.presence import PresenceServer
from appliance.proxy.private_networks import PublicConnections
from appliance.proxy.record_route import DialogRoutes
from appliance.proxy.relays import Relays
from appliance.proxy.replies import PROFILES
from appliance.proxy.responses import Responses
from appliance.proxy.routes import Routes
from appliance.proxy.self_loop import SelfLoop
from appliance.proxy.session_timer import SessionTimer
from appliance.proxy.site_prefixes import SitePrefixes
from appliance.proxy.speed_dials import SpeedDials
from appliance.proxy.surroundings import Surroundings
from appliance.proxy.takeover import Takeover
from appliance.proxy.target import Target
from appliance.proxy.targets import TargetSet, ambiguous_sockets
from appliance.proxy.trusted import Peers
from appliance.registrar.binding import Binding
from appliance.registrar.location_service import BindingStore
from appliance.registrar.locations import Locations
from appliance.registrar.preferences import Preferences
from appliance.registrar.register import Registrar
from appliance.registrar.served import ServedDomain
from appliance.sip.hop import Hop
from appliance.sip.message import Limits, Request
from appliance.sip.uri import AddressOfRecord
from appliance.telemetry.accounted import Ledger
from appliance.telemetry.journal import Journal
from appliance.telemetry.metrics import Metrics
from appliance.telemetry.trace import Tracer
from appliance.transaction.table import ClientTransaction, TransactionTable
from appliance.transaction.timers import TimerSettings, TimerWheel


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
    """The sockets; everything may raise OSError."""

    @property
    def listeners(self) -> Sequence[tuple[str, str, int]]: ...
    def send(self, data: bytes, hop: Hop) -> None: ...
    def addresses(self, host: str) -> list[str]: ...


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


class ProxyCore:
    """The registrar and proxy. ``receive(data, hop)`` takes each message, in a greenlet that may wait;
    ``wheel.advance(now)`` is to be called with each tick. ``worker`` is its number where it has neighbours,
    ``share`` which phones it keeps alive (all), ``ledger`` who keeps what is accounted,
    ``gateway_logins`` our passwords at gateways by realm, ``neighbour_key`` what other nodes sign calls with,
    ``numbers`` who looks numbers up in the DNS.
    """

    def __init__(
        self,
        settings: Settings,
        keys: Keys,
        boot: int,
        network: Network,
        directory: Directory,
        watchers: Watchers,
        clock: Clock,
        *,
        worker: int = 0,
        neighbours: Neighbours | None = None,
        share: Share | None = None,
        ledger: Ledger | None = None,
        media_nodes: MediaNodes | None = None,
        gateway_logins: Mapping[str, Login] | None = None,
        neighbour_key: bytes | None = None,
        numbers: NumberLookup | None = None,
    ) -> None:
        sip = settings.sip
        metrics, tracer, journal = watchers
        replies = PROFILES[sip.profile]
        names = names_of(network.listeners, sip.advertise)
        self._metrics = metrics
        self.wheel = TimerWheel()
        self.transactions = TransactionTable(
            network.send,
            TimerSettings(sip.t1_ms / 1000, sip.t2_ms / 1000, sip.t4_ms / 1000),
            self.wheel,
            metrics.transaction_timeouts,
        )
        self.locations = Locations(case_sensitive=settings.registrar.case_sensitive)
        self.registrar = Registrar(
            self.locations, directory.bindings, settings.registrar, profile=sip.profile, wall=clock.wall
        )
        self.domains = Domains(
            sip.domains,
            (
                *sip.aliases,
                *(f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for _, host, port in names),
            ),
            network.listeners,
            case_sensitive=settings.registrar.case_sensitive,
        )
        directory.watch_domains(self.domains.take)
        self.journal = ProxyJournal(journal, metrics)
        self.calls = Calls(metrics, self.journal.call_ended)
        if neighbours is not None:
            self.calls.elsewhere = neighbours.hung_up
        self.registrar.service.others = neighbours
        branches = Branches(keys.derive("branch"), worker)
        dialogs = DialogRoutes(keys.derive("record-route"), names)
        self.nat = nat = NatTest(settings.nat.tests, self.domains.is_me) if settings.nat.detect else None
        media = None if media_nodes is None else Media(media_nodes, settings.media, metrics, tracer)
        answers = Answers(
            self.transactions, network.send, metrics, replies, keys.derive("to-tag"), sip.server_header
        )
        gateway = settings.gateway
        self.peers = peers = Peers(gateway.address_group, branches.verify)
        self.least_cost = LeastCost(gateway.rest_seconds, self.journal.gateway_failed)
        guard = Guard(
            keys.derive("gateway-dialog"),
            dialogs,
            peers.sender,
            self.domains.is_me,
            self.journal.guarded,
            [host for _, host, _ in network.listeners],
        )
        for reader in (peers.read, self.least_cost.read, guard.read):
            directory.watch_peers(reader)
        neighbour_routes = None
        if neighbour_key is not None:
            window = settings.replication.window_seconds
            neighbour_routes = NeighbourRoutes(neighbour_key, window, clock.wall)
        self.failed_destinations = FailedDestinations(sip.failed_destination_seconds, clock.now)
        self.forwarder = Forwarder(
            listeners=network.listeners,
            connections=network if sip.send_to_private else PublicConnections(network, self._count_private),
            addresses=network.addresses,
            branches=branches,
            dialog_routes=dialogs,
            max_forwards=sip.max_forwards,
            names=names,
            guard=guard,
            neighbours=neighbour_routes,
            failed=self.failed_destinations,
        )
        self.keepalives = KeepAlives(
            settings.nat,
            binding=self.locations.get,
            names=names,
            sockets={str(Hop(*listener)): index for index, listener in enumerate(network.listeners)},
            send=network.send,
            wheel=self.wheel,
            domain=lambda: self.domains.first() or "localhost",
            unreachable=lambda binding: clock.defer(self._give_up, binding),
            sent=metrics.keepalives_sent,
            share=everything() if share is None else share,
            worker=worker,
            boot=boot,
        )
        self.locations.watch_nated(self.keepalives)
        self.targets = TargetSet(self.registrar.service, clock.now, ambiguous_sockets(network.listeners))
        around = Surroundings(
            forwarder=self.forwarder,
            transactions=self.transactions,
            answers=answers,
            metrics=metrics,
            clock=clock.now,
            defer=clock.defer,
            send=network.send,
            targets=self.targets,
            flow_patience_seconds=sip.flow_patience_seconds,
            ring_seconds=sip.ring_seconds,
            timer_c_seconds=sip.timer_c_seconds,
            max_branches=sip.max_branches,
            failed_destinations=self.failed_destinations,
            media=media,
            nat=nat,
            guard=guard,
            login=GatewayLogin(gateway_logins) if gateway_logins else None,
            failover=Failover(gateway.next_on, gateway.answer_seconds, self.least_cost.failed),
        )
        relays = Relays(
            around, self.domains, self.targets, self.calls, sip.max_branches, self._progress_of, neighbours
        )
        self._clock = clock
        self.nonces = nonces = NonceSource(
            keys.derive("nonce"), settings.auth.nonce_seconds, worker, boot, settings.auth.nonces_tracked
        )
        accounting = None if ledger is None else Accounting(ledger, self.domains, clock.now, clock.wall)
        self._takeover = Takeover(
            around,
            self.calls,
            relays,
            nonces,
            network.listeners,
            journal.say,
            accounting,
            self._failure_route,
        )
        self.pstn = Pstn(
            self.least_cost,
            NumberRange(gateway.least_digits, gateway.most_digits),
            NumberGroups(gateway.permissions),
            directory.credentials,
            self.domains,
            directory.groups,
            directory.identity,
            gateway.identity,
            metrics,
        )
        forwarding, sites = settings.forwarding, SitePrefixes(self.domains)
        directory.watch_sites(sites.take)
        parts = Parts(
            domains=self.domains,
            policy=DomainPolicy(self.domains, replies, sip.walled_garden),
            credentials=CredentialCheck(
                nonces,
                directory.credentials,
                self.domains,
                metrics,
                clock.wall,
                self.journal,
                qop=settings.auth.qop and sip.profile != "openser12",
                case_sensitive=settings.registrar.case_sensitive,
                may_be=directory.may_be,
                neighbours=neighbours,
            ),
            registrar=self.registrar,
            locations=self.targets,
            aliases=directory.alias,
            dialogs=dialogs,
            relays=relays,
            self_loop=SelfLoop(sip.self_loop, network.listeners),
            journal=self.journal,
            tracer=tracer,
            peers=peers,
            pstn=self.pstn,
            accounting=accounting,
            media=media,
            nat=nat,
            neighbours=neighbour_routes,
            forwarding=Forwarding(
                forwarding.most, forwarding.voicemail, self.domains, directory.alias, metrics
            )
            if forwarding.most
            else None,
            preferences=directory.preferences,
            speed_dials=SpeedDials(
                directory.speed_dials, self.domains, redirects=forwarding.speed_dial == "redirect"
            )
            if forwarding.speed_dial != "off"
            else None,
            failure_redirects=forwarding.on_failure == "redirect",
            offline=OfflineMessages(
                directory.offline,
                directory.credentials,
                self.domains,
                around,
                settings.messages.kept,
                settings.messages.kept_seconds,
                clock.wall,
            )
            if settings.messages.kept
            else None,
            presence=PresenceServer(settings.presence.server, settings.presence.packages, network.addresses)
            if settings.presence.server
            else None,
            session_timer=SessionTimer(sip.min_session_seconds) if sip.min_session_seconds else None,
            sites=sites,
            enum=None
            if numbers is None
            else EnumQuery(settings.enum.suffix, numbers, self.domains, directory.credentials),
        )
        self._routes = Routes(parts)
        self.admission = Admission(
            route=self._routes.route,
            responses=Responses(
                self.transactions,
                branches,
                network.send,
                network.local_for,
                Orphans(around, self.domains, branches, sip.max_branches),
                metrics,
                nat,
                media,
                guard,
            ),
            answers=answers,
            transactions=self.transactions,
            limits=Limits(
                settings.limits.message_bytes,
                settings.limits.header_bytes,
                settings.limits.headers,
                settings.limits.uri_bytes,
                settings.limits.nesting,
            ),
            max_in_progress=sip.max_in_progress,
            metrics=metrics,
            tracer=tracer,
            clock=clock.now,
            on_trouble=self.journal.failed,
            defer=None if media is None else clock.defer,
            may_hand_over=neighbours is not None,
            is_answer=self.keepalives.is_answer if self.keepalives.configured else None,
        )
        self.receive = self.admission.receive

    def _failure_route(self, incoming: Incoming, status: int, answered: bool) -> list[Target]:
        return self._routes.failure_route(incoming, status, answered)

    def _count_private(self) -> None:
        self._metrics.messages_rejected["acl"] += 1

    def _progress_of(self, request: Request) -> Incoming | None:
        return self.admission.progress_of(request)

    def write_down(self) -> bytes:
        """What is under way, when nothing more is read: for the next process."""
        try:
            return self._takeover.write_down(self._clock.now(), self._clock.wall())
        except Exception as error:  # noqa: BLE001 - told; bindings have to be written all the same
            self.journal.crashed(error)
            return b""

    def take_up(self, unfinished: bytes) -> None:
        """Goes on with what another process has written down, before anything is read."""
        if not unfinished:
            return
        try:
            self._takeover.take_up(unfinished, self._clock.now(), self._clock.wall())
        except Exception as error:  # noqa: BLE001 - told; a record must never keep the server from starting
            self.journal.crashed(error)

    def connection_lost(self, hop: Hop, now: float) -> None:
        """A connection has ended: requests that were sent by it and have no answer have failed (§16.9)."""
        for transaction in self.transactions:
            if isinstance(transaction, ClientTransaction) and transaction.hop[:3] == hop[:3]:
                transaction.fail(now)

    def _give_up(self, binding: Binding) -> None:
        """A phone behind a NAT that no longer answers is no longer called."""
        try:
            if self.registrar.service.remove_unless_refreshed(binding):
                self.journal.unreachable(binding)
        except StorageError as error:
            self.journal.stays(binding, error)

    def expire(self, now: float, *, tell: bool = True) -> list[Binding]:
        """Takes away the bindings that have run out, tells so, and returns them; to be called each second.

        ``tell`` False: another worker tells of them.
        """
        expired = self.locations.expire(now)
        for binding in expired if tell else ():
            self.journal.expired(binding)
        return expired
