"""The role media on a deployed box: rtpengine in its sandbox, two phones that hear each other through it,
and the way back."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness.booted_box import BootedBox
from tests.harness.box_ansible import INVENTORY, AnsibleRun, ansible
from tests.harness.box_snapshot import Deployments
from tests.harness.phone import Phone, hang_up
from tests.harness.rtp import RtpPhone, converse, media_of
from tests.harness.waiting import wait_until

pytestmark = pytest.mark.timeout(3600)

PATIENCE = 20.0
WANTED = {"sipbox_media": "always", "sipbox_rtp_ports": ["21000-21999"]}
#: The roles that the two lines concern.
TAGS = ("--tags", "firewall,media,sip,agent")


@pytest.fixture(scope="module")
def release() -> str:
    """Debian 12 is in tests/endurance."""
    return "trixie"


@pytest.fixture(scope="module")
def box(release: str, deployed: Deployments) -> Iterator[BootedBox]:
    with deployed(release).boot() as copy:
        yield copy


def play(box: BootedBox, **variables: Any) -> AnsibleRun:
    return ansible(box, "site.yml", *TAGS, inventory={**INVENTORY, **variables})


def media(box: BootedBox) -> Any:
    return json.loads(box.ssh("sipbox status --json", check=False).stdout)["media"]


def test_without_a_word_in_the_inventory_there_is_none(box: BootedBox) -> None:
    assert not box.host().package("rtpengine-daemon").is_installed
    assert media(box) == {"mode": "never", "nodes": {}}


def test_with_one_it_relays(box: BootedBox) -> None:
    play(box, **WANTED).check()
    assert media(box) == {"mode": "always", "nodes": {"127.0.0.1:2223": True}}
    again = play(box, **WANTED).check()
    assert again.changed == 0, again.changes()


def test_nobody_but_the_sip_server_asks_it(box: BootedBox) -> None:
    assert not [listener for listener in box.listeners() if listener[2] == "rtpengine"]


def test_it_is_in_a_sandbox_and_comes_back(box: BootedBox) -> None:
    told = box.ssh("systemd-analyze security --no-pager rtpengine-daemon").stdout
    level = re.search(r"exposure level for \S+: ([\d.]+)", told)
    assert level, told
    assert float(level[1]) <= 1.3, told
    assert box.ssh("systemctl show -P User rtpengine-daemon").stdout.strip() == "rtpengine"
    before = box.ssh("systemctl show -P MainPID rtpengine-daemon").stdout.strip()
    box.ssh(f"kill -9 {before}")
    box.ssh(
        "for i in $(seq 100); do systemctl is-active -q rtpengine-daemon && exit; sleep 0.2; done; exit 1"
    )
    assert box.ssh("systemctl show -P MainPID rtpengine-daemon").stdout.strip() != before
    wait_until(
        "the server sees it",
        lambda: box.ssh("sipbox diagnose media", check=False).returncode == 0,
        timeout=PATIENCE,
        every=0.5,
    )


def test_two_phones_hear_each_other_through_it_and_its_firewall(box: BootedBox) -> None:
    here = str(box.network.address)
    options = {"proxy": (box.address, 5060), "domain": "example.org", "address": here}
    with (
        Phone("10", "secret-10", **options) as caller,
        Phone("11", "secret-11", **options) as callee,
        RtpPhone(0x10, host=here) as mouth,
        RtpPhone(0x11, host=here) as ear,
    ):
        for phone in (caller, callee):
            assert phone.register(timeout=PATIENCE).status == 200
        request = caller.invite("11", body=mouth.description)
        incoming = callee.expect("INVITE", timeout=PATIENCE)
        callee.reply(incoming, 200, body=ear.description)
        answered = caller.final(request, timeout=PATIENCE)
        assert answered.status == 200
        dialog = caller.dialog_as_caller(request, answered)
        caller.send(caller.within(dialog, "ACK"))
        callee.expect("ACK", timeout=PATIENCE)
        ways = media_of(answered.body), media_of(incoming.body)
        assert all(address == box.address and 21000 <= port <= 21999 for address, port in ways)
        converse(mouth, ways[0], ear, ways[1])
        hang_up(caller, callee, dialog)


def test_when_it_is_wanted_no_more_it_is_stopped(box: BootedBox) -> None:
    play(box, sipbox_media="never").check()
    assert media(box) == {"mode": "never", "nodes": {}}
    assert box.ssh("systemctl is-active rtpengine-daemon", check=False).stdout.strip() == "inactive"
    assert box.ssh("systemctl is-enabled rtpengine-daemon", check=False).stdout.strip() == "disabled"
    assert "21000" not in box.ssh("nft list table inet sipbox").stdout
