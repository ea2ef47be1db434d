"""Two boxes and an arbitrator by one site.yml, and their rows when some of them die, or all."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.harness.booted_box import BootedBox
from tests.harness.box_cluster import CROWD, BoxCluster, sql, status
from tests.harness.box_fixtures import DeployedCluster
from tests.harness.cluster_load import REGISTRATIONS, agree, calling, registering
from tests.harness.waiting import wait_until

pytestmark = [pytest.mark.endurance, pytest.mark.timeout(7200)]

CALLED = re.compile(r"ok\s+[\d.]+ s\s+a call: INVITE, 180, 200, ACK, BYE")
SUBSCRIBERS = "SELECT username FROM openser.subscriber"


@pytest.fixture
def first(cluster: BoxCluster) -> BootedBox:
    return cluster.boxes[0]


@pytest.fixture
def second(cluster: BoxCluster) -> BootedBox:
    return cluster.boxes[1]


@pytest.fixture
def arbitrator(cluster: BoxCluster) -> BootedBox:
    assert cluster.arbitrator is not None
    return cluster.arbitrator


def add_subscriber(box: BootedBox) -> str:
    """Somebody new, whose name is told."""
    user = f"new-{secrets.token_hex(4)}"
    box.ssh(f"sipbox subscriber add {user}", typed="a-password-of-the-tests\n")
    return user


def test_one_site_yml_makes_them_one_telephone_system(
    deployed_cluster: DeployedCluster,
    first: BootedBox,
    second: BootedBox,
    record_property: Callable[[str, object], None],
) -> None:
    run = deployed_cluster.run
    record_property("seconds", round(run.seconds))
    print(f"from three boxes to two verified calls in {run.seconds:.0f} s")
    assert len(CALLED.findall(run.output)) == 2, run.output[-4000:]
    user = add_subscriber(second)
    for box in (first, second):
        assert {"10", "11", "12", user} <= set(sql(box, SUBSCRIBERS))
    assert user in first.ssh("sipbox subscriber list").stdout


def test_nobody_but_the_members_reaches_the_database(
    cluster: BoxCluster, first: BootedBox, second: BootedBox, arbitrator: BootedBox
) -> None:
    rules = first.ssh("nft list table inet sipbox").stdout
    [rule] = [line for line in rules.splitlines() if "members of the cluster" in line]
    assert set(re.findall(r"[\d.]+\.\d+", rule)) == {second.address, arbitrator.address}
    assert {port for _, port, name in arbitrator.listeners() if name == "garbd"} == {4567}
    # A password in the settings is nobody's to see.
    assert "***" in first.ssh("sipbox config show | grep others").stdout
    accounts = sql(first, "SELECT CONCAT(user, '@', host) FROM mysql.user WHERE host <> 'localhost'")
    assert accounts == ["sipbox@%"]


def test_box_without_its_own_database_asks_the_other_s(first: BootedBox, second: BootedBox) -> None:
    since = first.ssh("date +%s").stdout.strip()
    first.ssh("systemctl stop mariadb")
    try:
        user = add_subscriber(first)
        assert user in second.ssh("sipbox subscriber list").stdout
        said = first.ssh("sipbox diagnose members", check=False).stdout
        assert "this box is out of the cluster" in said, said
        wait_until(
            "the server asks the other box",
            lambda: (
                "database-moved"
                in first.ssh(
                    f"journalctl -u 'sipbox@*' --since=@{since} -o verbose | grep EVENT= ; true"
                ).stdout
            ),
            timeout=30,
            every=0.5,
        )
        assert first.ssh("sipbox status", check=False).returncode == 0
    finally:
        first.ssh("systemctl start mariadb")
    wait_until("it is back", lambda: status(first)[:2] == ("Primary", "Synced"), timeout=120, every=0.5)
    assert user in sql(first, SUBSCRIBERS)


def test_all_members_are_lost_and_the_playbook_brings_them_back(
    cluster: BoxCluster, first: BootedBox, second: BootedBox, arbitrator: BootedBox
) -> None:
    """In the wrong order: who has the newest rows is started last, and the arbitrator much later."""
    second.cut_power()
    cluster.wait_for_size(first, 2, timeout=60)
    user = add_subscriber(first)  # answered while the second one was away
    for box in (arbitrator, first):
        box.cut_power()
    for box in (second, first):
        box.poweron()

    recovered = cluster.play("playbooks/recover.yml").check()
    assert re.search(r"pbx1: change \d+ of \S+; it begins", recovered.output), recovered.output[-4000:]
    arbitrator.poweron()
    for box in (first, second):
        cluster.wait_for_size(box, 3)
        assert user in sql(box, SUBSCRIBERS)
    again = cluster.play("playbooks/recover.yml").check()
    assert again.changed == 0, again.changes()


def test_all_members_are_killed_while_phones_register_and_call(
    cluster: BoxCluster,
    first: BootedBox,
    second: BootedBox,
    arbitrator: BootedBox,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    """Phones go on, and whoever has registered stays so: what no database takes is in the spool."""
    people = CROWD[:2000]
    with (
        registering(cluster, tmp_path, users=people) as while_it_works,
        calling(cluster, tmp_path) as talks,
    ):
        wait_until("all have registered", lambda: while_it_works.so_far > len(people), timeout=60)
        began = time.monotonic()
        for host, unit in ((first, "mariadb"), (second, "mariadb"), (arbitrator, "sipbox-arbitrator")):
            host.run_inside(["systemctl", "kill", "--signal=KILL", unit])
        kept = while_it_works.finish()
        # They have other contacts now, which no database has seen.
        with registering(cluster, tmp_path, users=people) as meanwhile:
            wait_until("they go on", lambda: meanwhile.so_far > 2 * REGISTRATIONS, timeout=60)
            recovered = cluster.play("playbooks/recover.yml").check()
            for box in (first, second):
                cluster.wait_for_size(box, 3)
            took = time.monotonic() - began
            record_property("seconds to the recovered cluster", round(took))
            print(f"whole again after {took:.0f} s, of which the playbook took {recovered.seconds:.0f} s")
            talked, registered = talks.finish(), meanwhile.finish()
            print(f"calls: {talked}; registrations: {kept}, {registered}")
    agree(cluster, while_it_works)
    agree(cluster, meanwhile)


def test_cluster_that_was_shut_down_comes_back_by_itself(
    cluster: BoxCluster, first: BootedBox, second: BootedBox, arbitrator: BootedBox
) -> None:
    """The one that ended last begins, whoever is started first."""
    for host in (arbitrator, first, second):
        host.power_off()
    for host in (first, second, arbitrator):
        host.poweron()
    for box in (first, second):
        cluster.wait_for_size(box, 3)
