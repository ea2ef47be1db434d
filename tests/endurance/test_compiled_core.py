"""A box makes machine code for itself, on both releases, and everything else on it goes on as it was."""

from __future__ import annotations

import pytest

from tests.harness.box_ansible import ansible
from tests.harness.box_snapshot import Deployments

pytestmark = [pytest.mark.endurance, pytest.mark.timeout(3600)]

PYTHON = {"bookworm": "3.11", "trixie": "3.13"}
PLACE = "/opt/sipbox/current"
#: The roles that it concerns.
TAGS = ("--tags", "sip,agent")


@pytest.mark.parametrize("release", PYTHON)
def test_what_every_message_passes_is_compiled_and_its_sources_are_there(
    deployed: Deployments, release: str
) -> None:
    snapshot = deployed(release)
    inventory = {**snapshot.inventory, "sipbox_compiled": True}
    with snapshot.boot() as box:
        ansible(box, "site.yml", *TAGS, inventory=inventory).check()
        assert "compiled" in box.ssh("sipbox version").stdout
        maps = box.ssh("cat /proc/$(systemctl show --property MainPID --value sipbox@1)/maps").stdout
        assert "sipbox__mypyc" in maps
        packages = f"{PLACE}/venv/lib/python{PYTHON[release]}/site-packages"
        assert box.host().file(f"{packages}/appliance/sip/parser.py").exists
        assert not box.host().file(f"{PLACE}/compiler").exists
        assert box.ssh("find /opt/sipbox ! -user root -o ! -type l -perm /022").stdout == ""

        # A backup comes and goes, which asks the program for much that no message passes.
        box.ssh("sipbox backup create && systemctl stop sipbox.target")
        box.ssh("sipbox backup restore --replace --yes $(ls /var/backups/sipbox/*.tar | tail -1)")
        box.ssh("systemctl start sipbox.target && sipbox self-test")

        again = ansible(box, "site.yml", *TAGS, inventory=inventory)
        again.check()
        assert again.changed == 0, again.changes()
