"""A box whose inventory asks for machine code: it is made there, and the workers run it."""

from __future__ import annotations

import pytest

from tests.harness.box_ansible import ansible
from tests.harness.box_snapshot import Deployments

pytestmark = pytest.mark.timeout(3600)


def test_what_every_message_passes_is_compiled_and_its_sources_are_there(deployed: Deployments) -> None:
    snapshot = deployed("bookworm")
    asked = ("-e", "sipbox_compiled=true")
    with snapshot.boot() as box:
        ansible(box, "site.yml", *asked, inventory=snapshot.inventory).check()
        assert "compiled" in box.ssh("sipbox version").stdout
        maps = box.ssh("cat /proc/$(systemctl show --property MainPID --value sipbox@1)/maps").stdout
        assert "sipbox__mypyc" in maps
        place = "/opt/sipbox/current"
        packages = f"{place}/venv/lib/python3.11/site-packages"
        assert box.host().file(f"{packages}/appliance/sip/parser.py").exists
        assert not box.host().file(f"{place}/compiler").exists
        assert box.ssh("find /opt/sipbox ! -user root -o ! -type l -perm /022").stdout == ""

        # A backup comes and goes, which asks the program for much that no message passes.
        box.ssh("sipbox backup create && systemctl stop sipbox.target")
        box.ssh("sipbox backup restore --replace --yes $(ls /var/backups/sipbox/*.tar | tail -1)")
        box.ssh("systemctl start sipbox.target && sipbox self-test")

        again = ansible(box, "site.yml", *asked, inventory=snapshot.inventory)
        again.check()
        assert again.changed == 0, again.changes()
