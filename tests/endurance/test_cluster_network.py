"""The network between boxes and arbitrator is cut while phones reach both: one box has the address, or none.

Whatever they have told phones in the meantime, afterwards all rows and all memories are the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness.booted_box import BootedBox
from tests.harness.box_cluster import BoxCluster
from tests.harness.cluster_load import REGISTRATIONS, agree, calling, flows, registering
from tests.harness.phone import hang_up
from tests.harness.shared_box_address import call_patiently, holders, phone, registers, wait_for_holder
from tests.harness.waiting import wait_until

pytestmark = [pytest.mark.endurance, pytest.mark.timeout(7200)]


@pytest.fixture
def before(cluster: BoxCluster) -> BootedBox:
    """The box that holds the address."""
    return wait_for_holder(cluster.boxes, cluster.address)


@pytest.fixture
def other(cluster: BoxCluster, before: BootedBox) -> BootedBox:
    return next(box for box in cluster.boxes if box is not before)


def only(cluster: BoxCluster, wanted: list[BootedBox]) -> float:
    """Wait until these boxes hold the address and no other, and go on so; for how many seconds two did."""
    both, looked = 0.0, time.monotonic()
    right_since = looked
    end = looked + 60
    while time.monotonic() - right_since < 3.0:
        now = holders(cluster.boxes, cluster.address)
        since, looked = looked, time.monotonic()
        both += looked - since if len(now) > 1 else 0.0
        if now != wanted:
            right_since = looked
        assert looked < end, f"{[box.hostname for box in now]} hold {cluster.address}"
        time.sleep(0.05)
    return both


@pytest.mark.parametrize("alone", ["the one with the address", "the other one"])
def test_one_box_is_cut_off(
    alone: str,
    cluster: BoxCluster,
    before: BootedBox,
    other: BootedBox,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    assert cluster.arbitrator is not None
    lost, left = (before, other) if alone == "the one with the address" else (other, before)
    with (
        phone(cluster.network, "10") as caller,
        phone(cluster.network, "11") as callee,
        registering(cluster, tmp_path) as load,
        calling(cluster, tmp_path) as talks,
    ):
        assert callee.register().status == 200
        flows(load, talks)
        cluster.cut([(lost, left), (lost, cluster.arbitrator)])
        both = only(cluster, [left])
        record_property("seconds with two holders", round(both, 1))
        print(f"two held the address for {both:.1f} s")
        assert both < 10
        assert "cut off" in lost.ssh("sipbox-address must", check=False).stdout
        hang_up(caller, callee, call_patiently(caller, callee))
        assert registers(caller)
        cluster.heal()
        cluster.wait_for_size(lost, 3)
        talked, registered = talks.finish(), load.finish()
        record_property("calls", talked.successful)
        record_property("registrations", registered.successful)
        print(f"calls: {talked}; registrations: {registered}")
        agree(cluster, load)
        assert holders(cluster.boxes, cluster.address) == [left]
        hang_up(callee, caller, call_patiently(callee, caller))


def test_nobody_reaches_anybody(
    cluster: BoxCluster, before: BootedBox, other: BootedBox, tmp_path: Path
) -> None:
    """None has the majority, so none may have the address: it would be right on one side at most."""
    assert cluster.arbitrator is not None
    with (
        phone(cluster.network, "10") as caller,
        phone(cluster.network, "11") as callee,
        registering(cluster, tmp_path) as load,
    ):
        assert callee.register().status == 200
        wait_until("they register", lambda: load.so_far > 2 * REGISTRATIONS, timeout=60)
        cluster.cut([(before, other), (before, cluster.arbitrator), (other, cluster.arbitrator)])
        only(cluster, [])
        cluster.heal()
        wait_for_holder(cluster.boxes, cluster.address)
        hang_up(caller, callee, call_patiently(caller, callee))
        print(f"registrations: {load.finish()}")
        agree(cluster, load)
