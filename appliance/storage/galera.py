"""What a member of a MariaDB Galera cluster says of itself and of the others: its status variables, read.

Names and meanings are MariaDB's ("Galera Cluster Status Variables"). A member answers this also while it
answers nothing else. Must not know what is to be done about it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from sqlalchemy.engine import Connection

#: What to ask it; the answer is for ``read``.
QUERY = (
    "SHOW GLOBAL STATUS WHERE Variable_name IN ('wsrep_cluster_size', 'wsrep_cluster_status',"
    " 'wsrep_local_state_comment', 'wsrep_ready', 'wsrep_flow_control_paused_ns', 'wsrep_local_recv_queue',"
    " 'wsrep_local_cert_failures')"
)


class Member(NamedTuple):
    """What one member says. ``members`` is how many it counts, the arbitrator among them; ``primary``: they
    are the majority; ``state`` as Galera calls it (Synced, Donor/Desynced, Joining …); ``ready``: it answers
    queries.

    ``paused`` are seconds for which commits were held back for the slowest member, ``waiting`` is what it has
    yet to apply, ``conflicts`` are commits that lost against another member's.
    """

    members: int
    primary: bool
    state: str
    ready: bool
    paused: float
    waiting: int
    conflicts: int

    @property
    def synced(self) -> bool:
        """Whether it has all that the cluster has; so has who gives its rows to another one."""
        return self.primary and self.ready and self.state in ("Synced", "Donor/Desynced")


def read(rows: Iterable[Sequence[object]]) -> Member | None:
    """What a member has answered to ``QUERY``, name and value; None when it is in no cluster."""
    said = {str(name).lower(): str(value) for name, value in rows}
    if "wsrep_cluster_status" not in said or said["wsrep_cluster_status"] == "Disconnected":
        return None
    return Member(
        members=_number(said.get("wsrep_cluster_size")),
        primary=said["wsrep_cluster_status"] == "Primary",
        state=said.get("wsrep_local_state_comment", ""),
        ready=said.get("wsrep_ready") == "ON",
        paused=_number(said.get("wsrep_flow_control_paused_ns")) / 1e9,
        waiting=_number(said.get("wsrep_local_recv_queue")),
        conflicts=_number(said.get("wsrep_local_cert_failures")),
    )


def is_member(connection: Connection) -> bool:
    """Whether the database behind ``connection`` belongs to a cluster."""
    row = connection.exec_driver_sql("SHOW GLOBAL VARIABLES LIKE 'wsrep_on'").first()
    return row is not None and row[1] == "ON"


def _number(text: str | None) -> int:
    return int(text) if text and text.isdigit() else 0
