"""The SIP process: sockets and a database around the proxy core, started and ended in order.

The order of starting: secret, sockets, database (which may be away), then answering, while the bindings are
loaded in the background. The order of stopping: read no more, finish what is begun, write what is not written
yet, close. The process must have been monkey-patched by gevent before.
"""

from __future__ import annotations

import secrets
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

import gevent
from gevent.event import Event

from appliance.auth.keys import load_keys, shared_keys
from appliance.config import Settings
from appliance.config.gateway_logins import read_gateway_logins
from appliance.config.listener import names_of
from appliance.control import ControlServer
from appliance.expiry import Expiry
from appliance.media.rtpengine import Rtpengine
from appliance.memory import settle_memory
from appliance.neighbours.replicas import Replicas
from appliance.neighbours.wire import NeighbourNodes
from appliance.network import Network
from appliance.operations import Box, commands
from appliance.proxy.branch import worker_in
from appliance.proxy.core import Clock, ProxyCore, Watchers
from appliance.proxy.keepalive import Share
from appliance.registrar.binding import Binding
from appliance.sip.hop import Hop
from appliance.storage.directory import Directory
from appliance.storage.handover import Handover
from appliance.supervision.descriptors import handed_over
from appliance.supervision.heartbeat import Heartbeat
from appliance.supervision.notify import notifier
from appliance.telemetry.console import TraceConsole
from appliance.telemetry.journal import open_journal
from appliance.telemetry.media_watch import MediaWatch
from appliance.telemetry.metrics import Metrics
from appliance.telemetry.trace import Tracer
from appliance.transport.greenlets import ParkedGreenlets
from appliance.transport.name_servers import NameServers
from appliance.workers.duties import Duties
from appliance.workers.neighbours import Neighbours
from appliance.workers.shared_bindings import Hearing
from appliance.workers.shared_network import SharedNetwork

# How long what is begun may take to finish when the server stops.
_STOP_SECONDS = 5.0


class SipServer:
    """One SIP process, number ``worker``. Raises SettingsError when it cannot be what the settings say.

    ``reread()`` gives the settings as their file has them by now: the domains may be others.
    """

    def __init__(
        self, settings: Settings, worker: int = 1, reread: Callable[[], Settings] | None = None
    ) -> None:
        self._reread = reread
        self.settings = settings
        self.worker = worker
        self.supervisor = notifier()
        descriptors = handed_over()
        descriptors.check(settings.sip.listeners)
        self.started = time.time()
        self.stopping = Event()
        self.metrics = Metrics()
        self.tracer = Tracer(
            0 if settings.sip.worker_count == 1 else worker,
            listeners=[str(listener) for listener in settings.sip.listeners],
        )
        self.console: TraceConsole | None = None
        self.journal = open_journal(settings.log.level, settings.log.format)
        keys = load_keys(Path(settings.sip.state_dir) / "secret")
        self.neighbours = self._meet_neighbours()
        self.network = Network(
            settings,
            self.metrics,
            self.tracer,
            self._received if self.neighbours is None else self._received_for_all,
            self._connection_changed,
            descriptors,
            self.supervisor,
        )
        self.nodes = self._neighbour_nodes()
        network: Network | SharedNetwork = self.network
        if self.neighbours is not None:
            network = SharedNetwork(self.network, self.neighbours)
        self.directory = Directory(
            settings,
            self.metrics,
            self.journal,
            network.is_open,
            worker=worker,
            tell=self._told(),
            alone=self.neighbours is None and not settings.replication.shared_database,
        )
        self.handover = Handover(Path(settings.sip.state_dir) / f"unfinished-{worker}.json", self.journal.say)
        self.media = self._media_nodes()
        self.core = ProxyCore(
            settings,
            keys,
            secrets.randbits(32),
            network,
            self.directory,
            Watchers(self.metrics, self.tracer, self.journal),
            Clock(time.monotonic, time.time, gevent.spawn),
            worker=0 if self.neighbours is None else worker,
            neighbours=self.neighbours,
            share=Share(self.network.reaches, self._part),
            ledger=None if self.directory.call_records is None else self.directory.call_records.ledger,
            media_nodes=self.media,
            gateway_logins=read_gateway_logins(settings.gateway.credentials_file),
            numbers=self._number_lookup(),
            neighbour_key=None
            if self.nodes is None
            else shared_keys(settings.replication.key_file).derive("neighbour-route"),
        )
        self.greenlets = ParkedGreenlets(
            self.core.receive, settings.sip.max_greenlets, self.core.journal.crashed
        )
        self.handed_greenlets = ParkedGreenlets(
            self.core.admission.receive_handed, settings.sip.max_greenlets, self.core.journal.crashed
        )
        self.control = ControlServer(settings.sip.control_of(worker), commands(self._box()))
        self._ticker = gevent.get_hub().loop.timer(self.core.wheel.tick, self.core.wheel.tick)
        self._expiry = Expiry(
            self.core,
            self.directory,
            self.metrics,
            lambda: self.neighbours is None or self.neighbours.leads,
        )
        self._heartbeat = Heartbeat(self.supervisor, self._describe, self.network.unread)
        self._measure()

    def start(self) -> None:
        """Answers from here on."""
        if self.nodes is not None:
            self._replicate(self.nodes)
        if self.neighbours is not None:
            self._listen_to(self.neighbours)
        self.directory.start(self.core.locations)
        self._ticker.start(self._tick)
        self._expiry.start()
        self.control.start()
        settle_memory()
        if self.media is not None:
            self.media.start()
        self.core.take_up(self.handover.take())
        if self.neighbours is not None:
            self.neighbours.start()
        if self.nodes is not None:
            self.nodes.start()
        self.network.start()
        self.core.keepalives.start(time.monotonic())
        self.supervisor.ready()
        self._heartbeat.start()
        kept = self.network.open_connections
        again = f", {kept} connections taken over" if kept else ""
        self.journal.event(
            "ready", f"worker {self.worker}: listening on {', '.join(self.settings.sip.listen)}{again}"
        )

    def stop(self) -> None:
        """Reads no more, finishes what is begun, writes what is not written."""
        self.journal.event("stopping", "finishing what is begun")
        self.supervisor.stopping()
        self._heartbeat.stop()
        self.network.stop()
        patience = time.monotonic() + _STOP_SECONDS
        while self.core.admission.in_progress and time.monotonic() < patience:
            gevent.sleep(0.01)
        self.control.stop()
        self._expiry.stop()
        self._ticker.stop()
        if self.nodes is not None:
            self.nodes.stop()
        if self.neighbours is not None:
            self.neighbours.stop()  # what is handed over from here on would be in no record
        self.handover.leave(self.core.write_down())
        if self.media is not None:
            self.media.stop()
        self.directory.stop()
        self.network.close()
        if self.console is not None:
            self.console.stop()
        self.supervisor.close()
        self.journal.event("stopped", "ended in order")

    def trace_to_terminal(self) -> None:
        """Shows every message on standard error, in colour when it is a terminal."""
        self._show_trace(True)

    def _show_trace(self, on: bool) -> None:
        if self.console is not None:
            self.console.stop()
        self.console = TraceConsole(self.tracer, sys.stderr) if on else None

    def run(self) -> None:
        """Starts, and returns when SIGTERM, SIGINT or ``stopping`` has ended it in order."""
        for number in (signal.SIGTERM, signal.SIGINT):
            gevent.signal_handler(number, self.stopping.set)
        self.start()
        self.stopping.wait()
        self.stop()

    def _received(self, data: bytes, hop: Hop) -> None:
        if not self.greenlets.dispatch(data, hop):
            self.core.admission.refuse_overload(data, hop)

    def _received_for_all(self, data: bytes, hop: Hop) -> None:
        """A response goes to the worker that has sent its request, before anybody reads it here."""
        assert self.neighbours is not None  # noqa: S101 - otherwise '_received' is called
        if data.startswith(b"SIP/2.0 "):
            worker = worker_in(data)
            if worker and self.neighbours.hand_over_response(worker, data, hop):
                return
        self._received(data, hop)

    def _received_from_neighbour(self, data: bytes, hop: Hop) -> None:
        if not self.handed_greenlets.dispatch(data, hop):
            self.core.admission.refuse_overload(data, hop)

    def _meet_neighbours(self) -> Neighbours | None:
        """The other workers, where there are some."""
        sip = self.settings.sip
        if sip.worker_count == 1:
            return None
        places = {number: sip.link_of(number) for number in range(1, sip.worker_count + 1)}
        return Neighbours(self.worker, places, self.journal.say)

    def _media_nodes(self) -> Rtpengine | None:
        """The nodes of rtpengine, where media is relayed."""
        media = self.settings.media
        if media.mode == "never":
            return None
        watch = MediaWatch(self.metrics, self.journal)
        return Rtpengine(media.addresses, media.timeout_ms / 1000, media.ping_seconds, watch)

    def _number_lookup(self) -> NameServers | None:
        """Who looks numbers up in the DNS, where there is a suffix to look for them."""
        enum = self.settings.enum
        return NameServers(enum.addresses, enum.seconds, self._looked_up) if enum.suffix else None

    def _looked_up(self, result: str) -> None:
        self.metrics.enum_lookups[result] += 1

    def _neighbour_nodes(self) -> NeighbourNodes | None:
        """The other nodes, where some are set."""
        wanted = self.settings.replication
        if not wanted.enabled:
            return None
        named = names_of(self.network.listeners, self.settings.sip.advertise)
        sip = next((str(Hop(*each)).removeprefix("udp:") for each in named if each[0] == "udp"), "")
        return NeighbourNodes(wanted, sip, self.journal.say, self.neighbours)

    def _told(self) -> Callable[[Mapping[str, Binding | None], Callable[[], None]], None] | None:
        """Who is told of bindings that were written here: other nodes, which tell the other workers."""
        if self.nodes is not None:
            return self.nodes.changed
        return None if self.neighbours is None else self.neighbours.changed

    def _replicate(self, nodes: NeighbourNodes) -> None:
        """Other nodes' bindings come into memory, and are kept when all rows are read again."""
        core, replication = self.core, nodes.replication
        replicas = Replicas(
            core.locations,
            [str(Hop(*listener)) for listener in self.network.listeners],
            self._lost_to_neighbour,
            time.monotonic,
            time.time,
        )
        core.locations.keep(lambda binding: not replicas.is_ours(binding))
        replication.begin(core.locations, replicas)
        source = self.metrics.source
        source(
            "neighbours",
            lambda: Counter("alive" if alive else "away" for alive in replication.states.values()),
        )
        source("neighbour_bindings", lambda: replication.bindings)
        source("neighbour_sent", lambda: replication.sent)
        source("neighbour_received", lambda: replication.received)
        source("neighbour_refused", lambda: replication.refused)

    def _lost_to_neighbour(self, binding: Binding) -> None:
        """A phone of ours has said at another node that it goes: its row is gone there, or here."""
        if not self.settings.replication.shared_database:
            gevent.spawn(self.directory.remove_row, binding)

    def _listen_to(self, neighbours: Neighbours) -> None:
        core = self.core
        hearing = Hearing(
            core.locations,
            self.directory.bindings.removed,
            lambda: self.directory.read_again(core.locations),
            time.monotonic,
            None if self.nodes is None else self.nodes.replication.overheard,
        )
        duties = Duties(
            take_response=self._received,
            take_request=self._received_from_neighbour,
            has_invite=core.admission.has_invite,
            send_by_connection=self.network.send_for_neighbour,
            connections=self.network.hops,
            connection_lost=lambda hop: core.connection_lost(hop, time.monotonic()),
            hung_up=lambda call_id: core.calls.end(call_id, time.monotonic()),
            boot=lambda: core.nonces.boot,
        )
        self.metrics.source("handed_over", lambda: neighbours.handed)
        self.metrics.source("worker_dropped", lambda: neighbours.dropped)
        neighbours.listen(hearing, duties)

    def _part(self) -> tuple[int, int]:
        """Which part of the UDP phones is ours to keep alive: one for each worker that lives."""
        if self.neighbours is None:
            return 0, 1
        living = self.neighbours.living
        return living.index(self.worker), len(living)

    def _box(self) -> Box:
        """What the operations work with."""
        core = self.core
        return Box(
            settings=self.settings,
            metrics=self.metrics,
            service=core.registrar.service,
            targets=core.targets,
            transactions=core.transactions,
            tracer=self.tracer,
            domains=core.domains,
            database=self.directory.database,
            connections=self.network,
            listeners=self.network.listeners,
            names=core.forwarder.names,
            keep_alive=core.keepalives.enable,
            show_trace=self._show_trace,
            trace_shown=lambda: self.console is not None,
            nated=lambda: (core.keepalives.phones, core.keepalives.behind),
            next_hop=core.forwarder.next_hop,
            shutdown=self.stopping.set,
            arguments=sys.argv,
            started=self.started,
            worker=self.worker,
            living=lambda: [self.worker] if self.neighbours is None else self.neighbours.living,
            calls_active=lambda: core.calls.active,
            flush=self.directory.flush,
            rows=self.directory.bindings.everything,
            unwritten=self.directory.unwritten,
            spooled=self.directory.spooled,
            forget=self.directory.forget,
            reload=self.directory.reload,
            reload_domains=self._reload_domains,
            peer_rows=lambda: self.directory.peers.rows,
            reload_peers=self.directory.reload_peers,
            site_prefixes=self.directory.sites,
            gateway_rests=core.least_cost.rests,
            gateway_failed=core.least_cost.failed_last,
            try_number=core.pstn.trial,
            failed_destinations=core.failed_destinations.listed,
            media_nodes=lambda: {} if self.media is None else self.media.states,
            neighbours=lambda: {} if self.nodes is None else self.nodes.replication.states,
            media_disabled=lambda: () if self.media is None else self.media.disabled,
            media_enable=lambda name, on: self.media is not None and self.media.enable(name, on),
        )

    def _reload_domains(self) -> None:
        """Rows and settings are read again; raises StorageError and SettingsError."""
        self.directory.reload_domains(None if self._reread is None else self._reread().named_domains)

    def _measure(self) -> None:
        """What the rooms count or know themselves is asked for when somebody looks."""
        core, source = self.core, self.metrics.source
        source("transactions_active", lambda: core.transactions.active)
        source("retransmissions", lambda: core.transactions.retransmissions)
        source("requests_in_progress", lambda: len(core.admission.in_progress))
        source("bindings_active", lambda: core.locations.by_transport)
        source("registered_users", lambda: core.locations.users)
        keepalives = core.keepalives
        source("nated_phones", lambda: keepalives.phones)
        source("keepalives_answered", lambda: keepalives.answered)
        source("keepalives_behind_seconds", lambda: keepalives.behind)
        source("keepalives_removed", lambda: keepalives.removed)
        source("connections_active", lambda: {"tcp": self.network.open_connections})
        source("listener_dropped", self.network.drops)
        source("greenlets", lambda: self.greenlets.alive + self.handed_greenlets.alive)
        source("trace_dropped", lambda: self.tracer.dropped)
        media = self.media
        if media is not None:
            source("media_nodes", lambda: Counter(("away", "up")[up] for up in media.states.values()))

    def _describe(self) -> str:
        """The status line of ``systemctl status``."""
        core, waiting = self.core, self.directory.spooled()
        told = [f"{len(core.locations)} bindings", f"{core.calls.active} calls"]
        if core.locations.loading:
            told.append("the location table is being read")
        told.append("database answers" if self.directory.database.available else "database away")
        if waiting:
            told.append(f"{waiting} changes wait on disk")
        return f"ready: {', '.join(told)}"

    def _connection_changed(self, opened: bool, hop: Hop) -> None:
        if self.neighbours is not None:
            self.neighbours.connection(opened, hop)
        if not opened:
            self.core.connection_lost(hop, time.monotonic())

    def _tick(self) -> None:
        self.core.wheel.advance(time.monotonic())
