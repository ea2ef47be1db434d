"""Two boxes and the address that they hold in turn: whichever of them is not well, telephones go on."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.harness.booted_box import BootedBox
from tests.harness.box_cluster import BoxCluster, registered_known, registered_rows
from tests.harness.box_failures import FAILURES
from tests.harness.box_network import BoxNetwork
from tests.harness.cluster_load import agree, calling, flows, registering
from tests.harness.phone import SDP, Phone, hang_up, talk
from tests.harness.shared_box_address import (
    call_patiently,
    calls,
    holders,
    phone,
    registers,
    wait_for_holder,
)
from tests.harness.waiting import wait_until

pytestmark = [pytest.mark.endurance, pytest.mark.timeout(7200)]

#: After these it is another box that holds the address; a worker that died is there again before.
MOVES = FAILURES.keys() - {"a worker dies"}


@pytest.fixture
def before(cluster: BoxCluster) -> BootedBox:
    """The box that holds the address."""
    return wait_for_holder(cluster.boxes, cluster.address)


@pytest.fixture
def phones(box_network: BoxNetwork, before: BootedBox) -> Iterator[tuple[Phone, Phone, Phone]]:
    """10, 11 and 12, who register once and then are simply there."""
    with (
        phone(box_network, "10") as ten,
        phone(box_network, "11") as eleven,
        phone(box_network, "12") as twelve,
    ):
        for each in (ten, eleven, twelve):
            wait_until(f"{each.user} registers", lambda each=each: registers(each), timeout=60)  # type: ignore[misc]
        yield ten, eleven, twelve


def still(phones: tuple[Phone, Phone, Phone], cluster: BoxCluster, before: BootedBox) -> None:
    """Another box has the address, and calls go on without anybody registering again."""
    assert wait_for_holder(cluster.boxes, cluster.address, but=before) is not before
    wait_until("a call comes through", lambda: calls(phones[0], phones[1]), timeout=60)


@pytest.mark.parametrize("failure", FAILURES)
def test_it_fails_while_phones_register_and_call(
    failure: str,
    cluster: BoxCluster,
    before: BootedBox,
    phones: tuple[Phone, Phone, Phone],
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    ten, eleven, twelve = phones
    other = next(box for box in cluster.boxes if box is not before)
    with registering(cluster, tmp_path) as load, calling(cluster, tmp_path) as talks:
        flows(load, talks)
        up, _ = talk(ten, eleven)
        ringing = ten.invite("12")
        rings = twelve.expect("INVITE")
        twelve.reply(rings, 180, "Ringing")
        ten.expect(180)
        began = time.monotonic()
        with FAILURES[failure](before):
            dialog = call_patiently(eleven, ten)
            took = time.monotonic() - began
            record_property("seconds to the first new call", round(took, 1))
            print(f"{failure}: first new call after {took:.1f} s")
            hang_up(eleven, ten, dialog)
            # What was up is hung up, what rang is answered.
            hang_up(ten, eleven, up)
            answer = twelve.reply(rings, 200, body=SDP)
            answered = ten.final(ringing)
            assert answered.status == 200, answered
            dialog = ten.dialog_as_caller(ringing, answered)
            ten.send(ten.within(dialog, "ACK"))
            twelve.expect("ACK")
            hang_up(twelve, ten, twelve.dialog_as_callee(rings, answer))
            if failure in MOVES:
                wait_for_holder(cluster.boxes, cluster.address, but=before)
            wait_until("a call comes through", lambda: calls(ten, eleven), timeout=60)
            talked, registered = talks.finish(), load.finish()
            record_property("calls", talked.successful)
            record_property("registrations", registered.successful)
            print(f"calls: {talked}; registrations: {registered}")
            # Nobody who had an answer is forgotten: in the rows, in the memory, and at the box that failed.
            assert load.lost_in(registered_rows(other)) == 0
            assert load.lost_in(registered_known(other)) == 0
    assert took <= 5, took
    agree(cluster, load)
    if failure in MOVES:
        assert holders(cluster.boxes, cluster.address) == [other], "nobody takes it from one that is well"


def test_a_full_disk_is_told(cluster: BoxCluster, before: BootedBox) -> None:
    with FAILURES["the disk is full"](before):
        wait_for_holder(cluster.boxes, cluster.address, but=before)
        assert "the disk is full" in before.ssh("/usr/local/sbin/sipbox-address should", check=False).stdout


def test_an_administrator_gives_it_away(
    cluster: BoxCluster, before: BootedBox, phones: tuple[Phone, Phone, Phone]
) -> None:
    assert "another box holds it" in before.ssh("sipbox-address away").stdout
    still(phones, cluster, before)
    before.ssh("sipbox-address back")
    assert before.ssh("sipbox-address held", check=False).stdout == "no\n"
    # Either box says of both how they are.
    holder = wait_for_holder(cluster.boxes, cluster.address)
    for box in cluster.boxes:
        told = box.ssh("sipbox status --cluster", check=False).stdout
        line = next(line for line in told.splitlines() if line.split()[:1] == [holder.hostname])
        assert cluster.address in line


def test_who_registered_at_the_address_is_called_through_the_other_box(
    cluster: BoxCluster, before: BootedBox, phones: tuple[Phone, Phone, Phone]
) -> None:
    _, eleven, _ = phones
    other = next(box for box in cluster.boxes if box is not before)
    with phone(cluster.network, "10", other.address) as caller:
        dialog = call_patiently(caller, eleven)
        hang_up(caller, eleven, dialog)
