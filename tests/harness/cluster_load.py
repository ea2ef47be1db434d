"""Phones that register at a cluster's shared address, and phones that call: SIPp, which forgives nothing.

::

    with registering(cluster, directory) as load, calling(cluster, directory) as talks:
        flows(load, talks)
        ...
        talks.finish()
        load.finish()
    agree(cluster, load)
"""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.harness import sipp
from tests.harness.box_cluster import (
    CALLEE,
    CALLER,
    CROWD,
    BoxCluster,
    registered_known,
    registered_rows,
)
from tests.harness.ports import free_port
from tests.harness.shared_box_address import DOMAIN
from tests.harness.waiting import wait_until

#: What a cluster has to bear, a second.
REGISTRATIONS, CALLS = 200, 20
#: How long a call lasts.
TALK_SECONDS = 10

#: More than any test waits for; who begins so many is ended by ``finish``.
_ENDLESS = 10_000_000
#: Of one test few are left in the next but one: what is looked through there does not grow and grow.
_KEYS = {"domain": DOMAIN, "expires": "900", "contact_transport": "udp"}
#: Each load registers contacts of its own, so that what it brought about can be counted.
_contact_ports = itertools.count(40_000)


class Load(sipp.Sipp):
    """SIPp that begins calls until it is told to finish.

    ``bindings`` are what it registers, in this order, as ``registered_rows`` tells them: 'USER HOST:PORT'."""

    bindings: Sequence[str] = ()

    def lost_in(self, rows: Sequence[str]) -> int:
        """How many bindings that were answered 200 are not in what ``registered_…`` tells."""
        there = {f"{row.split()[0]} {row.rpartition('@')[2].partition(';')[0]}" for row in rows}
        known = sum(binding in there for binding in self.bindings)
        return max(0, min(self.statistics().successful, len(self.bindings)) - known)

    def finish(self) -> sipp.Statistics:
        """Let it end what is begun, which has to go well, and tell how much that was."""
        os.kill(self.pid, signal.SIGUSR1)
        counted = self.wait()
        assert (counted.failed, counted.open) == (0, 0), f"{self.scenario}: {counted}\n{self.errors()}"
        assert counted.successful > 0, f"{self.scenario}: {counted}\n{self.errors()}"
        return counted


def registering(
    cluster: BoxCluster,
    directory: Path,
    *,
    rate: int = REGISTRATIONS,
    users: Sequence[str] = CROWD,
    rounds: int = 1,
    timeout: float = 600,
) -> Load:
    """``users`` one after the other, so many a second; each has another contact in each of the ``rounds``.

    After the last round it begins anew with the contacts of the first."""
    here = cluster.network.address
    contacts = [f"{here}:{next(_contact_ports)}" for _ in range(rounds)]
    load = Load(
        "patient_register",
        directory,
        target=(cluster.address, 5060),
        address=here,
        users=[
            [user, sipp.digest(user, f"secret-{user}"), contact] for contact in contacts for user in users
        ],
        keys=_KEYS,
        calls=_ENDLESS,
        at_once=rate * 60,
        rate=rate,
        timeout=timeout,
        strict=False,  # a REGISTER that was sent again may be challenged again, and that late
    )
    load.bindings = [f"{user} {contact}" for contact in contacts for user in users]
    return load


@contextmanager
def calling(
    cluster: BoxCluster, directory: Path, *, rate: int = CALLS, timeout: float = 600
) -> Iterator[Load]:
    """So many calls a second from CALLER to CALLEE, who are SIPp both; CALLEE registers first."""
    here = cluster.network.address
    port = free_port(address=here)
    target = (cluster.address, 5060)
    callee = sipp.Sipp(
        "callee",
        directory,
        address=here,
        port=port,
        calls=_ENDLESS,
        at_once=rate * 120,
        timeout=timeout + 60,
        values={"LINGER": "4000"},
        strict=False,  # an INVITE that a box says again which has not heard the answer, long after the ACK
    )
    caller = Load(
        "patient_caller",
        directory,
        target=target,
        address=here,
        users=[[CALLER, sipp.digest(CALLER, f"secret-{CALLER}"), CALLEE]],
        keys={"domain": DOMAIN},
        calls=_ENDLESS,
        at_once=rate * 120,
        rate=rate,
        pause_ms=TALK_SECONDS * 1000,
        timeout=timeout,
        strict=False,
    )
    with callee:
        callee_is = [[CALLEE, sipp.digest(CALLEE, f"secret-{CALLEE}"), f"{here}:{port}"]]
        sipp.run(
            "patient_register", directory, target, address=here, users=callee_is, keys=_KEYS, strict=False
        )
        with caller:
            yield caller


def flows(load: Load, talks: Load) -> None:
    """Phones register and calls are up, as many as there ever will be at once."""
    wait_until("they register", lambda: load.so_far > 2 * REGISTRATIONS, timeout=60)
    wait_until("they call", lambda: talks.so_far > 0, timeout=60)


def agree(cluster: BoxCluster, load: Load) -> None:
    """All rows and all memories are the same, and whatever had an answer is in them."""
    for box in cluster.boxes:
        cluster.wait_for_size(box, len(cluster.hosts))

    def same() -> bool:
        # Without those whose connection ended with a box: they stay in the rows until they run out.
        seen = [
            [row for row in see(box) if "transport=tls" not in row]
            for see in (registered_rows, registered_known)
            for box in cluster.boxes
        ]
        return all(each == seen[0] for each in seen) and load.lost_in(seen[0]) == 0

    wait_until("all boxes have the same registrations", same, timeout=120, every=0.5)
