"""How the database's cluster is, looked at now and then: metrics, and a line of the journal when it changes.

Only where the settings name several members. Must not know rows.
"""

from __future__ import annotations

from collections.abc import Callable

import gevent
from sqlalchemy.engine import URL

from appliance.storage.connecting import is_by_network
from appliance.storage.engine import Database
from appliance.storage.galera import Member
from appliance.telemetry.journal import Journal
from appliance.telemetry.metrics import Metrics

#: Seconds from one look to the next.
_EVERY = 2.0


class ClusterWatch:
    """Looks at the member that the settings name first, which is mostly the one on this box."""

    def __init__(self, database: Database, journal: Journal) -> None:
        self._database = database
        self._journal = journal
        self._name = _named(database.url)
        self._member: Member | None = None
        self._quorum = ""
        self._greenlet: gevent.Greenlet[[], None] | None = None
        database.members.on_move.append(self._moved)

    def observe(self, metrics: Metrics) -> None:
        """Show it from now on."""
        metrics.source("database_cluster_members", lambda: self._number(lambda member: member.members))
        metrics.source("database_member_synced", lambda: self._number(lambda member: int(member.synced)))
        metrics.source("database_flow_control_seconds", lambda: self._number(lambda member: member.paused))
        metrics.source("database_elsewhere", lambda: int(self._database.members.elsewhere))

    def start(self) -> None:
        """Look from now on."""
        if self._greenlet is None:
            self._greenlet = gevent.spawn(self._run)

    def stop(self) -> None:
        """Look no more."""
        if self._greenlet is not None:
            self._greenlet.kill()
            self._greenlet = None

    @property
    def quorum(self) -> str:
        """ "yes" or "no": whether this box's member is among the majority; "" while it does not answer.

        A box without one says "no" as soon as no member that it reaches is among the majority, or none
        answers: it may be the box that is cut off, and has nobody else to tell it so.
        """
        return self._quorum

    def look(self) -> None:
        """Look now."""
        if is_by_network(self._database.url):
            told = [said for _, said in self._database.members.of_each()]
            self._member = told[0]
            self._quorum = "yes" if any(said is not None and said.primary for said in told) else "no"
            return
        self._member = self._database.members.home()
        self._quorum = "" if self._member is None else "yes" if self._member.primary else "no"

    # ---------------------------------------------------------------------------------------------- internals

    def _number(self, of: Callable[[Member], float]) -> dict[str, float]:
        return {self._name: 0 if self._member is None else of(self._member)}

    def _run(self) -> None:
        while True:
            self.look()
            gevent.sleep(_EVERY)

    def _moved(self, url: URL) -> None:
        why = "the member before it is not well" if self._database.members.elsewhere else "it is well again"
        self._journal.event("database-moved", f"the database is asked at {_named(url)}: {why}")


def _named(url: URL) -> str:
    return url.host if url.host and is_by_network(url) else "this box"
