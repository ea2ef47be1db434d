"""A box is lost; another one gets its backup, and the phones call each other without registering again."""

from __future__ import annotations

import json
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.harness.booted_box import BootedBox
from tests.harness.box_ansible import AnsibleRun, ansible
from tests.harness.box_network import BoxNetwork
from tests.harness.box_snapshot import Deployments
from tests.harness.phone import Phone, hang_up, talk

pytestmark = pytest.mark.timeout(1800)

MakePhone = Callable[[BootedBox, str], Phone]
BACKUP = "playbooks/backup.yml"
RESTORE = "playbooks/restore.yml"


@pytest.fixture
def make_phone(box_network: BoxNetwork) -> Iterator[MakePhone]:
    """``make_phone(box, "10")``: that subscriber's phone, on this side of the bridge."""
    with ExitStack() as stack:

        def make(box: BootedBox, user: str) -> Phone:
            proxy = (box.address, 5060)
            made = Phone(
                user, f"secret-{user}", proxy=proxy, domain="example.org", address=box_network.address
            )
            return stack.enter_context(made)

        yield make


def call(caller: Phone, callee: Phone) -> None:
    """They talk, and hang up."""
    dialog, _ = talk(caller, callee)
    hang_up(caller, callee, dialog)


def rows(box: BootedBox) -> dict[str, int]:
    """How many there are in each table, without those that a call adds: a restore ends with a self-test."""
    found = dict(json.loads(box.ssh("sipbox database status --json").stdout)["rows"])
    return {table: count for table, count in found.items() if table not in ("acc", "cdrs", "missed_calls")}


def test_the_role(deployed: Deployments) -> None:
    with deployed("trixie").boot() as box:
        host: Any = box.host()
        place = host.file("/var/backups/sipbox")
        assert (place.user, place.group, place.mode) == ("root", "root", 0o700)
        timer = host.service("sipbox-backup.timer")
        assert timer.is_enabled
        assert timer.is_running
        assert "RandomizedDelay" in box.ssh("systemctl cat sipbox-backup.timer").stdout
        assert "Persistent=yes" in box.ssh("systemctl show -p Persistent sipbox-backup.timer").stdout
        told = box.ssh("systemd-analyze security --no-pager sipbox-backup.service").stdout
        assert float(told.rpartition("service: ")[2].split()[0]) <= 2.0

        # The unit works in its sandbox; old backups go, the newest of their weeks stay.
        old = [f"2020-01-{day:02d}T033000Z.tar" for day in (1, 2, 3, 4, 20)]
        box.ssh("cd /var/backups/sipbox && touch " + " ".join([*old, "notes"]))
        box.ssh("systemctl start sipbox-backup.service")
        kept = box.ssh("ls /var/backups/sipbox").stdout.split()
        assert {"2020-01-20T033000Z.tar", "notes"} <= set(kept)
        assert len(kept) == 7  # seven days: the five old ones, the new one; and the notes
        newest = json.loads(box.ssh("sipbox backup list --json").stdout)[0]
        assert newest["rows"] is not None
        file = host.file(newest["file"])
        assert (file.user, file.group, file.mode) == ("root", "root", 0o600)

        # A backup that fails says so, and takes nothing away.
        box.ssh("systemctl stop mariadb")
        assert box.ssh("systemctl start sipbox-backup.service", check=False).returncode != 0
        assert box.ssh("systemctl is-failed sipbox-backup.service", check=False).stdout == "failed\n"
        assert box.ssh("ls -A /var/backups/sipbox").stdout.split() == kept


def test_a_lost_box_comes_back(deployed: Deployments, make_phone: MakePhone, tmp_path: Path) -> None:
    snapshot = deployed("trixie")
    with snapshot.boot() as box:
        ten, eleven = make_phone(box, "10"), make_phone(box, "11")
        for phone in (ten, eleven):
            assert phone.register().status == 200
        box.ssh("sipbox alias add door 11")
        box.ssh(
            "mkdir -p -m 700 /etc/sipbox/credentials; cat /etc/sipbox/credentials/* | sha256sum >/root/keys"
        )
        keys = box.ssh("cat /root/keys /var/lib/sipbox/secret | sha256sum").stdout
        was = rows(box)
        ansible(box, BACKUP, "-e", f"sipbox_backups={tmp_path}/backups", inventory=snapshot.inventory).check()
    [file] = (tmp_path / "backups" / "pbx").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700

    # Another box at that address, as site.yml makes it: with subscribers of its own, and other keys.
    with snapshot.boot() as box:

        def restore(*more: str) -> AnsibleRun:
            return ansible(box, RESTORE, "-e", f"sipbox_backup={file}", *more, inventory=snapshot.inventory)

        refused = restore()
        assert refused.returncode != 0
        assert "say -e sipbox_replace=true" in " ".join(refused.output.split())
        assert "door" not in box.ssh("sipbox alias list", check=False).stdout

        box.ssh("head -c 32 /dev/urandom >/var/lib/sipbox/secret")
        restore("-e", "sipbox_replace=true").check()
        assert rows(box) == was
        box.ssh("cat /etc/sipbox/credentials/* | sha256sum >/root/keys")
        assert box.ssh("cat /root/keys /var/lib/sipbox/secret | sha256sum").stdout == keys
        assert box.ssh("stat -c '%a %U %G' /var/lib/sipbox/secret").stdout == "600 sipbox sipbox\n"
        assert not box.ssh("ls -A /var/backups/sipbox | grep restore", check=False).stdout
        call(ten, eleven)
        call(eleven, ten)


def test_onto_an_empty_box(deployed: Deployments, make_phone: MakePhone, tmp_path: Path) -> None:
    """No word more is needed there; and what is broken changes nothing and leaves the box at work."""
    snapshot = deployed("trixie")
    with snapshot.boot() as box:
        ten, eleven = make_phone(box, "10"), make_phone(box, "11")
        assert eleven.register().status == 200
        made = box.ssh("sipbox backup create").stdout.strip()
        content = subprocess.run(
            ["ssh", "-F", box.network.ssh_config, box.address, f"cat {made}"], capture_output=True, check=True
        ).stdout
        whole, broken = tmp_path / "whole.tar", tmp_path / "broken.tar"
        whole.write_bytes(content)
        broken.write_bytes(content.replace(b"secret", b"secreT", 1)[:-11000])
        box.ssh("systemctl stop sipbox.target; sipbox database drop --yes; sipbox database create --yes")
        box.ssh("systemctl start sipbox.target")

        def restore(file: Path) -> AnsibleRun:
            return ansible(box, RESTORE, "-e", f"sipbox_backup={file}", inventory=snapshot.inventory)

        nothing = restore(tmp_path / "none.tar")
        assert "has to name a backup on this machine" in " ".join(nothing.output.split())
        failed = restore(broken)
        assert failed.returncode != 0
        assert "Nothing was changed" in " ".join(failed.output.split())
        assert box.ssh("sipbox status", check=False).returncode == 0
        restore(whole).check()
        call(ten, eleven)
