"""Role firewall: what answers from outside, what listens at all, and what survives a reload."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness.booted_box import BootedBox
from tests.harness.box_ansible import INVENTORY, AnsibleRun, ansible
from tests.harness.box_snapshot import Deployments
from tests.harness.debian_box import check

pytestmark = pytest.mark.timeout(1800)

#: What the inventory of the tests allows.
OPEN = {22, 5060, 8088}
LISTENERS = {
    ("tcp", 22, "sshd"),
    ("tcp", 5060, "systemd"),
    ("udp", 5060, "systemd"),
    ("tcp", 5060, "sipbox"),
    ("udp", 5060, "sipbox"),
    ("tcp", 8088, "sipbox"),
}
RULESET = "/etc/nftables.d/sipbox.nft"


@pytest.fixture(scope="module")
def release() -> str:
    """Debian 13 is in tests/endurance."""
    return "bookworm"


@pytest.fixture(scope="module")
def pbx(release: str, deployed: Deployments) -> Iterator[BootedBox]:
    with deployed(release).boot() as box:
        yield box


def scan(address: str) -> set[int]:
    """The TCP ports that answer there."""
    family = ["-6"] if ":" in address else []
    options = ["-Pn", "-n", "-sS", "-p-", "--min-rate", "8000", "--max-retries", "2", "-oG", "-"]
    return set(map(int, re.findall(r"(\d+)/open/", check(["nmap", *family, *options, address]))))


def play(box: BootedBox, **variables: Any) -> AnsibleRun:
    return ansible(box, "site.yml", "--tags", "firewall", inventory={**INVENTORY, **variables})


def test_only_what_the_inventory_allows_answers_from_outside(pbx: BootedBox) -> None:
    assert {22, 5060} <= scan(pbx.address) <= OPEN
    assert {22} <= scan(pbx.address6) <= OPEN


def test_unit_and_files(pbx: BootedBox) -> None:
    host = pbx.host()
    assert host.service("sipbox-firewall").is_enabled
    assert host.service("sipbox-firewall").is_running
    for path, mode in ((RULESET, 0o600), ("/usr/local/sbin/sipbox-firewall", 0o755)):
        file = host.file(path)
        assert (file.user, file.group, file.mode) == ("root", "root", mode)
    security = pbx.ssh("systemd-analyze security --no-pager sipbox-firewall.service").stdout
    [level] = re.findall(r"exposure level .*: ([\d.]+)", security)
    assert float(level) <= 2.0


def test_bans_and_other_tables_survive_a_reload_and_a_second_run(pbx: BootedBox) -> None:
    pbx.ssh("nft add table inet another; nft add chain inet another own")
    pbx.ssh("nft add element inet sipbox banned4 '{ 192.0.2.66 timeout 1h, 198.51.100.0/24 timeout 1h }'")
    pbx.ssh("nft add element inet sipbox banned6 '{ 2001:db8:66::/64 timeout 1h }'")

    pbx.ssh("systemctl reload sipbox-firewall")
    assert play(pbx, sipbox_metrics_from=["192.0.2.50"]).check().changed > 0
    rules = pbx.ssh("nft list table inet sipbox").stdout
    assert "192.0.2.50 tcp dport 8080 accept" in rules
    for banned in ("192.0.2.66", "198.51.100.0/24", "2001:db8:66::/64"):
        assert f"{banned} timeout 1h" in rules
    assert "chain own" in pbx.ssh("nft list table inet another").stdout

    assert play(pbx, sipbox_metrics_from=["192.0.2.50"]).check().changes() == []


def test_nothing_else_listens_when_the_firewall_is_taken_away(pbx: BootedBox) -> None:
    """The last test of this file on that box."""
    pbx.ssh("systemctl stop sipbox-firewall")
    assert pbx.ssh("nft list table inet sipbox", check=False).returncode != 0
    assert pbx.listeners() <= LISTENERS
    assert {22, 5060} <= scan(pbx.address) <= OPEN
