"""The sockets as the proxy sees them: listeners, names, and one way out, where everything is traced.

It takes over what systemd has kept over a restart, and counts connections. Must not know messages.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from appliance.config import Settings
from appliance.errors import SettingsError
from appliance.protection.door import Door
from appliance.sip.hop import Hop
from appliance.sip.message import Limits
from appliance.supervision.descriptors import Descriptors
from appliance.supervision.notify import Notifier
from appliance.telemetry.metrics import Metrics
from appliance.telemetry.trace import Tracer
from appliance.transport.connections import ALIAS
from appliance.transport.flows import Flows, names_of
from appliance.transport.machine_names import MachineNames
from appliance.transport.name_servers import NameServers
from appliance.transport.resolver import Resolver
from appliance.transport.tls_contexts import TlsContexts, TlsOptions

# Why a connection ended, by the first words of the transport's reason.
_CLOSED = (
    ("closed by the peer", "peer"),
    ("idle", "idle"),
    ("unreadable", "malformed"),
    ("too many", "limit"),
    ("the server stops", "shutdown"),
    ("its address", "moved"),
    ("no ", "handshake"),
)
# Why there was no TLS, by words of the reason.
_FAILED = (
    ("in time", "timeout"),
    ("no answer", "timeout"),
    ("certificate", "certificate"),
    ("alert", "refused"),
    ("unknown ca", "refused"),
    ("version", "version"),
    ("cipher", "version"),
    ("no TLS", "other"),
)


def contexts_of(settings: Settings) -> TlsContexts | None:
    """The certificates that the settings name, read and looked at; raises SettingsError."""
    files, said = settings.certificates, settings.tls
    if not files:
        return None
    options = TlsOptions(
        said.minimum_version,
        said.client_certificates,
        said.client_authorities,
        said.verify_servers,
        said.server_authorities,
    )
    return TlsContexts(files, options)


def resolver_of(settings: Settings, metrics: Metrics) -> Resolver:
    """Who looks up the names of servers, as the settings say."""
    machine, wanted = MachineNames(), settings.dns

    def count(result: str) -> None:
        metrics.dns_lookups[result] += 1

    return Resolver(NameServers(wanted.addresses, wanted.seconds, count, machine), machine)


class Network:
    """The sockets of one process; raises SettingsError when one cannot be had.

    ``receive(data, hop)`` is called for each message, ``changed(opened, hop)`` for each connection that
    begins or ends; ``say(level, message)`` writes into the log. ``tls`` are the certificates in use, None
    where the settings name none. ``door`` says who may connect.
    """

    def __init__(
        self,
        settings: Settings,
        metrics: Metrics,
        tracer: Tracer,
        receive: Callable[[bytes, Hop], None],
        changed: Callable[[bool, Hop], None],
        descriptors: Descriptors,
        supervisor: Notifier,
        say: Callable[[str, str], None] = lambda _level, _message: None,
        door: Door | None = None,
    ) -> None:
        sip, limits = settings.sip, settings.limits
        self.tls = contexts_of(settings)
        self._metrics = metrics
        self._sizes = metrics.message_bytes["out"]
        self._tracer = tracer
        self._changed = changed
        self._say = say
        self._flows = Flows(
            receive,
            Limits(
                limits.message_bytes, limits.header_bytes, limits.headers, limits.uri_bytes, limits.nesting
            ),
            self._connection_changed,
            max_connections=sip.max_connections,
            max_connections_of_one=sip.max_connections_of_one,
            idle_seconds=sip.tcp_idle_seconds,
            receive_buffer=sip.receive_buffer,
            keep=supervisor.keep if supervisor.listens else None,
            shared=sip.worker_count > 1,
            tls=self.tls,
            handshake_seconds=settings.tls.handshake_seconds,
            origins=settings.websocket.origins,
            door=door,
        )
        for listener in sip.listeners:
            try:
                self._flows.listen(
                    *listener,
                    inherited=descriptors.listening.get(listener.socket),
                    free=listener.host == settings.cluster.shared_host,
                )
            except OSError as error:
                raise SettingsError(error.strerror or str(error), path="sip.listen") from None
        for descriptor in descriptors.connections:
            self._flows.resume(descriptor)
        self.listeners = names_of(self._flows.listeners)
        self.names = resolver_of(settings, metrics)
        self.local_for, self.connect = self._flows.local_for, self._flows.connect
        self.is_open, self.unread, self.drops = self._flows.is_open, self._flows.unread, self._flows.drops
        self.reaches, self.hops = self._flows.reaches, self._flows.hops
        self.use_again, self.lose = self._flows.use_again, self._flows.lose
        self.start, self.stop, self.close = self._flows.start, self._flows.stop, self._flows.close

    @property
    def open_connections(self) -> int:
        """How many streams are open."""
        return self._flows.connections

    @property
    def connections_by_transport(self) -> Mapping[str, int]:
        """How many streams are open, by what is spoken on them."""
        return self._flows.by_transport()

    def send(self, data: bytes, hop: Hop) -> None:
        """Every message that leaves the process leaves here; raises OSError."""
        self._flows.send(data, hop)
        self._sizes.observe(len(data))
        if self._tracer.active:
            self._tracer.message("sent", data, hop)

    def sent(self, data: bytes, hop: Hop) -> None:
        """Another worker sends this for us."""
        if self._tracer.active:
            self._tracer.message("sent", data, hop)

    def send_for_neighbour(self, data: bytes, hop: Hop) -> None:
        """What another worker sends by a connection of ours; it has traced it."""
        try:
            self._flows.send(data, hop)
        except OSError:
            return  # the connection has ended, and the other one is being told

    def _connection_changed(self, opened: bool, hop: Hop, reason: str) -> None:
        if reason == ALIAS:
            pass  # no connection of its own
        elif opened:
            self._metrics.connections_opened[hop.transport] += 1
        else:
            label = next((label for words, label in _CLOSED if reason.startswith(words)), "error")
            self._metrics.connections_closed[label] += 1
            if label == "handshake":
                self._say("debug", f"{hop} did not get in: {reason}")
            if label == "handshake" and hop.secure:
                why = next((label for words, label in _FAILED if words in reason), "other")
                self._metrics.tls_handshake_failures[why] += 1
            if label in ("handshake", "limit"):
                return  # nobody has known it
        self._changed(opened, hop)
