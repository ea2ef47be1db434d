"""The administrator's machine: a clone of this repository with an inventory, where commands are typed."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.harness.booted_box import BootedBox
from tests.harness.box_ansible import control_environment, inventory_of
from tests.harness.debian_box import REPOSITORY, check


class Clone:
    """A clone at ``place`` whose file ``inventory`` names ``box``; Ansible is on the path."""

    def __init__(self, place: Path, box: BootedBox, variables: Mapping[str, Any]) -> None:
        self.place = place
        check(["git", "clone", "--quiet", REPOSITORY, place])
        inventory = place / "inventory"
        inventory.write_text(json.dumps(inventory_of([box], variables)))
        inventory.chmod(0o600)
        (place / ".ansible").mkdir()
        kept = control_environment(place / ".ansible")
        self._environment = kept | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}

    def run(self, command: str, *, timeout: float = 900.0) -> subprocess.CompletedProcess[str]:
        """Type a command there."""
        return subprocess.run(
            ["bash", "-c", command],
            cwd=self.place,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )

    def close(self) -> None:
        shutil.rmtree(self.place, ignore_errors=True)
