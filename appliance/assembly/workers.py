"""The other workers of this box: what they are told and asked, and what they hand over.

Must not know what is handed over (``appliance.workers``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import monotonic

from appliance.assembly.process import Process
from appliance.config import Settings
from appliance.sip.hop import Hop
from appliance.telemetry.journal import Journal
from appliance.workers.duties import Duties
from appliance.workers.other_workers import OtherWorkers
from appliance.workers.shared_bindings import Hearing

Receive = Callable[[bytes, Hop], None]


def meet_others(settings: Settings, worker: int, journal: Journal) -> OtherWorkers | None:
    """The other workers, where there are some."""
    sip = settings.sip
    if sip.worker_count == 1:
        return None
    places = {number: sip.link_of(number) for number in range(1, sip.worker_count + 1)}
    return OtherWorkers(worker, places, journal.say)


def listen_to(
    others: OtherWorkers,
    process: Process,
    received: Receive,
    received_handed: Receive,
    guessed: Callable[[Mapping[str, int]], None],
) -> None:
    """What others say is heard from here on. ``received`` takes responses to what this worker has sent,
    ``received_handed`` requests that another one has read, ``guessed`` wrong passwords by user."""
    core, directory, network, nodes = process.core, process.directory, process.network, process.nodes
    hearing = Hearing(
        core.locations,
        directory.bindings.removed,
        lambda: directory.read_again(core.locations),
        monotonic,
        None if nodes is None else nodes.replication.overheard,
    )
    duties = Duties(
        take_response=received,
        take_request=received_handed,
        has_invite=core.admission.has_invite,
        send_by_connection=network.send_for_neighbour,
        connections=network.hops,
        connection_lost=lambda hop: core.connection_lost(hop, monotonic()),
        hung_up=lambda call_id: core.calls.end(call_id, monotonic()),
        guessed=guessed,
        boot=lambda: core.nonces.boot,
    )
    process.metrics.source("handed_over", lambda: others.handed)
    process.metrics.source("worker_dropped", lambda: others.dropped)
    others.listen(hearing, duties)


def part_of(worker: int, others: OtherWorkers | None) -> tuple[int, int]:
    """Which part of the UDP phones is ``worker``'s to keep alive: one for each worker that lives."""
    if others is None:
        return 0, 1
    living = others.living
    return living.index(worker), len(living)
