"""The booted Debian that the other tests of this folder stand on."""

from __future__ import annotations

import pytest

from tests.harness.booted_box import BootedBox
from tests.harness.box_network import BoxNetwork

pytestmark = pytest.mark.timeout(600)


@pytest.mark.parametrize("release", ["bookworm", "trixie"])
def test_box_is_bare_and_keeps_its_disk_over_a_reboot(box_network: BoxNetwork, release: str) -> None:
    with BootedBox(release, box_network) as box:
        assert box.ssh("systemctl is-system-running").stdout == "running\n"
        assert box.ssh(". /etc/os-release; echo $VERSION_CODENAME").stdout.strip() == release
        assert box.ssh("command -v python3", check=False).returncode != 0
        assert box.listeners() == {("tcp", 22, "sshd")}

        before = box.ssh("cat /proc/sys/kernel/random/boot_id; echo kept >/root/kept").stdout
        box.reboot()
        assert box.ssh("cat /root/kept").stdout == "kept\n"
        assert box.ssh("cat /proc/sys/kernel/random/boot_id").stdout != before
        box.power_off()
        assert not box.running
        box.poweron()
        assert box.ssh("cat /root/kept").stdout == "kept\n"
