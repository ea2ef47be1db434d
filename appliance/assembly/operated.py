"""The running server as the operations see it (``operations.box``)."""

from __future__ import annotations

import sys
from collections.abc import Callable

from appliance.assembly.process import Process
from appliance.assembly.reloading import Reloading
from appliance.neighbours.membership import Fitness
from appliance.operations import Box


def operated(
    process: Process,
    reloading: Reloading,
    shutdown: Callable[[], None],
    show_trace: Callable[[bool], None],
    trace_shown: Callable[[], bool],
) -> Box:
    """What the operations work with; the callables are those of ``Box``."""
    core, directory, network = process.core, process.directory, process.network
    media, nodes, cluster = process.media, process.nodes, process.cluster
    return Box(
        settings=process.settings,
        metrics=process.metrics,
        recent=process.journal.recent,
        service=core.registrar.service,
        targets=core.targets,
        transactions=core.transactions,
        tracer=process.tracer,
        domains=core.domains,
        database=directory.database,
        connections=network,
        listeners=network.listeners,
        names=core.forwarder.names,
        keep_alive=core.keepalives.enable,
        show_trace=show_trace,
        trace_shown=trace_shown,
        nated=lambda: (core.keepalives.phones, core.keepalives.behind),
        next_hop=core.forwarder.next_hop,
        shutdown=shutdown,
        arguments=sys.argv,
        started=process.started,
        worker=process.worker,
        living=lambda: process.living,
        calls_active=lambda: core.calls.active,
        flush=directory.flush,
        rows=directory.bindings.everything,
        unwritten=directory.unwritten,
        spooled=directory.spooled,
        forget=directory.forget,
        complete=directory.complete,
        reload=directory.reload,
        reload_domains=reloading.domains,
        outdated=reloading.outdated,
        peer_rows=lambda: directory.peers.rows,
        reload_peers=directory.reload_peers,
        site_prefixes=directory.sites,
        gateway_rests=core.least_cost.rests,
        gateway_failed=core.least_cost.failed_last,
        try_number=core.pstn.trial,
        certificates=lambda: [] if network.tls is None else network.tls.certificates,
        reload_certificates=reloading.certificates,
        failed_destinations=core.failed_destinations.listed,
        media_nodes=lambda: {} if media is None else media.states,
        neighbours=lambda: {} if nodes is None else nodes.replication.states,
        cluster=dict if cluster is None else cluster.describe,
        fitness=Fitness if cluster is None else cluster.fitness,
        door=process.door,
        media_disabled=lambda: () if media is None else media.disabled,
        media_enable=lambda name, on: media is not None and media.enable(name, on),
    )
