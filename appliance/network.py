"""The sockets as the proxy sees them: listeners, names, and one way out, where everything is traced.

It takes over what systemd has kept over a restart, and counts connections. Must not know messages.
"""

from __future__ import annotations

from collections.abc import Callable

from appliance.config import Settings
from appliance.errors import SettingsError
from appliance.sip.hop import Hop
from appliance.sip.message import Limits
from appliance.supervision.descriptors import Descriptors
from appliance.supervision.notify import Notifier
from appliance.telemetry.metrics import Metrics
from appliance.telemetry.trace import Tracer
from appliance.transport.flows import Flows, names_of
from appliance.transport.resolver import Resolver

# Why a connection ended, by the first words of the transport's reason.
_CLOSED = (
    ("closed by the peer", "peer"),
    ("idle", "idle"),
    ("unreadable", "malformed"),
    ("too many", "limit"),
    ("the server stops", "shutdown"),
)


class Network:
    """The sockets of one process; raises SettingsError when one cannot be had.

    ``receive(data, hop)`` is called for each message, ``changed(opened, hop)`` for each connection that
    begins or ends.
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
    ) -> None:
        sip, limits = settings.sip, settings.limits
        self._metrics = metrics
        self._tracer = tracer
        self._changed = changed
        self._flows = Flows(
            receive,
            Limits(
                limits.message_bytes, limits.header_bytes, limits.headers, limits.uri_bytes, limits.nesting
            ),
            self._connection_changed,
            max_connections=sip.max_connections,
            idle_seconds=sip.tcp_idle_seconds,
            receive_buffer=sip.receive_buffer,
            keep=supervisor.keep if supervisor.listens else None,
            shared=sip.worker_count > 1,
        )
        for listener in sip.listeners:
            try:
                self._flows.listen(*listener, inherited=descriptors.listening.get(listener))
            except OSError as error:
                raise SettingsError(error.strerror or str(error), path="sip.listen") from None
        for descriptor in descriptors.connections:
            self._flows.resume(descriptor)
        self.listeners = names_of(self._flows.listeners)
        self.addresses = Resolver().addresses
        self.local_for, self.connect = self._flows.local_for, self._flows.connect
        self.is_open, self.unread, self.drops = self._flows.is_open, self._flows.unread, self._flows.drops
        self.reaches, self.hops = self._flows.reaches, self._flows.hops
        self.start, self.stop, self.close = self._flows.start, self._flows.stop, self._flows.close

    @property
    def open_connections(self) -> int:
        """How many streams are open."""
        return self._flows.connections

    def send(self, data: bytes, hop: Hop) -> None:
        """Every message that leaves the process leaves here; raises OSError."""
        self._flows.send(data, hop)
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
        if opened:
            self._metrics.connections_opened[hop.transport] += 1
        else:
            label = next((label for words, label in _CLOSED if reason.startswith(words)), "error")
            self._metrics.connections_closed[label] += 1
        self._changed(opened, hop)
