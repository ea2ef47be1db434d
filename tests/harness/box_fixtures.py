"""The pytest fixtures for booted boxes; tests/conftest.py makes them known to all tests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.harness.authority import Authority
from tests.harness.box_ansible import INVENTORY, AnsibleRun
from tests.harness.box_cluster import BoxCluster, add_crowd, furnished
from tests.harness.box_network import BoxNetwork
from tests.harness.box_snapshot import Deployments
from tests.harness.shared_box_address import shared_address


@pytest.fixture(scope="session")
def box_network() -> Iterator[BoxNetwork]:
    """The bridge of this test session."""
    with BoxNetwork() as network:
        yield network


@pytest.fixture(scope="session")
def deployed(box_network: BoxNetwork) -> Iterator[Deployments]:
    """``deployed("bookworm").boot()`` is a copy of a box that site.yml was played on."""
    deployments = Deployments(box_network)
    try:
        yield deployments
    finally:
        deployments.close()


class DeployedCluster(NamedTuple):
    """A cluster, how its first site.yml went, and whose certificate its boxes have."""

    cluster: BoxCluster
    run: AnsibleRun
    authority: Authority


@pytest.fixture(scope="session")
def deployed_cluster(
    box_network: BoxNetwork, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DeployedCluster]:
    """Two boxes and an arbitrator by one site.yml, once for all tests of the session."""
    address = shared_address(box_network)
    authority = Authority(tmp_path_factory.mktemp("authority"))
    certificate, key = authority.issue(address, "example.org")
    variables = {
        **INVENTORY,
        "sipbox_shared_address": f"{address}/24",
        "sipbox_tls": "files",
        "sipbox_certificate": certificate.read_text(),
        "sipbox_certificate_key": key.read_text(),
        # All phones of the tests are at one address, and some have a new Contact in each test.
        "sipbox_exempt": [box_network.address],
        "sip_settings": {"registrar": {"max_contacts": 50}},
    }
    furniture = furnished("bookworm", box_network)
    try:
        with BoxCluster(box_network, variables=variables, layers=furniture.disk.layers) as cluster:
            run = cluster.play("site.yml").check()
            add_crowd(cluster.boxes[0])
            yield DeployedCluster(cluster, run, authority)
    finally:
        furniture.close()


@pytest.fixture
def cluster(deployed_cluster: DeployedCluster) -> BoxCluster:
    """That cluster, whole."""
    deployed_cluster.cluster.mend()
    return deployed_cluster.cluster
