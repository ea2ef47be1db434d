"""The firewall when things change: bans, networks, wrong rulesets, a power cut, a flush by others."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness.booted_box import BootedBox
from tests.harness.box_ansible import INVENTORY, AnsibleRun, ansible
from tests.harness.box_snapshot import Deployments
from tests.harness.waiting import wait_until

pytestmark = pytest.mark.timeout(1800)

RULESET = "/etc/nftables.d/sipbox.nft"


@pytest.fixture(scope="module")
def bookworm(deployed: Deployments) -> Iterator[BootedBox]:
    with deployed("bookworm").boot() as box:
        yield box


def answers(box: BootedBox, port: int, address: str = "") -> bool:
    try:
        with socket.create_connection((address or box.address, port), timeout=3.0):
            return True
    except OSError:
        return False


def play(box: BootedBox, **variables: Any) -> AnsibleRun:
    return ansible(box, "site.yml", "--tags", "firewall", inventory={**INVENTORY, **variables})


def test_whoever_is_banned_is_shut_out_but_not_from_ssh(bookworm: BootedBox) -> None:
    assert answers(bookworm, 5060)
    bookworm.ssh(f"nft add element inet sipbox banned4 '{{ {bookworm.network.address} timeout 1h }}'")
    assert not answers(bookworm, 5060)
    bookworm.ssh("nft flush set inet sipbox banned4")
    assert answers(bookworm, 5060)


def test_metrics_answer_only_whom_the_inventory_names(bookworm: BootedBox) -> None:
    port = 9999  # where nobody listens: pages of ours do instead
    bookworm.ssh(f"systemd-run --unit=pages python3 -m http.server --bind :: {port}")
    wait_until("it listens", lambda: f"*:{port}" in bookworm.ssh("ss -tln").stdout, timeout=60.0)
    assert not answers(bookworm, port)
    network = bookworm.network
    play(bookworm, sipbox_metrics_from=[str(network.net)], firewall_metrics_ports=[port]).check()
    assert answers(bookworm, port)
    assert not answers(bookworm, port, bookworm.address6)
    play(bookworm, sipbox_metrics_from=[str(network.net6)], firewall_metrics_ports=[port]).check()
    assert not answers(bookworm, port)
    assert answers(bookworm, port, bookworm.address6)


def test_ruleset_that_cuts_ansible_off_is_taken_back(bookworm: BootedBox) -> None:
    play(bookworm).check()
    before = bookworm.ssh(f"nft --stateless --terse list table inet sipbox; cat {RULESET}").stdout
    refused = play(bookworm, sipbox_ssh_from=["192.0.2.1"], firewall_confirm_seconds=8)
    assert refused.returncode != 0
    said = " ".join(refused.output.split())
    assert "pbx: Ansible does not come through the new ruleset, so it was taken back" in said
    assert "sipbox_ssh_from (192.0.2.1)" in said
    assert bookworm.ssh(f"nft --stateless --terse list table inet sipbox; cat {RULESET}").stdout == before
    assert "not confirmed" in bookworm.ssh("journalctl --unit sipbox-firewall-rollback --output cat").stdout
    assert play(bookworm).check().changes() == []


def test_power_cut_before_the_confirmation_brings_the_confirmed_ruleset(bookworm: BootedBox) -> None:
    bookworm.ssh(f"sed -i '/comment \"SIP over TCP\"/d' {RULESET} && sync {RULESET}")
    bookworm.ssh("sipbox-firewall try 3600")
    assert not answers(bookworm, 5060)
    bookworm.cut_power()
    bookworm.poweron()
    assert answers(bookworm, 5060)
    assert play(bookworm).check().changed > 0  # it is written as the inventory says, and confirmed
    bookworm.reboot()
    assert "policy drop" in bookworm.ssh("nft list table inet sipbox").stdout
    assert answers(bookworm, 5060)


def test_table_is_there_again_after_debians_own_service_flushed_all(bookworm: BootedBox) -> None:
    for verb in ("start", "reload", "restart"):
        bookworm.ssh(f"systemctl {verb} nftables.service")
        wait_until(
            f"the table is there after {verb}",
            lambda: "policy drop" in bookworm.ssh("nft list table inet sipbox", check=False).stdout,
            timeout=30.0,
        )
