"""A cluster at work gets another release, box by box, and nobody who registers or calls meanwhile notices."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness.booted_box import BootedBox
from tests.harness.box_cluster import BoxCluster
from tests.harness.box_control import Clone
from tests.harness.cluster_load import REGISTRATIONS, agree, calling, flows, registering
from tests.harness.shared_box_address import holders, wait_for_holder
from tests.harness.waiting import wait_until

pytestmark = [pytest.mark.endurance, pytest.mark.timeout(7200)]


def moves(box: BootedBox, since: str) -> list[str]:
    """What its keepalived has said of becoming or being no longer the one that holds the address."""
    told = box.ssh(f"journalctl --unit=keepalived --since=@{since} --output=cat").stdout
    return [line for line in told.splitlines() if "Entering" in line]


def current(box: BootedBox) -> str:
    return box.ssh("basename $(readlink /opt/sipbox/current)").stdout.strip()


def test_a_second_site_yml_changes_nothing_and_moves_nothing(cluster: BoxCluster) -> None:
    holder = wait_for_holder(cluster.boxes, cluster.address)
    since = holder.ssh("date +%s").stdout.strip()
    again = cluster.play("site.yml").check()
    print(f"a second site.yml took {again.seconds:.0f} s")
    assert again.changed == 0, again.changes()
    assert holders(cluster.boxes, cluster.address) == [holder]
    assert [moves(box, since) for box in cluster.boxes] == [[], []]


def test_upgraded_box_by_box_while_phones_register_and_call(
    cluster: BoxCluster, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    wait_for_holder(cluster.boxes, cluster.address)
    newer = Clone(tmp_path / "sipbox", cluster.inventory())
    newer.call_itself("0.99.1")
    with (
        registering(cluster, tmp_path, rounds=5, timeout=2400) as load,
        calling(cluster, tmp_path, timeout=2400) as talks,
    ):
        flows(load, talks)
        began = time.monotonic()
        done = newer.run("ansible-playbook playbooks/upgrade.yml", timeout=2300)
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr
        took = time.monotonic() - began
        after = load.so_far
        wait_until("phones go on registering", lambda: load.so_far > after + REGISTRATIONS, timeout=60)
        talked, registered = talks.finish(), load.finish()
    record_property("seconds", round(took))
    record_property("calls", talked.successful)
    record_property("registrations", registered.successful)
    print(f"two boxes upgraded in {took:.0f} s; calls: {talked}; registrations: {registered}")
    assert [current(box).partition("+")[0] for box in cluster.boxes] == ["0.99.1"] * 2
    agree(cluster, load)
    wait_for_holder(cluster.boxes, cluster.address)
