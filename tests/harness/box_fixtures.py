"""The pytest fixtures for booted boxes; tests/conftest.py makes them known to all tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.harness.box_network import BoxNetwork
from tests.harness.box_snapshot import Deployments


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
