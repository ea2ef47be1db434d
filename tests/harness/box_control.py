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

from tests.harness.box_ansible import control_environment, mitogen
from tests.harness.debian_box import REPOSITORY, check


class Clone:
    """A clone at ``place`` with this ``inventory``; Ansible is on the path, with Mitogen."""

    def __init__(self, place: Path, inventory: Mapping[str, Any]) -> None:
        self.place = place
        check(["git", "clone", "--quiet", REPOSITORY, place])
        file = place / "inventory"
        file.write_text(json.dumps(inventory))
        file.chmod(0o600)
        (place / ".ansible").mkdir()
        kept = control_environment(place / ".ansible")
        self._environment = kept | mitogen() | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}

    def edit(self, file: str, old: str, new: str) -> None:
        """Change a file of it, once; AssertionError when ``old`` is not there any more."""
        text = (self.place / file).read_text()
        assert old in text, f"{file} has no {old!r} any more"
        (self.place / file).write_text(text.replace(old, new, 1))

    def call_itself(self, version: str) -> None:
        """Be a release of this version."""
        own = (self.place / "appliance/__init__.py").read_text().partition('__version__ = "')[2].split('"')[0]
        self.edit("appliance/__init__.py", f'"{own}"', f'"{version}"')

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
