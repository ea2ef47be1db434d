"""What a SIP process is made of, once it is put together."""

from __future__ import annotations

from dataclasses import dataclass

from appliance.config import Settings
from appliance.media.rtpengine import Rtpengine
from appliance.neighbours.cluster import Cluster
from appliance.neighbours.wire import NeighbourNodes
from appliance.network import Network
from appliance.protection.door import Door
from appliance.proxy.core import ProxyCore
from appliance.storage.directory import Directory
from appliance.telemetry.journal import Journal
from appliance.telemetry.metrics import Metrics
from appliance.telemetry.trace import Tracer
from appliance.workers.other_workers import OtherWorkers


@dataclass(frozen=True, slots=True)
class Process:
    """The parts of worker number ``worker``, which runs since ``started`` (wall time).

    A part that the settings do not want is None: ``media`` nodes, other ``nodes`` and the ``cluster`` that
    they are, ``others`` on this box, the ``door``.
    """

    settings: Settings
    worker: int
    started: float
    metrics: Metrics
    tracer: Tracer
    journal: Journal
    network: Network
    directory: Directory
    core: ProxyCore
    media: Rtpengine | None
    nodes: NeighbourNodes | None
    others: OtherWorkers | None
    cluster: Cluster | None
    door: Door | None

    @property
    def living(self) -> list[int]:
        """The numbers of all workers that live, this one included."""
        return [self.worker] if self.others is None else self.others.living

    def describe(self) -> str:
        """The status line of ``systemctl status``."""
        core, waiting = self.core, self.directory.spooled()
        told = [f"{len(core.locations)} bindings", f"{core.calls.active} calls"]
        if core.locations.loading:
            told.append("the location table is being read")
        told.append("database answers" if self.directory.database.available else "database away")
        if waiting:
            told.append(f"{waiting} changes wait on disk")
        return f"ready: {', '.join(told)}"
