"""A box in use becomes one of a pair, of three, loses one for good, and is a single one again at the end.

One story, in the order in which the tests stand here. Nobody has to register anew, and nobody is forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest

from tests.harness.booted_box import BootedBox
from tests.harness.box_ansible import AnsibleRun
from tests.harness.box_cluster import BoxCluster, sql, status
from tests.harness.box_network import BoxNetwork
from tests.harness.box_snapshot import Deployments
from tests.harness.growing import (
    bindings,
    growing_address,
    pair,
    phone_at,
    single_box,
    started,
    subscribers,
    votes,
)
from tests.harness.phone import Phone
from tests.harness.shared_box_address import calls, wait_for_holder
from tests.harness.waiting import wait_until

pytestmark = [pytest.mark.endurance, pytest.mark.timeout(7200)]


class Grown(NamedTuple):
    """The cluster as it is now; who was registered and known when it was one box; how it became two."""

    cluster: BoxCluster
    phones: list[Phone]
    bindings: list[str]
    subscribers: list[str]
    run: AnsibleRun

    @property
    def first(self) -> BootedBox:
        return self.cluster.boxes[0]

    @property
    def second(self) -> BootedBox:
        return self.cluster.boxes[1]

    def as_it_was(self, size: int) -> None:
        """All boxes have all rows, and the phones that registered long ago are called, by way of each box."""
        for box in self.cluster.boxes:
            assert status(box) == ("Primary", "Synced", str(size))
            assert subscribers(box) == self.subscribers
            assert bindings(box) == self.bindings
            with phone_at(box.address, self.cluster.network, "12") as at_it:
                assert at_it.register().status == 200
                assert calls(at_it, self.phones[0])
                assert calls(self.phones[1], at_it)
                assert at_it.register(expires=0).status == 200


@pytest.fixture(scope="module")
def grown(deployed: Deployments, box_network: BoxNetwork) -> Iterator[Grown]:
    with single_box(deployed("bookworm"), box_network) as (cluster, phones):
        box = cluster.boxes[0]
        before = bindings(box), subscribers(box)
        yield Grown(cluster, phones, *before, pair(cluster).check())


def said(run: AnsibleRun) -> str:
    """Its output in one line."""
    return " ".join(run.output.split())


def test_nothing_is_lost_when_a_second_box_comes(grown: Grown) -> None:
    print(f"from one box to two in {grown.run.seconds:.0f} s")
    assert len(grown.bindings) == 2
    assert len(grown.subscribers) == 3
    grown.as_it_was(3)


def test_phone_at_the_shared_address_is_called_too(grown: Grown, box_network: BoxNetwork) -> None:
    wait_for_holder(grown.cluster.boxes, growing_address(box_network))
    with phone_at(growing_address(box_network), box_network, "12") as third:
        assert third.register().status == 200
        assert calls(grown.phones[0], third)
        assert calls(third, grown.phones[1])
        assert third.register(expires=0).status == 200


def test_the_box_that_was_there_first_dies(grown: Grown, box_network: BoxNetwork) -> None:
    """What the pair was made for: who is registered at its own address is called by the other one."""
    grown.first.cut_power()
    try:
        wait_for_holder([grown.second], growing_address(box_network))
        with phone_at(grown.second.address, box_network, "12") as elsewhere:
            wait_until(
                "it takes registrations", lambda: elsewhere.register().status == 200, timeout=60, every=0.5
            )
            wait_until("a call comes through", lambda: calls(elsewhere, grown.phones[0]), timeout=60)
            assert elsewhere.register(expires=0).status == 200
    finally:
        grown.first.poweron()
    grown.cluster.wait_for_size(grown.first, 3)


def test_a_box_does_not_leave_the_other_one_with_the_arbitrator(grown: Grown) -> None:
    refused = grown.cluster.play("playbooks/decommission.yml", "--limit", "pbx2")
    assert "let it go too, --limit pbx2,witness" in said(refused)
    assert refused.changed == 0, refused.changes()
    refused = grown.cluster.play("playbooks/decommission.yml")
    assert "name those that leave, as in --limit pbx2" in said(refused)
    assert refused.changed == 0, refused.changes()


def test_a_third_box_comes_and_no_database_starts_again(grown: Grown) -> None:
    before = [started(box) for box in grown.cluster.boxes]
    third = grown.cluster.add("pbx3")
    alone = grown.cluster.play("site.yml", "--limit", "pbx3")
    assert "pbx3 is not known to pbx, pbx2 yet" in said(alone)
    assert sql(third, "SELECT 1") == []
    run = grown.cluster.play("site.yml").check()
    print(f"from two boxes to three in {run.seconds:.0f} s")
    assert [started(box) for box in grown.cluster.boxes[:2]] == before
    grown.as_it_was(4)


def test_three_boxes_need_no_arbitrator(grown: Grown) -> None:
    cluster = grown.cluster
    cluster.play("playbooks/decommission.yml", "--limit", "witness").check()
    assert cluster.arbitrator is not None
    assert "garbd" not in {name for _, _, name in cluster.arbitrator.listeners()}
    cluster.arbitrator.close()
    cluster.arbitrator = None
    cluster.play("site.yml").check()
    grown.as_it_was(3)
    again = cluster.play("site.yml").check()
    assert again.changed == 0, again.changes()


def test_one_dies_for_good_and_a_bare_box_takes_its_place(grown: Grown) -> None:
    """The same name and the same address, and nothing of ours on its disk."""
    cluster, dead = grown.cluster, grown.second
    dead.cut_power()
    cluster.wait_for_size(grown.first, 2)
    without = cluster.play("site.yml", plain=True)
    assert without.recap["pbx2"]["failed"] == 1
    assert "pbx2 cannot be reached" in said(without)
    assert all(without.recap[name]["failed"] == 0 for name in ("pbx", "pbx3")), said(without)[-4000:]
    dead.close()
    cluster.boxes[1] = BootedBox(
        cluster.release, cluster.network, hostname="pbx2", number=dead.number, layers=cluster.layers
    )
    run = cluster.play("site.yml").check()
    print(f"a dead box replaced in {run.seconds:.0f} s")
    grown.as_it_was(3)


def test_one_leaves_for_good_and_the_others_forget_it(grown: Grown) -> None:
    cluster, gone = grown.cluster, grown.cluster.boxes[2]
    refused = cluster.play("playbooks/decommission.yml", "--limit", "pbx3")
    assert "of pbx and pbx2 neither has a majority" in said(refused)
    assert refused.changed == 0, refused.changes()
    cluster.variables["sipbox_cluster_without_arbitrator"] = True
    cluster.play("playbooks/decommission.yml", "--limit", "pbx3", "-e", "sipbox_remove_data=true").check()
    assert votes(grown.first) == "2"
    assert "openser" not in gone.ssh("mariadb -e 'show databases'").stdout
    assert "sipbox" not in gone.ssh("mariadb -Ne 'select user from mysql.user'").stdout
    cluster.boxes.remove(gone)
    try:
        cluster.play("site.yml").check()
        grown.as_it_was(2)
        for box in cluster.boxes:
            for command in ("sipbox status --cluster", "nft list table inet sipbox", "sipbox config show"):
                told = box.ssh(command, check=False).stdout
                assert "pbx3" not in told and gone.address not in told, command
    finally:
        gone.close()


def test_the_first_box_goes_on_alone(grown: Grown, box_network: BoxNetwork) -> None:
    grown.cluster.play("playbooks/decommission.yml", "--limit", "pbx2").check()
    assert (status(grown.first)[0], votes(grown.first), votes(grown.second)) == ("Primary", "1", "0")
    wait_for_holder([grown.first], growing_address(box_network))
    assert calls(*grown.phones)
    assert subscribers(grown.second) == grown.subscribers, "it has kept what it had"
    assert grown.second.ssh("ls /etc/sipbox/cluster.key", check=False).stdout == ""
    assert not [each for each in grown.second.listeners() if each[1] in (4567, 5060)]
    again = grown.cluster.play("playbooks/decommission.yml", "--limit", "pbx2").check()
    assert again.changed == 0, again.changes()
