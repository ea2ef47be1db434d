"""A phone on TLS at the box that holds the address, and what becomes of it when that box dies."""

from __future__ import annotations

import secrets

import pytest

from tests.harness.booted_box import BootedBox
from tests.harness.box_cluster import BoxCluster, seen_from
from tests.harness.box_fixtures import DeployedCluster
from tests.harness.phone import Phone
from tests.harness.shared_box_address import DOMAIN, calls, phone, wait_for_holder
from tests.harness.waiting import wait_until

pytestmark = [pytest.mark.endurance, pytest.mark.timeout(1800)]


def on_tls(deployed: DeployedCluster, user: str) -> Phone:
    """It believes the authority of the tests, and knows the shared address alone."""
    cluster = deployed.cluster
    return Phone(
        user,
        f"secret-{user}",
        proxy=(cluster.address, 5061),
        domain=DOMAIN,
        transport="tls",
        address=cluster.network.address,
        port=0,
        tls=deployed.authority.client(),
        server_name=cluster.address,
    )


def states_seen_from(box: BootedBox) -> dict[str, str]:
    """How each box is, by its name."""
    return {member["name"]: member["state"] for member in seen_from(box).get("members", [])}


def test_it_is_called_through_the_other_box_and_again_when_it_has_connected_there(
    cluster: BoxCluster, deployed_cluster: DeployedCluster
) -> None:
    user = f"tls-{secrets.token_hex(4)}"  # whose other phones nobody waits for
    before = wait_for_holder(cluster.boxes, cluster.address)
    before.ssh(f"sipbox subscriber add {user}", typed=f"secret-{user}\n")
    other = next(box for box in cluster.boxes if box is not before)
    with phone(cluster.network, "10", other.address) as caller:
        with on_tls(deployed_cluster, user) as callee:
            assert callee.register().status == 200
            assert calls(caller, callee), callee.told()
            before.cut_power()
            assert wait_for_holder(cluster.boxes, cluster.address) is other
            wait_until(
                "the other box knows that it is alone",
                lambda: states_seen_from(other) == {before.hostname: "silent", other.hostname: "this"},
                timeout=30,
                every=0.2,
            )
            # Its connection ended with that box. Whoever calls waits a moment whether it comes back.
            assert caller.final(caller.invite(user), timeout=30).status == 480
        with on_tls(deployed_cluster, user) as again:
            assert again.register().status == 200
            assert calls(caller, again), again.told()
