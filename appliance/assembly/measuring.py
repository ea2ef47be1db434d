"""What the rooms count or know themselves is asked for when somebody looks at the metrics."""

from __future__ import annotations

from collections import Counter
from time import monotonic

from appliance.assembly.process import Process


def measure(process: Process) -> None:
    """Tells the metrics whom to ask."""
    core, network, source = process.core, process.network, process.metrics.source
    source("transactions_active", lambda: core.transactions.active)
    source("retransmissions", lambda: core.transactions.retransmissions)
    source("send_errors", lambda: core.transactions.transport_errors)
    source("gateways", lambda: _gateway_states(process))
    source("requests_in_progress", lambda: len(core.admission.in_progress))
    source("bindings_active", lambda: core.locations.by_transport)
    source("registered_users", lambda: core.locations.users)
    keepalives = core.keepalives
    source("nated_phones", lambda: keepalives.phones)
    source("keepalives_answered", lambda: keepalives.answered)
    source("keepalives_behind_seconds", lambda: keepalives.behind)
    source("keepalives_removed", lambda: keepalives.removed)
    source("connections_active", lambda: network.connections_by_transport)
    source("listener_dropped", network.drops)
    source("trace_dropped", lambda: process.tracer.dropped)
    tls, media = network.tls, process.media
    if tls is not None:
        source("certificate_expiry", lambda: {each.files.name: each.not_after for each in tls.certificates})
    if media is not None:
        source("media_nodes", lambda: Counter(("away", "up")[up] for up in media.states.values()))


def _gateway_states(process: Process) -> Counter[str]:
    now, rests = monotonic(), process.core.least_cost.rests
    gateways = process.directory.peers.rows.gateways
    return Counter("resting" if rests(each.id, now) else "up" for each in gateways)
