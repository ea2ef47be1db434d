"""A box whose inventory asks for machine code: it is made there and run by the workers, or cannot be made."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.box_ansible import ansible
from tests.harness.box_snapshot import Deployments

pytestmark = pytest.mark.timeout(3600)

PYTHON = {"bookworm": "3.11", "trixie": "3.13"}
PLACE = "/opt/sipbox/current"
#: The roles that it concerns.
TAGS = ("--tags", "sip,agent")


@pytest.fixture
def release() -> str:
    """Debian 13 is in tests/endurance: a box computes for minutes."""
    return "bookworm"


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


def test_a_box_that_cannot_compile_runs_the_sources(deployed: Deployments, tmp_path: Path) -> None:
    snapshot = deployed("bookworm")
    asked = ("-e", f"sipbox_compiled=true sip_core={tmp_path}/core.tar.gz sip_compile_mb=100000000")
    with snapshot.boot() as box:
        done = ansible(box, "site.yml", *TAGS, *asked, inventory=snapshot.inventory).check()
        assert "sipbox is not compiled on this box" in done.output
        assert "to compile takes 100000000 (sip_compile_mb)" in done.output
        assert box.ssh("readlink -f /opt/sipbox/current").stdout.strip().endswith(".compiled")
        assert "compiled" not in box.ssh("sipbox version").stdout
        box.ssh("sipbox self-test")
