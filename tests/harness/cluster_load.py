"""Phones that register at a cluster's shared address, and phones that call: SIPp, which forgives nothing.

::

    with registering(cluster, directory, rate=20) as load, calling(cluster, directory, rate=2) as calls:
        ...
        load.finish(), calls.finish()
"""

from __future__ import annotations

import itertools
import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.harness import sipp
from tests.harness.box_cluster import CROWD, BoxCluster
from tests.harness.ports import free_port
from tests.harness.shared_box_address import DOMAIN

#: More than any test waits for; who begins so many is ended by ``finish``.
ENDLESS = 10_000_000
_KEYS = {"domain": DOMAIN, "expires": "3600", "contact_transport": "udp"}


#: Each load registers a contact of its own, so that what it brought about can be counted.
_contact_ports = itertools.count(40_000)


class Load(sipp.Sipp):
    """SIPp that begins calls until it is told to finish; ``contact`` is the HOST:PORT that it registers."""

    contact = ""

    def known_in(self, rows: Sequence[str]) -> int:
        """How many users have its contact in what ``registered_rows`` or ``registered_known`` tells."""
        return len({row.split()[0] for row in rows if self.contact in row})

    def finish(self) -> sipp.Statistics:
        """Let it end what is begun, and tell how that went."""
        os.kill(self.pid, signal.SIGUSR1)
        return self.wait()


def registering(
    cluster: BoxCluster,
    directory: Path,
    *,
    rate: int,
    calls: int = ENDLESS,
    users: Sequence[str] = CROWD,
    timeout: float = 180,
) -> Load:
    """``users`` one after the other, so many a second; with ``calls=len(users)`` each of them once."""
    here = cluster.network.address
    contact = f"{here}:{next(_contact_ports)}"
    load = Load(
        "patient_register",
        directory,
        target=(cluster.address, 5060),
        address=here,
        users=[[user, sipp.digest(user, f"secret-{user}"), contact] for user in users],
        keys=_KEYS,
        calls=calls,
        at_once=rate * 60,
        rate=rate,
        timeout=timeout,
        strict=False,  # a REGISTER that was sent again may be challenged again, and that late
    )
    load.contact = contact
    return load


@contextmanager
def calling(cluster: BoxCluster, directory: Path, *, rate: int, timeout: float = 180) -> Iterator[Load]:
    """So many calls a second from 10 to 12, of two seconds each; 12 is SIPp too, and registers first."""
    here = cluster.network.address
    port = free_port(address=here)
    target = (cluster.address, 5060)
    callee = sipp.Sipp(
        "callee",
        directory,
        address=here,
        port=port,
        calls=ENDLESS,
        timeout=timeout + 60,
        values={"LINGER": "4000"},
    )
    caller = Load(
        "patient_caller",
        directory,
        target=target,
        address=here,
        users=[["10", sipp.digest("10", "secret-10"), "12"]],
        keys={"domain": DOMAIN},
        calls=ENDLESS,
        at_once=rate * 60,
        rate=rate,
        pause_ms=2000,
        timeout=timeout,
        strict=False,
    )
    with callee:
        twelve = [["12", sipp.digest("12", "secret-12"), f"{here}:{port}"]]
        sipp.run("patient_register", directory, target, address=here, users=twelve, keys=_KEYS)
        with caller:
            yield caller
