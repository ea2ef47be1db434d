"""A single box that becomes a cluster, while phones are registered at it.

::

    with single_box(deployed("bookworm"), box_network) as (cluster, phones):
        pair(cluster).check()
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from tests.harness.booted_box import BootedBox
from tests.harness.box_ansible import INVENTORY, AnsibleRun
from tests.harness.box_cluster import BoxCluster, furnished, sql
from tests.harness.box_network import BoxNetwork
from tests.harness.box_snapshot import Snapshot
from tests.harness.message import Message
from tests.harness.phone import Phone
from tests.harness.shared_box_address import DOMAIN


class RoamingPhone(Phone):
    """A phone on UDP that several boxes call: it answers whoever has asked (RFC 3261 §18.2.2)."""

    def send(self, message: Message | bytes, to: tuple[str, int] | None = None) -> None:
        if isinstance(message, Message) and message.start_line.startswith("SIP/2.0 "):
            host, _, port = message.get("Via").split(";")[0].split()[1].partition(":")
            to = host, int(port or 5060)
        super().send(message, to)


def phone_at(box: str, network: BoxNetwork, user: str) -> RoamingPhone:
    """A phone on this machine that registers at this address."""
    return RoamingPhone(user, f"secret-{user}", proxy=(box, 5060), domain=DOMAIN, address=network.address)


def growing_address(network: BoxNetwork) -> str:
    """The address that its boxes hold in turn: not that of the cluster which other tests share."""
    return str(network.net[201])


@contextmanager
def single_box(snapshot: Snapshot, network: BoxNetwork) -> Iterator[tuple[BoxCluster, list[Phone]]]:
    """A copy of a deployed box, for a cluster that nobody has made yet; 10 and 11 are registered at it."""
    variables = {**INVENTORY, "sipbox_shared_address": f"{growing_address(network)}/24"}
    with ExitStack() as stack:
        furniture = furnished("bookworm", network)
        stack.callback(furniture.close)
        box = stack.enter_context(snapshot.boot())
        layers = furniture.disk.layers
        cluster = BoxCluster(network, 0, variables=variables, arbitrator=False, layers=layers)
        stack.callback(cluster.close)
        cluster.boxes.append(box)
        phones = [stack.enter_context(phone_at(box.address, network, user)) for user in ("10", "11")]
        for each in phones:
            assert each.register().status == 200
        yield cluster, phones


def pair(cluster: BoxCluster) -> AnsibleRun:
    """A second box, an arbitrator, and one site.yml."""
    cluster.add("pbx2")
    cluster.arbitrator = BootedBox(
        cluster.release, cluster.network, hostname="witness", layers=cluster.layers
    )
    return cluster.play("site.yml")


def bindings(box: BootedBox) -> list[str]:
    """Who is registered, where, and by which of our sockets."""
    return sql(box, "SELECT username, contact, socket, ruid FROM openser.location ORDER BY username, ruid")


def subscribers(box: BootedBox) -> list[str]:
    """Who may register, and with which password."""
    return sql(box, "SELECT username, ha1 FROM openser.subscriber ORDER BY username")


def votes(box: BootedBox) -> str:
    """How many members ``box`` counts, the arbitrator among them; "0" when it is in no cluster."""
    said = sql(box, "SHOW STATUS LIKE 'wsrep_cluster_size'")
    return said[0].partition("\t")[2] if said else "0"


def started(box: BootedBox) -> str:
    """When its MariaDB was started."""
    return box.ssh("systemctl show --value --property=ActiveEnterTimestampMonotonic mariadb.service").stdout
