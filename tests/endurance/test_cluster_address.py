"""Two boxes and the address that they hold in turn: whichever of them is not well, telephones go on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.booted_box import BootedBox
from tests.harness.box_cluster import CROWD, BoxCluster, registered_known, registered_rows
from tests.harness.box_network import BoxNetwork
from tests.harness.cluster_load import registering
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

pytestmark = [pytest.mark.endurance, pytest.mark.timeout(1800)]

#: How many of the crowd register a second, while the address moves.
RATE = 20

#: In the worker's own view of the files, where no program can be started.
FULL_DISK = """
import ctypes, os, subprocess
show = ["systemctl", "show", "--property=MainPID", "--value", "sipbox@1.service"]
worker = subprocess.check_output(show, text=True).strip()
libc, state = ctypes.CDLL(None, use_errno=True), b"/var/lib/sipbox"
assert libc.setns(os.open(f"/proc/{{worker}}/ns/mnt", os.O_RDONLY), 0) == 0
assert libc.{call} == 0, os.strerror(ctypes.get_errno())
"""


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


def test_its_power_fails_while_phones_register_and_call(
    cluster: BoxCluster,
    before: BootedBox,
    phones: tuple[Phone, Phone, Phone],
    tmp_path: Path,
    record_property: pytest.RecordProperty,
) -> None:
    ten, eleven, twelve = phones
    other = next(box for box in cluster.boxes if box is not before)
    up, _ = talk(ten, eleven)
    ringing = ten.invite("12")
    rings = twelve.expect("INVITE")
    twelve.reply(rings, 180, "Ringing")
    ten.expect(180)
    with registering(cluster, tmp_path, rate=RATE, calls=len(CROWD)) as load:
        wait_until("they register", lambda: load.so_far > 2 * RATE, timeout=60)
        began = time.monotonic()
        before.cut_power()
        dialog = call_patiently(eleven, ten)
        took = time.monotonic() - began
        record_property("seconds to the first new call", round(took, 1))
        print(f"first new call after {took:.1f} s")
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
        load.succeed()
    assert took <= 5, took
    # Nobody who had an answer is forgotten: in the rows, in the memory, and at the box that was dead.
    assert load.known_in(registered_rows(other)) == len(CROWD)
    assert load.known_in(registered_known(other)) == len(CROWD)
    before.poweron()
    cluster.wait_for_size(before, 3)
    assert registered_rows(before) == registered_rows(other)
    wait_until(
        "it knows all of them",
        lambda: registered_known(before) == registered_known(other),
        timeout=60,
        every=0.5,
    )
    assert holders(cluster.boxes, cluster.address) == [other], "nobody takes it from one that is well"


def test_a_worker_hangs(cluster: BoxCluster, before: BootedBox, phones: tuple[Phone, Phone, Phone]) -> None:
    before.ssh("systemctl kill --signal=STOP 'sipbox@1.service'")
    try:
        still(phones, cluster, before)
    finally:
        before.ssh("systemctl kill --signal=CONT 'sipbox@1.service'", check=False)


def test_its_network_is_pulled(
    cluster: BoxCluster, before: BootedBox, phones: tuple[Phone, Phone, Phone]
) -> None:
    before.run_inside(["ip", "link", "set", "host0", "down"])
    try:
        still(phones, cluster, before)
        assert before not in holders(cluster.boxes, cluster.address), "it has given it up"
    finally:
        before.run_inside(["ip", "link", "set", "host0", "up"])


def test_the_disk_is_full(cluster: BoxCluster, before: BootedBox, phones: tuple[Phone, Phone, Phone]) -> None:
    before.ssh("python3 -", typed=FULL_DISK.format(call="mount(b'tmpfs', state, b'tmpfs', 0, b'size=1M')"))
    try:
        still(phones, cluster, before)
        assert "the disk is full" in before.ssh("/usr/local/sbin/sipbox-address should", check=False).stdout
    finally:
        before.ssh("python3 -", typed=FULL_DISK.format(call="umount2(state, 2)"))


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
