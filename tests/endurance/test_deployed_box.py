"""What tests/deploy shows in short, for as long as it was promised, on both releases."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.deploy.test_units import WORKER, main_pid, restarts_under_load, shown
from tests.harness.booted_box import BootedBox
from tests.harness.box_network import BoxNetwork
from tests.harness.box_snapshot import Deployments
from tests.harness.waiting import wait_until

pytestmark = [pytest.mark.endurance, pytest.mark.timeout(3600)]


@pytest.fixture(params=["bookworm", "trixie"])
def box(request: pytest.FixtureRequest, deployed: Deployments) -> Iterator[BootedBox]:
    with deployed(request.param).boot() as copy:
        yield copy


def test_a_restart_every_ten_seconds_for_a_minute(
    box: BootedBox, box_network: BoxNetwork, tmp_path: Path
) -> None:
    restarts_under_load(box, box_network, tmp_path, registrations=200, calls=20, restarts=6)


def test_ten_minutes_without_the_database(box: BootedBox) -> None:
    before = main_pid(box)
    box.ssh("systemctl stop mariadb.service")
    time.sleep(600)
    assert main_pid(box) == before
    box.ssh("systemctl start mariadb.service")
    wait_until(
        "it is back", lambda: "database answers" in shown(box, WORKER, "StatusText"), timeout=60, every=0.5
    )
