"""This box as one of several that are one telephone system: what it says of itself, and their address.

Wiring, and what follows when the address comes or goes. Must not know SIP, nor who gives the address to whom.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from typing import Any, Protocol

from appliance import __version__
from appliance.config import Settings
from appliance.config.agreement import digest
from appliance.neighbours.address_watch import AddressWatch
from appliance.neighbours.frames import Card
from appliance.neighbours.membership import LEAST_ROOM, Fitness, Membership, fitness
from appliance.neighbours.wire import NeighbourNodes
from appliance.proxy.shared_address import SharedAddress
from appliance.registrar.locations import Locations
from appliance.telemetry.journal import Journal
from appliance.telemetry.metrics import Metrics


class Database(Protocol):
    """The database, as far as the others are told of it."""

    @property
    def available(self) -> bool: ...


class Cluster:
    """``nodes`` are the other boxes, None while this one is the only member; ``shared`` is the address that
    they hold in turn, None without one. ``quorum()`` says whether this box's database is among the majority
    ("yes", "no", "" where nobody knows). ``lose(host)`` ends the connections at an address that is gone and
    returns how many those were.
    """

    def __init__(
        self,
        settings: Settings,
        nodes: NeighbourNodes | None,
        shared: SharedAddress | None,
        locations: Locations,
        database: Database,
        quorum: Callable[[], str],
        lose: Callable[[str], int],
        metrics: Metrics,
        journal: Journal,
    ) -> None:
        self._state_dir = settings.sip.state_dir
        self._agreed = digest(settings)
        self._nodes = nodes
        self._shared = shared
        self._locations = locations
        self._database = database
        self._quorum = quorum
        self._lose = lose
        self._journal = journal
        self._membership: Membership | None = None
        self._watch: AddressWatch | None = None
        if nodes is not None:
            self._membership = self._meet(settings, nodes, metrics)
        if shared is not None:
            self._watch = AddressWatch(shared.host, self._moved)
            shared.look = self._watch.look
            shared.may_go = self._may_go
            metrics.source("cluster_address_held", lambda: int(shared.here))

    def _meet(self, settings: Settings, nodes: NeighbourNodes, metrics: Metrics) -> Membership:
        cluster = settings.cluster
        found = Membership(cluster.addresses, nodes.name, cluster.shared_host, self.card, nodes.replication)
        nodes.replication.introduce(self.card)
        metrics.source("cluster_members", found.counts)
        metrics.source("cluster_address_holders", lambda: len(found.holders()) if found.leads else 0)
        metrics.source("cluster_differences", lambda: Counter(found.differences() if found.leads else ()))
        return found

    def start(self) -> None:
        """Sees from now on when the address comes and goes."""
        if self._watch is not None:
            self._watch.start()

    def stop(self) -> None:
        if self._watch is not None:
            self._watch.stop()

    def describe(self) -> dict[str, Any]:
        """All boxes; nothing while there is one, and where another worker hears the others."""
        membership = self._membership
        return {} if membership is None or not membership.leads else membership.describe()

    def agree(self, settings: Settings) -> None:
        """From now on these settings are in use, which the others compare with theirs."""
        self._agreed = digest(settings)

    def fitness(self) -> Fitness:
        """Whether this box may hold the shared address."""
        return fitness(
            loading=self._locations.loading,
            room=self._room(),
            database=self._database.available,
            quorum=self._quorum(),
            alone=self._membership is not None and self._membership.alone,
        )

    def _may_go(self) -> bool:
        return any(self.fitness())

    def _room(self) -> int:
        """What is free on the disk, in bytes."""
        try:
            place = os.statvfs(self._state_dir)
        except OSError:
            return LEAST_ROOM  # whoever needs the directory says what is wrong with it
        return place.f_bavail * place.f_frsize

    def card(self) -> Card:
        """How this box is, for the others."""
        unfit = self.fitness()
        return Card(
            __version__,
            self._agreed,
            self._shared is not None and self._shared.here,
            unfit.must_not or unfit.better_not,
            len(self._locations),
            self._database.available,
            self._quorum(),
        )

    def _moved(self, held: bool) -> None:
        shared = self._shared
        assert shared is not None  # noqa: S101 - otherwise nobody watches
        shared.here = held
        if held:
            what = f"{shared.host} is this box's now: phones that registered there are called from here"
            self._journal.event("address-taken", what)
            if self._nodes is not None:
                self._nodes.replication.succeeds()
            return
        lost = self._lose(shared.host)
        self._journal.event("address-given", f"{shared.host} is another box's now; connections lost: {lost}")
