"""A box whose inventory asks for machine code, which it cannot make; one that can is in tests/endurance."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.box_ansible import ansible
from tests.harness.box_snapshot import Deployments

pytestmark = pytest.mark.timeout(3600)

#: The roles that it concerns.
TAGS = ("--tags", "sip,agent")


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
