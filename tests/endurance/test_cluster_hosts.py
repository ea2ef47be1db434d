"""A box without rows, two hosts that have them and nothing else, and an arbitrator, by one site.yml."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple

import pytest

from tests.harness.booted_box import BootedBox
from tests.harness.box_ansible import AnsibleRun
from tests.harness.box_cluster import BoxCluster, furnished, registered_rows, sql
from tests.harness.box_network import BoxNetwork
from tests.harness.phone import Phone
from tests.harness.shared_box_address import calls, phone, registers
from tests.harness.waiting import wait_until

pytestmark = [pytest.mark.endurance, pytest.mark.timeout(7200)]

CALLED = re.compile(r"ok\s+[\d.]+ s\s+a call: INVITE, 180, 200, ACK, BYE")
ADDRESS = re.compile(r"[\d.]+\.\d+")
SUBSCRIBERS = "SELECT username FROM openser.subscriber"


class Apart(NamedTuple):
    """The cluster, and how its first site.yml went."""

    cluster: BoxCluster
    run: AnsibleRun

    @property
    def box(self) -> BootedBox:
        return self.cluster.boxes[0]

    def wait_for_both(self) -> None:
        """Until both hosts of the database have all rows, and count the arbitrator."""
        for host in self.cluster.databases:
            self.cluster.wait_for_size(host, 3)


@pytest.fixture(scope="module")
def apart(box_network: BoxNetwork) -> Iterator[Apart]:
    furniture = furnished("bookworm", box_network)
    try:
        with BoxCluster(box_network, 1, databases=2, layers=furniture.disk.layers) as cluster:
            # All phones of the tests are at one address.
            cluster.variables["sipbox_exempt"] = [box_network.address]
            yield Apart(cluster, cluster.play("site.yml").check())
    finally:
        furniture.close()


def asked_at(box: BootedBox) -> str:
    """Which host of the database the server of ``box`` has moved to last; "" before it has moved."""
    told = box.ssh("journalctl -u 'sipbox@*' --output=cat | grep 'the database is asked at'; true").stdout
    return re.findall(r"asked at ([\d.]+\d)", told)[-1] if told else ""


def seconds_to_register(one: Phone) -> float:
    """From the first try to the one that is answered."""
    began = time.monotonic()
    while not registers(one):
        one.unread.clear()
        assert time.monotonic() - began < 60, "nobody can register"
    return time.monotonic() - began


def test_one_site_yml_puts_the_rows_elsewhere(
    apart: Apart, record_property: Callable[[str, object], None]
) -> None:
    record_property("seconds", round(apart.run.seconds))
    assert len(CALLED.findall(apart.run.output)) == 1, apart.run.output[-4000:]
    for host in apart.cluster.databases:
        assert {"10", "11", "12"} <= set(sql(host, SUBSCRIBERS))
        assert not {name for _, _, name in host.listeners()} & {"sipbox", "python", "rtpengine"}
    assert apart.box.ssh("systemctl is-active mariadb", check=False).returncode != 0
    assert 3306 not in {port for _, port, _ in apart.box.listeners()}
    again = apart.cluster.play("playbooks/deploy.yml").check()
    assert again.changed == 0, again.changes()


def test_boxes_reach_the_database_and_members_reach_one_another(apart: Apart) -> None:
    first, second = apart.cluster.databases
    assert apart.cluster.arbitrator is not None
    rules = first.ssh("nft list table inet sipbox").stdout.splitlines()
    [members] = [line for line in rules if "members of the cluster" in line]
    [boxes] = [line for line in rules if "boxes that ask the database" in line]
    assert set(ADDRESS.findall(members)) == {second.address, apart.cluster.arbitrator.address}
    assert set(ADDRESS.findall(boxes)) == {apart.box.address}
    assert "4567" in members and "3306" in boxes and "4567" not in boxes
    accounts = sql(first, "SELECT CONCAT(user, '@', host) FROM mysql.user WHERE host <> 'localhost'")
    assert accounts == ["sipbox@%"]


def test_the_box_backs_the_rows_up_and_names_the_members(apart: Apart) -> None:
    apart.box.ssh("systemctl start sipbox-backup")
    assert apart.box.ssh("sipbox backup list --json").stdout.count('"rows"') >= 1
    said = apart.box.ssh("sipbox diagnose members").stdout
    assert all(host.address in said for host in apart.cluster.databases), said


def test_phones_register_and_call_while_the_host_that_is_asked_loses_its_power(
    apart: Apart, record_property: Callable[[str, object], None]
) -> None:
    first, second = apart.cluster.databases
    network = apart.cluster.network
    with phone(network, "10", apart.box.address) as caller, phone(network, "11", apart.box.address) as callee:
        assert registers(caller) and registers(callee) and calls(caller, callee)
        first.cut_power()
        try:
            came, waits, until = [], [], time.monotonic() + 20
            while time.monotonic() < until:
                came.append(calls(caller, callee))
                waits.append(seconds_to_register(callee))
            record_property("longest", round(max(waits), 1))
            print(f"{len(waits)} registrations, the longest {max(waits):.1f} s; {came.count(True)} calls")
            assert all(came), came
            assert max(waits) < 12
            assert asked_at(apart.box) == second.address
            assert any(row.startswith("11 ") for row in registered_rows(second))
            # What has to be done at one member is done at the one that lives.
            assert apart.box.ssh("sipbox database status", check=False).returncode == 0
            assert first.address in apart.box.ssh("sipbox diagnose members", check=False).stdout
        finally:
            first.poweron()
        apart.wait_for_both()
        wait_until("the first one is asked again", lambda: asked_at(apart.box) == first.address, timeout=60)
        assert registers(caller) and calls(caller, callee)
        wait_until(
            "both have the same rows",
            lambda: registered_rows(first) == registered_rows(second) != [],
            timeout=30,
        )


def test_all_hosts_of_the_database_are_lost_and_the_playbook_brings_them_back(apart: Apart) -> None:
    first, second = apart.cluster.databases
    network = apart.cluster.network
    with phone(network, "10", apart.box.address) as caller, phone(network, "11", apart.box.address) as callee:
        assert registers(caller) and registers(callee)
        for host in (second, first):
            host.cut_power()
        assert calls(caller, callee)
        for host in (second, first):
            host.poweron()
        apart.cluster.play("playbooks/recover.yml").check()
        apart.wait_for_both()
        assert seconds_to_register(callee) < 30 and calls(caller, callee)
