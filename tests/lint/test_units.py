"""The unit files: systemd takes them without a word, and the sandboxes are as tight as promised."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
UNITS = REPOSITORY / "systemd"

#: What ``systemd-analyze security`` may say at most.
EXPOSURE = {"sipbox@.service": 1.3, "sipbox-agent.service": 1.8}
OTHERS = 2.0


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The units as they lie on a box, with a program that is there, and an address for the sockets."""
    for unit in UNITS.glob("sipbox*"):
        text = unit.read_text()
        text = re.sub(r"(?m)^(Exec\w+=)/(?:usr/local|opt)\S+", r"\1/bin/true", text)
        for name in (unit.name, unit.name.replace("@.", "@1.")):
            (tmp_path / name).write_text(text)
    drop_in = tmp_path / "sipbox@.socket.d"
    drop_in.mkdir()
    (drop_in / "listen.conf").write_text((UNITS / "listen.conf.example").read_text())
    return tmp_path


def test_systemd_has_nothing_to_say(installed: Path) -> None:
    units = sorted(path for path in installed.iterdir() if path.is_file() and "@." not in path.name)
    assert units
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True, check=False
    )
    ours = [line for line in done.stderr.splitlines() if "sipbox" in line]
    assert (done.returncode, ours) == (0, [])


@pytest.mark.parametrize("service", sorted(path.name for path in UNITS.glob("*.service")))
def test_the_sandbox_is_as_tight_as_promised(service: str) -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--no-pager", UNITS / service],
        capture_output=True,
        text=True,
        check=False,
    )
    told = re.search(r"exposure level for \S+: ([\d.]+)", done.stdout)
    assert told, done.stdout + done.stderr
    assert float(told[1]) <= EXPOSURE.get(service, OTHERS), done.stdout


def test_the_database_is_wanted_and_never_required() -> None:
    for unit in UNITS.glob("sipbox*"):
        required = re.findall(r"(?m)^(?:Requires|BindsTo|Requisite)=(.*)$", unit.read_text())
        assert not [names for names in required if "mariadb" in names], unit.name


def test_nothing_gives_up_after_some_failures() -> None:
    """A start limit would close the sockets of a worker, and nobody would open them again."""
    for name in ("sipbox@.service", "sipbox@.socket", "sipbox-agent.service"):
        assert "StartLimitIntervalSec=0" in (UNITS / name).read_text()
    assert "TriggerLimitIntervalSec=0" in (UNITS / "sipbox@.socket").read_text()


def test_what_faces_the_network_has_no_capability_that_it_does_not_need() -> None:
    may = {"sipbox@.service": "", "sipbox-agent.service": "CAP_NET_ADMIN"}  # the firewall's sets, and no more
    for name, capability in may.items():
        text = (UNITS / name).read_text()
        found = re.findall(r"(?m)^(?:CapabilityBoundingSet|AmbientCapabilities)=(.*)$", text)
        assert found == [capability, capability], name
