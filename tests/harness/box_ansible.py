"""ansible-playbook against booted boxes, as an administrator runs it from another machine.

Nothing of this user's Ansible, SSH or home takes part. What Ansible keeps between runs (wheels) is kept under
``.cache``.

Most of what Ansible costs is a new Python for each module. Mitogen keeps one running, which takes half the
time; runs that show what a user's own Ansible does are ``plain``.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.harness.booted_box import BootedBox
from tests.harness.debian_box import CACHE, REPOSITORY

#: What the tests deploy unless they say something else; the passwords are the tests' own.
INVENTORY: Mapping[str, Any] = {
    "sipbox_domain": "example.org",
    "subscribers": [
        {"user": user, "password": f"secret-{user}", "first_name": name, "last_name": "Tester"}
        for user, name in (("10", "Ada"), ("11", "Ben"), ("12", "Cleo"))
    ],
    "phones": [
        {"mac": "00:0b:82:12:34:56", "model": "budgetone-100", "user": "10", "display_name": "Ada"},
        {"mac": "00:15:65:12:34:57", "model": "yealink-t46s", "user": "11", "display_name": "Ben"},
    ],
}


@dataclass(frozen=True)
class AnsibleRun:
    """How a playbook ended: ``recap`` has ok, changed, failed, unreachable … of each host."""

    returncode: int
    output: str
    recap: Mapping[str, Mapping[str, int]]
    seconds: float = 0.0

    @property
    def changed(self) -> int:
        """The changes on all hosts together."""
        return sum(counts["changed"] for counts in self.recap.values())

    def check(self) -> AnsibleRun:
        """Itself; AssertionError with the end of the output when the playbook failed."""
        assert self.returncode == 0, f"ansible-playbook: exit {self.returncode}\n{self.output[-12000:]}"
        return self

    def changes(self) -> list[str]:
        """The tasks that changed something, for the message of a test that wants none."""
        found, task = [], ""
        for line in self.output.splitlines():
            if header := re.match(r"(?:TASK|RUNNING HANDLER) \[(.*)\]", line):
                task = header[1]
            elif line.startswith("changed: "):
                found.append(task)
        return found


def ansible(
    boxes: BootedBox | Sequence[BootedBox],
    playbook: str,
    *extra: str,
    inventory: Mapping[str, Any] | Path = INVENTORY,
    python: str | Path = sys.executable,
    environment: Mapping[str, str] | None = None,
    plain: bool = False,
    timeout: float = 1500.0,
) -> AnsibleRun:
    """Run ``playbook`` (relative to the repository) on ``boxes``, which are the hosts of the group sipbox.

    ``inventory`` holds the variables of that group, or is a whole inventory's path. ``python`` is the control
    machine's, with Ansible beside it. ``extra`` goes to ansible-playbook. ``plain``: without Mitogen.
    """
    if isinstance(boxes, BootedBox):
        boxes = [boxes]
    began = time.monotonic()
    place = Path(tempfile.mkdtemp(prefix="sbx-", dir="/tmp"))  # short, for SSH's control sockets
    try:
        if isinstance(inventory, Path):
            path = inventory
        else:
            path = place / "inventory.yml"
            path.write_text(json.dumps(inventory_of(boxes, inventory)))
            path.chmod(0o600)
        done = subprocess.run(
            [Path(python).parent / "ansible-playbook", "--inventory", path, *extra, playbook],
            cwd=REPOSITORY,
            env=control_environment(place) | ({} if plain else mitogen()) | dict(environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
    finally:
        shutil.rmtree(place, ignore_errors=True)
    return AnsibleRun(done.returncode, done.stdout, _recap(done.stdout), time.monotonic() - began)


def inventory_of(boxes: Sequence[BootedBox], variables: Mapping[str, Any]) -> dict[str, Any]:
    """An inventory with ``boxes`` in the group sipbox, and its variables."""
    hosts = {
        box.hostname: {
            "ansible_host": box.address,
            "ansible_user": "root",
            "ansible_ssh_common_args": f"-F {box.network.ssh_config}",
        }
        for box in boxes
    }
    return {"all": {"children": {"sipbox": {"hosts": hosts, "vars": dict(variables)}}}}


def control_environment(place: Path) -> dict[str, str]:
    """The environment of Ansible on the control machine; ``place`` is for what one run leaves."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ANSIBLE_", "SIPBOX_", "LC_"))
    }
    home = CACHE.parent / "control"
    home.mkdir(parents=True, exist_ok=True)
    return kept | {
        "HOME": str(home),
        "XDG_CACHE_HOME": str(home / ".cache"),
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_HOME": str(place),
        "ANSIBLE_LOCAL_TEMP": str(place / "tmp"),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_HOST_KEY_CHECKING": "1",
        "ANSIBLE_TIMEOUT": "30",
    }


def mitogen() -> dict[str, str]:
    """What makes an ansible-playbook of this Python use Mitogen."""
    found = importlib.util.find_spec("ansible_mitogen")
    assert found is not None
    assert found.origin is not None
    plugins = Path(found.origin).parent / "plugins/strategy"
    return {"ANSIBLE_STRATEGY": "mitogen_linear", "ANSIBLE_STRATEGY_PLUGINS": str(plugins)}


def _recap(output: str) -> dict[str, dict[str, int]]:
    recap = {}
    for line in output.partition("\nPLAY RECAP ")[2].splitlines():
        if found := re.match(r"(\S+)\s+:\s+(ok=.*)", line):
            recap[found[1]] = {name: int(count) for name, count in re.findall(r"(\w+)=(\d+)", found[2])}
    return recap
