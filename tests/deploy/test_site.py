"""site.yml: from a bare Debian to a telephone system that verify.yml has called through."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.harness.booted_box import BootedBox
from tests.harness.box_ansible import INVENTORY, ansible, inventory_of
from tests.harness.box_network import BoxNetwork
from tests.harness.box_snapshot import Deployments
from tests.harness.debian_box import REPOSITORY

pytestmark = pytest.mark.timeout(3600)

RELEASES = ("bookworm", "trixie")
#: What verify.yml tells when a call went through the box.
CALLED = re.compile(r"ok\s+[\d.]+ s\s+a call: INVITE, 180, 200, ACK, BYE")
STATE = "dpkg-query --show; find /etc /opt /var/lib/dpkg/status -type f -exec sha256sum {} + | sort"


@pytest.mark.parametrize("release", RELEASES)
def test_bare_box_becomes_a_telephone_system_and_a_second_run_changes_nothing(
    deployed: Deployments, release: str, record_property: pytest.RecordProperty
) -> None:
    snapshot = deployed(release)
    record_property(f"seconds for {release}", round(snapshot.run.seconds))
    print(f"{release}: from a bare box to a verified call in {snapshot.run.seconds:.0f} s")
    assert CALLED.search(snapshot.run.output), snapshot.run.output[-4000:]

    with snapshot.boot() as box:
        again = ansible(box, "site.yml", "--diff", inventory=snapshot.inventory).check()
        assert again.changed == 0, again.changes()
        assert CALLED.search(again.output)

        checked = ansible(box, "site.yml", "--check", "--diff", inventory=snapshot.inventory).check()
        assert checked.changed == 0, checked.changes()
        assert "+++ after" not in checked.output

        # The subscribers of the call are gone.
        assert "self-test" not in box.ssh("sipbox subscriber list; sipbox registration list").stdout


def test_check_before_the_first_run_does_not_fail_and_changes_nothing(box_network: BoxNetwork) -> None:
    with BootedBox("bookworm", box_network) as box:
        box.install("python3")
        before = box.ssh(STATE).stdout
        ansible(box, "site.yml", "--check", "--diff").check()
        assert box.ssh(STATE).stdout == before


def test_control_machine_with_the_python_of_debian_13(box_network: BoxNetwork, deployed: Deployments) -> None:
    """As the README says it, from a fresh Debian 13; the box is told to make its release again."""
    with BootedBox("trixie", box_network, hostname="control") as control, deployed("bookworm").boot() as box:
        control.install("python3-venv", "openssh-client")
        _copy_repository(control)
        control.ssh("mkdir -p /root/.ssh && chmod 700 /root/.ssh")
        control.ssh(
            "cat >/root/.ssh/id_ed25519 && chmod 600 /root/.ssh/id_ed25519", typed=box_network.key.read_text()
        )
        certificates = "export PIP_CERT=/etc/ssl/certs/ca-certificates.crt LC_ALL=C.UTF-8"
        control.ssh(
            f"{certificates}; python3 -m venv .venv && .venv/bin/pip install --quiet ansible", timeout=1800
        )
        control.ssh(
            "cp sipbox/inventory.example sipbox/inventory && cat >sipbox/inventory", typed=_inventory(box)
        )
        box.ssh("rm /opt/sipbox/releases/*/.complete-*")

        command = f"{certificates}; cd sipbox && ../.venv/bin/ansible-playbook site.yml"
        first = control.ssh(command, check=False, timeout=1800)
        assert first.returncode == 0, first.stdout[-8000:]
        assert CALLED.search(first.stdout)
        second = control.ssh(command, check=False, timeout=1800)
        assert " changed=0 " in second.stdout, second.stdout[-8000:]
        assert control.ssh(".venv/bin/python --version").stdout.startswith("Python 3.13")


def test_user_who_may_use_sudo_is_as_good_as_root(deployed: Deployments, tmp_path: Path) -> None:
    with deployed("bookworm").boot() as box:
        box.install("sudo")
        box.ssh(
            "useradd --create-home --shell /bin/bash admin"
            " && echo 'admin ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/admin"
            # As it is on boxes that were hardened: what root makes by sudo is not for everybody.
            " && echo 'Defaults umask=0077' >/etc/sudoers.d/umask"
            " && cp -r /root/.ssh /home/admin && chown -R admin: /home/admin/.ssh"
        )
        box.ssh("rm /opt/sipbox/releases/*/.complete-*")
        inventory = inventory_of([box], INVENTORY)
        [host] = inventory["all"]["children"]["sipbox"]["hosts"].values()
        host["ansible_user"] = "admin"
        path = tmp_path / "inventory.yml"
        path.write_text(json.dumps(inventory))
        first = ansible(box, "site.yml", inventory=path).check()
        assert CALLED.search(first.output)
        second = ansible(box, "site.yml", inventory=path).check()
        assert second.changed == 0, second.changes()


def _copy_repository(control: BootedBox) -> None:
    """What lies here, as a clone of it would."""
    packed = subprocess.run(
        "git ls-files -z --cached --others --exclude-standard | tar --create --null --files-from=-",
        shell=True,
        cwd=REPOSITORY,
        capture_output=True,
        check=True,
    )
    copied = subprocess.run(
        ["ssh", "-F", control.network.ssh_config, control.address, "mkdir sipbox && tar -x -C sipbox"],
        input=packed.stdout,
        capture_output=True,
        check=False,
    )
    assert copied.returncode == 0, copied.stderr


def _inventory(box: BootedBox) -> str:
    """As an administrator writes it: the key is in its usual place, the host key is not known yet."""
    inventory = inventory_of([box], INVENTORY)
    [host] = inventory["all"]["children"]["sipbox"]["hosts"].values()
    del host["ansible_ssh_common_args"]
    return json.dumps(inventory)
