"""A box is no telephone system any more: what people would miss stays until it is asked for, the rest is
left alone.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.harness.booted_box import BootedBox
from tests.harness.box_ansible import AnsibleRun, ansible
from tests.harness.box_snapshot import Deployments

pytestmark = pytest.mark.timeout(1500)


@pytest.fixture(scope="module")
def box(deployed: Deployments) -> Iterator[BootedBox]:
    with deployed("trixie").boot() as copy:
        copy.ssh("nft add table inet neighbour; nft add chain inet neighbour input")
        copy.ssh("mariadb -e 'create database neighbour'; echo kept >/opt/neighbour")
        # Of a keepalived and of a Galera that sipbox knows nothing of.
        copy.ssh("mkdir /etc/keepalived; echo kept >/etc/keepalived/keepalived.conf")
        copy.ssh("echo kept >/var/lib/mysql/grastate.dat")
        copy.ssh("sipbox backup create")
        yield copy


def decommission(box: BootedBox, deployed: Deployments, *extra: str) -> AnsibleRun:
    words = [word for each in extra for word in ("-e", each)]
    return ansible(box, "playbooks/decommission.yml", *words, inventory=deployed("trixie").inventory)


def neighbours(box: BootedBox) -> None:
    assert "neighbour" in box.ssh("nft list tables").stdout
    assert "neighbour" in box.ssh("mariadb -e 'show databases'").stdout
    kept = "/opt/neighbour /etc/keepalived/keepalived.conf /var/lib/mysql/grastate.dat"
    assert box.ssh(f"cat {kept}").stdout == "kept\n" * 3
    assert box.ssh("systemctl is-active mariadb ssh").stdout == "active\nactive\n"


def test_program_units_and_settings_go(box: BootedBox, deployed: Deployments) -> None:
    decommission(box, deployed).check()
    assert box.ssh("systemctl list-units --all --no-legend 'sipbox*'").stdout.strip() == ""
    assert box.ssh("systemctl list-unit-files --no-legend 'sipbox*'", check=False).stdout.strip() == ""
    assert ("udp", 5060, "") not in {(protocol, port, "") for protocol, port, _ in box.listeners()}
    left = "ls -d /opt/sipbox /etc/sipbox/sipbox.toml /usr/local/share/man/man1/sipbox*"
    assert box.ssh(f"command -v sipbox; {left}", check=False).stdout == ""
    assert "sipbox" not in box.ssh("nft list tables").stdout
    assert "openser" in box.ssh("mariadb -e 'show databases'").stdout
    assert box.ssh("ls /var/lib/sipbox/secret /var/backups/sipbox").stdout.count("\n") >= 2
    neighbours(box)


def test_again_changes_nothing(box: BootedBox, deployed: Deployments) -> None:
    done = decommission(box, deployed).check()
    assert done.changed == 0, done.changes()


def test_site_yml_makes_it_a_telephone_system_again(box: BootedBox, deployed: Deployments) -> None:
    """With the subscribers and keys that it had."""
    snapshot = deployed("trixie")
    secret = box.ssh("sha256sum /var/lib/sipbox/secret").stdout
    ansible(box, "site.yml", inventory=snapshot.inventory).check()
    assert box.ssh("sha256sum /var/lib/sipbox/secret").stdout == secret
    assert "10" in box.ssh("sipbox subscriber list").stdout
    neighbours(box)


def test_data_and_backups_go_when_asked(box: BootedBox, deployed: Deployments) -> None:
    decommission(box, deployed, "sipbox_remove_data=true", "sipbox_remove_backups=true").check()
    assert "openser" not in box.ssh("mariadb -e 'show databases'").stdout
    assert "sipbox" not in box.ssh("mariadb -Ne 'select user from mysql.user'").stdout
    assert "sipbox" not in box.ssh("getent passwd; getent group").stdout
    assert box.ssh("ls -d /var/lib/sipbox /etc/sipbox /var/backups/sipbox", check=False).stdout == ""
    neighbours(box)
    again = decommission(box, deployed, "sipbox_remove_data=true", "sipbox_remove_backups=true").check()
    assert again.changed == 0, again.changes()
