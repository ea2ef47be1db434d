"""The role sip on a box that has one already: what other addresses, settings and releases do to it.

One box for all: the last test leaves it at another address.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest

from tests.deploy.test_role_sip import listeners_at
from tests.harness.booted_box import BootedBox
from tests.harness.box_ansible import INVENTORY, ansible
from tests.harness.box_snapshot import Deployments

#: Whatever has no variable of its own, and neighbours, which have some.
SETTINGS: dict[str, dict[str, Any]] = {
    "sip": {"min_session_seconds": 90, "failed_destination_seconds": 30},
    "forwarding": {"most": 3, "voicemail": "sip:{user}@192.0.2.9", "on_failure": "redirect"},
    "messages": {"kept": 5, "kept_seconds": 3600},
    "presence": {"server": "192.0.2.9:5060;transport=tcp"},
    "enum": {"suffix": "e164.example", "name_servers": ["192.0.2.53"]},
}

pytestmark = pytest.mark.timeout(3600)


@pytest.fixture(scope="module")
def box(deployed: Deployments) -> Iterator[BootedBox]:
    with deployed("trixie").boot() as copy:
        yield copy


def test_settings_that_the_program_refuses_are_not_installed(box: BootedBox) -> None:
    before = box.ssh("sha256sum /etc/sipbox/sipbox.toml; systemctl show -p MainPID sipbox@1").stdout
    wrong = INVENTORY | {"sip_settings": {"registrar": {"min_expires": 9000}}}
    refused = ansible(box, "site.yml", "--tags", "sip", inventory=wrong)
    assert refused.returncode != 0
    sentence = " ".join(refused.output.split())
    assert "pbx: 'sipbox config check' refuses the settings" in sentence
    assert "registrar.min_expires: 9000 must not exceed max_expires" in sentence
    assert box.ssh("sha256sum /etc/sipbox/sipbox.toml; systemctl show -p MainPID sipbox@1").stdout == before


def test_release_that_was_interrupted_is_made_again_and_only_the_last_ones_stay(box: BootedBox) -> None:
    current = box.ssh("readlink /opt/sipbox/current").stdout.strip()
    for age in range(1, 5):
        old = f"/opt/sipbox/releases/0.0.{age}+00000000"
        box.ssh(f"mkdir -p {old} && touch -d '-{age} days' {old}")
    box.ssh(f"rm -rf {current}/.complete-* {current}/venv/bin")
    ansible(box, "site.yml", "--tags", "sip").check()
    assert box.ssh("ls /opt/sipbox/releases").stdout.split() == [
        "0.0.1+00000000",
        "0.0.2+00000000",
        current.rpartition("/")[2],
    ]
    assert box.ssh("sipbox self-test").returncode == 0


def test_other_address_closes_the_old_sockets_and_surplus_workers_are_stopped(box: BootedBox) -> None:
    other = str(box.network.net[250])
    box.ssh(f"ip address replace {other}/24 dev host0")
    # As if there had been two workers before.
    box.ssh("systemctl enable --now sipbox@2.socket")
    changed = INVENTORY | {
        "sipbox_address": other,
        "sip_settings": SETTINGS,
        "sipbox_neighbours": [other, "192.0.2.11"],
        "sipbox_neighbours_key": "k" * 64,
    }
    ansible(box, "site.yml", "--tags", "sip", inventory=changed).check()

    assert listeners_at(box, 5060) == {f"udp:{other}:5060", f"tcp:{other}:5060"}
    assert (
        box.ssh("systemctl is-active sipbox@2.socket sipbox@2.service", check=False).stdout.split()
        == ["inactive"] * 2
    )
    assert box.ssh("systemctl is-enabled sipbox@2.socket", check=False).stdout.strip() == "disabled"
    status = box.ssh("sipbox status").stdout
    assert f"udp:{other}:5060" in status
    settings = tomllib.loads(box.ssh("cat /etc/sipbox/sipbox.toml").stdout)
    assert {section: settings[section] for section in SETTINGS if section != "sip"} == {
        section: values for section, values in SETTINGS.items() if section != "sip"
    }
    assert settings["sip"].items() >= SETTINGS["sip"].items()
    assert settings["replication"]["peers"] == ["192.0.2.11:5065"]
    again = ansible(box, "site.yml", "--tags", "sip", inventory=changed).check()
    assert again.changed == 0, again.changes()

    # What the agent alone reads is nothing to the workers.
    before = box.ssh("systemctl show -p MainPID sipbox@1").stdout
    box.ssh(r"sed -i '/^\[phones\]/a expires = 1800' /etc/sipbox/sipbox.toml")
    assert box.ssh("sipbox config outdated").stdout == ""

    # A run that was cut off: the settings are others than the worker's.
    box.ssh("sed -i 's/^kept = 5$/kept = 7/' /etc/sipbox/sipbox.toml")
    assert ansible(box, "site.yml", "--tags", "sip_run", inventory=changed).check().changed == 2
    assert box.ssh("systemctl show -p MainPID sipbox@1").stdout != before

    # Or their addresses are newer than the sockets.
    opened = "systemctl show -p ActiveEnterTimestampMonotonic sipbox@1.socket"
    before = box.ssh(opened).stdout
    box.ssh("touch /etc/systemd/system/sipbox@.socket.d/listen.conf")
    ansible(box, "site.yml", "--tags", "sip_run", inventory=changed).check()
    assert box.ssh(opened).stdout != before
    assert box.ssh("systemctl is-active sipbox@1.socket sipbox@1.service").stdout == "active\nactive\n"
