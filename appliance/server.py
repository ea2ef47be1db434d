"""The SIP process: sockets and a database around the proxy core, started and ended in order.

The order of starting: secret, sockets, database (which may be away), then answering, while the bindings are
loaded in the background. The order of stopping: read no more, finish what is begun, write what is not written
yet, close. The process must have been monkey-patched by gevent before. How each thing is connected stands in
``assembly``.
"""

from __future__ import annotations

import secrets
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import gevent
from gevent.event import Event

from appliance import __version__
from appliance.assembly.asked_outside import media_nodes, number_lookup
from appliance.assembly.measuring import measure
from appliance.assembly.nodes import (
    cluster_of,
    neighbour_key,
    neighbour_nodes,
    own_keys,
    replicate,
    told_of_bindings,
)
from appliance.assembly.operated import operated
from appliance.assembly.process import Process
from appliance.assembly.protection import Protection
from appliance.assembly.reloading import Reloading
from appliance.assembly.shared_guesses import SharedGuesses
from appliance.assembly.workers import listen_to, meet_others, part_of
from appliance.config import Settings
from appliance.config.gateway_logins import read_gateway_logins
from appliance.control import ControlServer
from appliance.expiry import Expiry
from appliance.memory import settle_memory
from appliance.network import Network
from appliance.operations import commands
from appliance.protection.door import Guarded
from appliance.proxy.branch import worker_in
from appliance.proxy.core import ProxyCore
from appliance.proxy.nat.keepalive import Share
from appliance.proxy.outside import Clock, Watchers
from appliance.sip.hop import Hop
from appliance.storage.directory import Directory
from appliance.storage.handover import Handover
from appliance.supervision.descriptors import handed_over
from appliance.supervision.heartbeat import Heartbeat
from appliance.supervision.notify import notifier
from appliance.telemetry.console import TraceConsole
from appliance.telemetry.journal import open_journal
from appliance.telemetry.metrics import Metrics
from appliance.telemetry.trace import Tracer
from appliance.transport.greenlets import ParkedGreenlets
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
        self.settings = settings
        self.worker = worker
        self.supervisor = notifier()
        descriptors = handed_over()
        descriptors.check(settings.sip.listeners)
        started = time.time()
        self.stopping = Event()
        self.metrics = Metrics()
        self.tracer = Tracer(
            0 if settings.sip.worker_count == 1 else worker,
            listeners=[str(listener) for listener in settings.sip.listeners],
            explains=settings.sip.profile != "openser12",
        )
        self.console: TraceConsole | None = None
        self.journal = open_journal(settings.log.level, settings.log.format)
        self.journal.event("started", f"worker {worker}: sipbox {__version__}")
        keys = own_keys(settings)
        self.others = meet_others(settings, worker, self.journal)
        self.protection = None
        if settings.protection.enabled:
            self.protection = Protection(settings, self.metrics, self.journal)
        door = None if self.protection is None else self.protection.door
        receive = self._received if self.others is None else self._received_for_all
        if door is not None:
            receive = Guarded(door, receive, self.metrics).receive
        self.network = Network(
            settings,
            self.metrics,
            self.tracer,
            receive,
            self._connection_changed,
            descriptors,
            self.supervisor,
            self.journal.say,
            door,
        )
        self.nodes = neighbour_nodes(settings, self.network, self.journal, self.others)
        network: Network | SharedNetwork = self.network
        if self.others is not None:
            network = SharedNetwork(self.network, self.others)
        self._is_open = network.is_open
        self.directory = Directory(
            settings,
            self.metrics,
            self.journal,
            network.is_open,
            worker=worker,
            tell=told_of_bindings(self.nodes, self.others),
            alone=self.others is None and not settings.replication.shared_database,
        )
        self.handover = Handover(Path(settings.sip.state_dir) / f"unfinished-{worker}.json", self.journal.say)
        self.media = media_nodes(settings, self.metrics, self.journal)
        self.core = ProxyCore(
            settings,
            keys,
            secrets.randbits(32),
            network,
            self.directory,
            Watchers(self.metrics, self.tracer, self.journal),
            Clock(time.monotonic, time.time, gevent.spawn),
            worker=0 if self.others is None else worker,
            others=self.others,
            share=Share(self.network.reaches, lambda: part_of(worker, self.others)),
            ledger=None if self.directory.call_records is None else self.directory.call_records.ledger,
            media_nodes=self.media,
            gateway_logins=read_gateway_logins(settings.gateway.credentials_file),
            numbers=number_lookup(settings, self.metrics),
            neighbour_key=neighbour_key(settings, self.nodes),
            door=door,
        )
        self.greenlets = ParkedGreenlets(
            self.core.receive, settings.sip.max_greenlets, self.core.journal.crashed
        )
        self.handed_greenlets = ParkedGreenlets(
            self.core.admission.receive_handed, settings.sip.max_greenlets, self.core.journal.crashed
        )
        self.guesses = SharedGuesses(door, self.core, self.nodes, self.others, self.journal)
        self.cluster = cluster_of(
            settings, self.nodes, self.core, self.directory, self.network, self.metrics, self.journal
        )
        self.process = Process(
            settings,
            worker,
            started,
            self.metrics,
            self.tracer,
            self.journal,
            self.network,
            self.directory,
            self.core,
            self.media,
            self.nodes,
            self.others,
            self.cluster,
            door,
        )
        self.reloading = Reloading(
            settings,
            self.network,
            self.directory,
            self.metrics,
            self.journal,
            reread,
            (lambda _: None) if self.cluster is None else self.cluster.agree,
        )
        box = operated(
            self.process,
            self.reloading,
            self.stopping.set,
            self._show_trace,
            lambda: self.console is not None,
        )
        self.control = ControlServer(settings.sip.control_of(worker), commands(box))
        self._ticker = gevent.get_hub().loop.timer(self.core.wheel.tick, self.core.wheel.tick)
        self._expiry = Expiry(
            self.core,
            self.directory,
            self.metrics,
            lambda: self.others is None or self.others.leads,
            self._each_second,
        )
        self._heartbeat = Heartbeat(self.supervisor, self.process.describe, self.network.unread)
        measure(self.process)
        self.metrics.source("greenlets", lambda: self.greenlets.alive + self.handed_greenlets.alive)

    def start(self) -> None:
        """Answers from here on."""
        if self.nodes is not None:
            replicate(self.nodes, self.process, self._is_open)
        if self.others is not None:
            listen_to(
                self.others,
                self.process,
                self._received,
                self._received_from_neighbour,
                self.guesses.heard,
            )
        self.directory.start(self.core.locations)
        self._ticker.start(self._tick)
        self._expiry.start()
        self.control.start()
        settle_memory()
        if self.media is not None:
            self.media.start()
        self.core.take_up(self.handover.take())
        if self.others is not None:
            self.others.start()
        if self.nodes is not None:
            self.nodes.start()
        if self.cluster is not None:
            self.cluster.start()
        self.network.start()
        self.core.keepalives.start(time.monotonic())
        self.supervisor.ready()
        self._heartbeat.start()
        kept = self.network.open_connections
        again = f", {kept} connections taken over" if kept else ""
        for problem in () if self.network.tls is None else self.network.tls.stale:
            self.journal.event("certificate-refused", f"it is in use all the same: {problem}")
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
        if self.cluster is not None:
            self.cluster.stop()
        if self.nodes is not None:
            self.nodes.stop()
        if self.others is not None:
            self.others.stop()  # what is handed over from here on would be in no record
        self.handover.leave(self.core.write_down())
        if self.media is not None:
            self.media.stop()
        self.directory.stop()
        self.network.close()
        if self.console is not None:
            self.console.stop()
        self.supervisor.close()
        self.journal.settle()
        self.journal.event("stopped", "ended in order")

    def run(self) -> None:
        """Starts, and returns when SIGTERM, SIGINT or ``stopping`` has ended it in order."""
        for number in (signal.SIGTERM, signal.SIGINT):
            gevent.signal_handler(number, self.stopping.set)
        gevent.signal_handler(signal.SIGHUP, self.reloading.everything)
        self.start()
        self.stopping.wait()
        self.stop()

    def trace_to_terminal(self) -> None:
        """Shows every message on standard error, in colour when it is a terminal."""
        self._show_trace(True)

    def _show_trace(self, on: bool) -> None:
        if self.console is not None:
            self.console.stop()
        self.console = TraceConsole(self.tracer, sys.stderr) if on else None

    def _received(self, data: bytes, hop: Hop) -> None:
        if not self.greenlets.dispatch(data, hop):
            self.core.admission.refuse_overload(data, hop)

    def _received_for_all(self, data: bytes, hop: Hop) -> None:
        """A response goes to the worker that has sent its request, before anybody reads it here."""
        assert self.others is not None  # noqa: S101 - otherwise '_received' is called
        if data.startswith(b"SIP/2.0 "):
            worker = worker_in(data)
            if worker and self.others.hand_over_response(worker, data, hop):
                return
        self._received(data, hop)

    def _received_from_neighbour(self, data: bytes, hop: Hop) -> None:
        if not self.handed_greenlets.dispatch(data, hop):
            self.core.admission.refuse_overload(data, hop)

    def _connection_changed(self, opened: bool, hop: Hop) -> None:
        if self.others is not None:
            self.others.connection(opened, hop)
        if not opened:
            self.core.connection_lost(hop, time.monotonic())

    def _each_second(self) -> None:
        """What failed again and again is summed up; others hear of guesses; bans are looked after."""
        self.journal.tick()
        self.guesses.tick()
        if self.protection is not None:
            self.protection.tick()

    def _tick(self) -> None:
        self.core.wheel.advance(time.monotonic())
