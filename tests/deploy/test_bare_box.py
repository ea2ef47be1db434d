"""site.yml and a box that is bare: what it would do, and what a control machine does that is as bare."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.deploy.test_site import CALLED
from tests.harness.booted_box import BootedBox
from tests.harness.box_ansible import INVENTORY, ansible, inventory_of
from tests.harness.box_network import BoxNetwork
from tests.harness.debian_box import REPOSITORY

pytestmark = pytest.mark.timeout(3600)

STATE = "dpkg-query --show; find /etc /opt /var/lib/dpkg/status -type f -exec sha256sum {} + | sort"


def test_check_before_the_first_run_does_not_fail_and_changes_nothing(box_network: BoxNetwork) -> None:
    with BootedBox("bookworm", box_network) as box:
        box.install("python3")
        before = box.ssh(STATE).stdout
        ansible(box, "site.yml", "--check", "--diff", plain=True).check()
        assert box.ssh(STATE).stdout == before


def test_from_a_fresh_debian_13_by_a_user_who_may_use_sudo(box_network: BoxNetwork) -> None:
    """As the README says it. The box has no Python yet, and nobody comes in as root."""
    with (
        BootedBox("trixie", box_network, hostname="control") as control,
        BootedBox("bookworm", box_network) as box,
    ):
        box.install("sudo")
        box.ssh(
            "useradd --create-home --shell /bin/bash admin"
            " && echo 'admin ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/admin"
            # As it is on boxes that were hardened: what root makes by sudo is not for everybody.
            " && echo 'Defaults umask=0077' >/etc/sudoers.d/umask"
            " && cp -r /root/.ssh /home/admin && chown -R admin: /home/admin/.ssh && rm -r /root/.ssh"
        )
        control.install("python3-venv", "openssh-client")
        _copy_repository(control)
        control.ssh("mkdir -p /root/.ssh && chmod 700 /root/.ssh")
        control.ssh(
            "cat >/root/.ssh/id_ed25519 && chmod 600 /root/.ssh/id_ed25519", typed=box_network.key.read_text()
        )
        certificates = "export PIP_CERT=/etc/ssl/certs/ca-certificates.crt LC_ALL=C.UTF-8"
        # Bytecode of thousands of modules that nobody asks for is not made.
        install = "python3 -m venv .venv && .venv/bin/pip install --quiet --no-compile ansible"
        control.ssh(f"{certificates}; {install}", timeout=1800)
        control.ssh(
            "cp sipbox/inventory.example sipbox/inventory && cat >sipbox/inventory", typed=_inventory(box)
        )

        command = f"{certificates}; cd sipbox && ../.venv/bin/ansible-playbook site.yml"
        first = control.ssh(command, check=False, timeout=1800)
        assert first.returncode == 0, first.stdout[-8000:]
        assert CALLED.search(first.stdout)
        second = control.ssh(command, check=False, timeout=1800)
        assert " changed=0 " in second.stdout, second.stdout[-8000:]
        assert control.ssh(".venv/bin/python --version").stdout.startswith("Python 3.13")


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
    host["ansible_user"] = "admin"
    del host["ansible_ssh_common_args"]
    return json.dumps(inventory)
