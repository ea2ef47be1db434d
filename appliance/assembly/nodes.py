"""Other nodes: who they are, what they sign with, and what becomes of the bindings that they tell of.

Must not know whose story is the newer one (``appliance.neighbours``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from time import monotonic, time

import gevent

from appliance.assembly.process import Process
from appliance.auth.keys import Keys, load_keys, shared_keys
from appliance.config import Settings
from appliance.config.listener import names_of
from appliance.neighbours.cluster import Cluster
from appliance.neighbours.replicas import Replicas
from appliance.neighbours.wire import NeighbourNodes
from appliance.network import Network
from appliance.proxy.core import ProxyCore
from appliance.registrar.binding import Binding
from appliance.sip.hop import Hop
from appliance.storage.directory import Directory
from appliance.telemetry.journal import Journal
from appliance.telemetry.metrics import Metrics
from appliance.workers.other_workers import OtherWorkers

Told = Callable[[Mapping[str, Binding | None], Callable[[], None]], None]


def own_keys(settings: Settings) -> Keys:
    """What everything signed goes back to: the cluster's secret, or one of this box's own."""
    shared = settings.cluster.key_file
    if shared:
        return shared_keys(shared, "cluster.key_file")
    return load_keys(Path(settings.sip.state_dir) / "secret")


def neighbour_nodes(
    settings: Settings, network: Network, journal: Journal, others: OtherWorkers | None
) -> NeighbourNodes | None:
    """The other nodes, where some are set; they are told by which of our addresses they reach us."""
    wanted = settings.replication
    if not wanted.enabled:
        return None
    listeners, shared = network.listeners, settings.cluster.shared_host
    named = names_of(listeners, settings.sip.advertise)
    sip = next(
        (
            str(Hop(*name)).removeprefix("udp:")
            for name, own in zip(named, listeners, strict=True)
            if own[0] == "udp" and own[1] != shared
        ),
        "",
    )
    return NeighbourNodes(wanted, settings.node_key_file, sip, journal.say, others)


def neighbour_key(settings: Settings, nodes: NeighbourNodes | None) -> bytes | None:
    """What other nodes sign the calls with that they send to a phone of ours."""
    return None if nodes is None else shared_keys(settings.node_key_file).derive("neighbour-route")


def told_of_bindings(nodes: NeighbourNodes | None, others: OtherWorkers | None) -> Told | None:
    """Who is told of bindings that were written here: other nodes, which tell the other workers."""
    if nodes is not None:
        return nodes.changed
    return None if others is None else others.changed


def replicate(nodes: NeighbourNodes, process: Process, is_open: Callable[[Hop], bool]) -> None:
    """Other nodes' bindings come into memory, and are kept when all rows are read again. ``is_open`` says
    whether any worker has a connection to that hop."""
    core, directory, replication = process.core, process.directory, nodes.replication
    shared_database = process.settings.replication.shared_database

    def lost(binding: Binding) -> None:
        # A phone of ours has said at another node that it goes: its row is gone there, or here.
        if not shared_database:
            gevent.spawn(directory.remove_row, binding)

    replicas = Replicas(
        core.locations,
        [str(Hop(*listener)) for listener in process.network.listeners],
        lost,
        monotonic,
        time,
        () if core.shared is None else core.shared.sockets,
        is_open,
    )
    core.locations.keep(lambda binding: not replicas.is_ours(binding))
    replication.begin(core.locations, replicas)
    source = process.metrics.source
    source(
        "neighbours", lambda: Counter("alive" if alive else "away" for alive in replication.states.values())
    )
    source("neighbour_lag_seconds", lambda: replication.lags)
    source("neighbour_bindings", lambda: replication.bindings)
    source("neighbour_sent", lambda: replication.sent)
    source("neighbour_received", lambda: replication.received)
    source("neighbour_refused", lambda: replication.refused)


def cluster_of(
    settings: Settings,
    nodes: NeighbourNodes | None,
    core: ProxyCore,
    directory: Directory,
    network: Network,
    metrics: Metrics,
    journal: Journal,
) -> Cluster | None:
    """The boxes that are one telephone system with this one, where there are some."""
    if not settings.cluster.key_file:
        return None
    return Cluster(
        settings,
        nodes,
        core.shared,
        core.locations,
        directory.database,
        directory.quorum,
        network.lose,
        metrics,
        journal,
    )
