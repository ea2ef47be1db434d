"""What the tools say about the playbooks, the roles and the firewall's ruleset."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
FIREWALL = REPOSITORY / "roles" / "firewall"

RULESETS: dict[str, dict[str, Any]] = {
    "defaults": {},
    "narrow": {
        "sipbox_ssh_from": ["192.0.2.0/24", "192.0.2.7", "2001:db8::1"],
        "sipbox_sip_from": ["2001:db8::/32"],
        "sipbox_metrics_from": ["192.0.2.50"],
    },
    "everything": {
        "sipbox_rtp_ports": ["16384-32767"],
        "sip_listen": [
            "udp:192.0.2.1:5060",
            "udp:[2001:db8::1]:5062",
            "tcp:192.0.2.1:5060",
            "tls:192.0.2.1:5061",
        ],
        "firewall_open": [
            {
                "name": "LDAP",
                "protocol": "tcp",
                "ports": ["389", "636"],
                "from": ["192.0.2.0/24", "2001:db8::/64"],
            }
        ],
    },
}


def run(command: list[str], home: Path) -> str:
    """What it printed; AssertionError with it when it has something to say."""
    environment = os.environ | {
        "ANSIBLE_HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "NO_COLOR": "1",
        "PATH": f"{BIN}:{os.environ['PATH']}",
    }
    done = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{' '.join(command)}:\n{done.stdout[-8000:]}{done.stderr[-2000:]}"
    return done.stdout


@pytest.mark.timeout(600)
def test_ansible_lint_has_nothing_to_say(tmp_path: Path) -> None:
    run(["ansible-lint", "--profile", "production", "--nocolor", "-q"], tmp_path)


def test_yamllint_has_nothing_to_say(tmp_path: Path) -> None:
    run(["yamllint", "--strict", "."], tmp_path)


@pytest.mark.parametrize("variables", RULESETS.values(), ids=RULESETS.keys())
def test_nft_takes_the_ruleset(tmp_path: Path, variables: dict[str, Any]) -> None:
    """Rendered as the role does it, and loaded twice into an empty network."""
    ruleset = tmp_path / "sipbox.nft"
    settings: dict[str, Any] = {}
    for file in ("defaults", "vars"):
        settings |= yaml.safe_load((FIREWALL / file / "main.yml").read_text())
    (tmp_path / "variables.json").write_text(
        json.dumps({"ansible_python_interpreter": sys.executable} | settings | variables)
    )
    template = REPOSITORY / "templates" / "firewall" / "sipbox.nft.j2"
    run(
        [
            *("ansible", "--inventory", "localhost,", "--connection", "local", "localhost"),
            *("--extra-vars", f"@{tmp_path}/variables.json", "--module-name", "ansible.builtin.template"),
            *("--args", f"src={template} dest={ruleset} mode=0600"),
        ],
        tmp_path,
    )
    own_network = ["unshare", "--net", *([] if os.geteuid() == 0 else ["--map-root-user"]), "sh", "-ec"]
    script = f"nft --check --file {ruleset}; nft --file {ruleset}; nft --file {ruleset}; nft list ruleset"
    listed = run([*own_network, script], tmp_path)
    assert listed.count("table ") == 1
    assert "flush ruleset" not in ruleset.read_text()
