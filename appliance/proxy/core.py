"""The SIP server as one piece without sockets: messages go in, messages come out, the time is told to it.

Wiring only. Whoever holds the sockets (``server``) and the database hands both in; a test hands in a list and
a dictionary instead, and sees the same server.
"""

from __future__ import annotations

from collections.abc import Mapping

from appliance.auth.keys import Keys
from appliance.auth.nonce import NonceSource
from appliance.config import Settings
from appliance.config.listener import names_of
from appliance.errors import StorageError
from appliance.protection.door import Door
from appliance.protection.guesses import Guesses
from appliance.proxy.accounting import Accounting
from appliance.proxy.admission import Admission
from appliance.proxy.branch import Branches
from appliance.proxy.calls import Calls
from appliance.proxy.connection_alias import ConnectionAliases
from appliance.proxy.credentials import CredentialCheck
from appliance.proxy.domain_policy import DomainPolicy
from appliance.proxy.domains import Domains
from appliance.proxy.edge_proxies import EdgeProxies
from appliance.proxy.flow_tokens import FlowTokens
from appliance.proxy.forking.challenges import Challenges
from appliance.proxy.forking.orphans import Orphans
from appliance.proxy.forking.surroundings import Surroundings
from appliance.proxy.forking.takeover import Takeover
from appliance.proxy.forward import Forwarder
from appliance.proxy.guessing import GuessWatch
from appliance.proxy.incoming import Answers, Incoming
from appliance.proxy.journal import ProxyJournal
from appliance.proxy.large_requests import LargeRequests
from appliance.proxy.locating import Locator
from appliance.proxy.nat.asked import MediaNodes
from appliance.proxy.nat.detection import NatTest
from appliance.proxy.nat.keepalive import KeepAlives, Share, everything
from appliance.proxy.nat.media import Media
from appliance.proxy.nat.private_networks import PublicConnections
from appliance.proxy.neighbour_routes import NeighbourRoutes
from appliance.proxy.other_workers import OtherWorkers
from appliance.proxy.outside import Clock, Directory, Network, Watchers
from appliance.proxy.parts import Parts
from appliance.proxy.preferences.forwarding import Forwarding
from appliance.proxy.preferences.offline import OfflineMessages
from appliance.proxy.preferences.speed_dials import SpeedDials
from appliance.proxy.presence import PresenceServer
from appliance.proxy.privacy import Privacy
from appliance.proxy.pstn.enum_query import EnumQuery, NumberLookup
from appliance.proxy.pstn.failed_destinations import FailedDestinations
from appliance.proxy.pstn.gateway_login import Login
from appliance.proxy.pstn.site_prefixes import SitePrefixes
from appliance.proxy.pstn.telephone_network import TelephoneNetwork
from appliance.proxy.record_route import DialogRoutes
from appliance.proxy.relays import Relays
from appliance.proxy.replies import PROFILES
from appliance.proxy.responses import Responses
from appliance.proxy.routes import Routes
from appliance.proxy.scanners import Scanners
from appliance.proxy.self_loop import SelfLoop
from appliance.proxy.session_timer import SessionTimer
from appliance.proxy.shared_address import SharedAddress
from appliance.proxy.target import Target
from appliance.proxy.targets import TargetSet, ambiguous_sockets
from appliance.registrar.binding import Binding
from appliance.registrar.gruu import Gruus
from appliance.registrar.locations import Locations
from appliance.registrar.register import Registrar
from appliance.sip.hop import Hop
from appliance.sip.message import Limits, Request
from appliance.telemetry.accounted import Ledger
from appliance.transaction.table import ClientTransaction, TransactionTable
from appliance.transaction.timers import TimerSettings, TimerWheel

#: For how many users, and sources that try a user's password, tries are counted.
GUESSES = 32_768


class ProxyCore:
    """The registrar and proxy. ``receive(data, hop)`` takes each message, in a greenlet that may wait;
    ``wheel.advance(now)`` is to be called with each tick. ``worker`` is its number where it has ``others``
    beside it, ``share`` which phones it keeps alive (all), ``ledger`` who keeps what is accounted,
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
        others: OtherWorkers | None = None,
        share: Share | None = None,
        ledger: Ledger | None = None,
        media_nodes: MediaNodes | None = None,
        gateway_logins: Mapping[str, Login] | None = None,
        neighbour_key: bytes | None = None,
        numbers: NumberLookup | None = None,
        door: Door | None = None,
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
            metrics.transaction_seconds.observe,
        )
        self.locations = Locations(case_sensitive=settings.registrar.case_sensitive)
        gruus = Gruus(keys.derive("gruu"), clock.wall) if settings.registrar.gruu else None
        self.registrar = Registrar(
            self.locations,
            directory.bindings,
            settings.registrar,
            profile=sip.profile,
            wall=clock.wall,
            gruus=gruus,
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
        shared_host = settings.cluster.shared_host
        self.shared = SharedAddress(shared_host, network.listeners) if shared_host else None
        directory.watch_domains(self.domains.take)
        if door is not None:
            self.locations.watch_sources(door.familiar)
        self.journal = ProxyJournal(journal, metrics)
        self.calls = Calls(metrics, self.journal.call_ended)
        if others is not None:
            self.calls.elsewhere = others.hung_up
        self.registrar.service.others = others
        branches = Branches(keys.derive("branch"), worker)
        dialogs = DialogRoutes(keys.derive("record-route"), names)
        # Phones on TLS and WebSocket are reached by their flow, whether or not there may be a NAT.
        flows = any(transport not in ("udp", "tcp") for transport, _, _ in network.listeners)
        tests = settings.nat.tests if settings.nat.detect else ()
        self.nat = nat = NatTest(tests, self.domains.is_me) if settings.nat.detect or flows else None
        media = None if media_nodes is None else Media(media_nodes, settings.media, metrics, tracer)
        answers = Answers(
            self.transactions,
            network.send,
            metrics,
            replies,
            keys.derive("to-tag"),
            sip.server_header,
            door,
            tracer,
        )
        gateway = settings.gateway
        outside = TelephoneNetwork(
            gateway,
            keys.derive("gateway-dialog"),
            dialogs,
            branches,
            self.domains,
            directory,
            [host for _, host, _ in network.listeners],
            self.journal,
            metrics,
            gateway_logins,
            door,
        )
        self.pstn, self.least_cost = outside.pstn, outside.least_cost
        peers, guard = outside.peers, outside.guard
        neighbour_routes = None
        if neighbour_key is not None:
            window = settings.replication.window_seconds
            neighbour_routes = NeighbourRoutes(neighbour_key, window, clock.wall)
        self.failed_destinations = FailedDestinations(sip.failed_destination_seconds, clock.now)
        locator = Locator(
            network.names, network.listeners, records=settings.dns.records, failed=self.failed_destinations
        )
        privacy = Privacy(peers, self.pstn.identity_of, gateway.identity)
        flow_tokens = FlowTokens(keys.derive("flow")) if settings.registrar.outbound else None
        self.forwarder = Forwarder(
            listeners=network.listeners,
            connections=network if sip.send_to_private else PublicConnections(network, self._count_private),
            locator=locator,
            branches=branches,
            dialog_routes=dialogs,
            max_forwards=sip.max_forwards,
            names=names,
            guard=guard,
            flow_tokens=flow_tokens,
            privacy=privacy,
            neighbours=neighbour_routes,
            failed=self.failed_destinations,
            large=LargeRequests(sip.udp_bytes, network.listeners, clock.now) if sip.udp_bytes else None,
            shared=self.shared,
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
            shared=self.shared,
        )
        self.locations.watch_nated(self.keepalives)
        self.targets = TargetSet(
            self.registrar.service, clock.now, ambiguous_sockets(network.listeners), self.shared
        )
        challenges = Challenges(self.domains)
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
            challenges=challenges,
            privacy=privacy,
            server_patience=settings.dns.answer_seconds,
            media=media,
            nat=nat,
            guard=guard,
            login=outside.login,
            failover=outside.failover,
        )
        relays = Relays(
            around, self.domains, self.targets, self.calls, sip.max_branches, self._progress_of, others
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
            peers.sender,
            accounting,
            self._failure_route,
        )
        forwarding, sites = settings.forwarding, SitePrefixes(self.domains)
        directory.watch_sites(sites.take)
        self.guesses = None if door is None else Guesses(GUESSES)
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
                others=others,
                algorithms=("MD5",) if sip.profile == "openser12" else settings.auth.algorithms,
                md5_agents=settings.auth.md5_agents,
                tries=None
                if door is None or self.guesses is None
                else GuessWatch(door, self.guesses, nonces.was_given_to, clock.now),
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
            flow_tokens=flow_tokens,
            gruus=gruus,
            privacy=privacy,
            edge_proxies=EdgeProxies(settings.registrar.edge_proxies, peers),
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
            presence=PresenceServer(settings.presence.server, settings.presence.packages, locator.servers)
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
                challenges,
                privacy,
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
            on_overload=self.journal.overloaded,
            defer=None if media is None else clock.defer,
            may_hand_over=others is not None,
            is_answer=self.keepalives.is_answer if self.keepalives.configured else None,
            stun=network.send if settings.registrar.outbound else None,
            aliases=ConnectionAliases(network.use_again, peers.sender),
            shared=self.shared,
            scanners=None
            if door is None
            else Scanners(
                door, settings.protection.scanners, answer_options=settings.protection.answer_options
            ),
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
