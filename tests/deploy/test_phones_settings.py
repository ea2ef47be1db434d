"""What an inventory says of desk phones: settings of the agent, and ports of the firewall; without a box."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.harness.box_ansible import ansible
from tests.harness.debian_box import REPOSITORY

ADDRESS = "192.0.2.10"
PHONES = [{"mac": "00:0b:82:12:34:56", "model": "budgetone-100", "user": "10"}]
CERTIFICATE = {
    "certificate": "/etc/sipbox/phones-certificate.pem",
    "certificate_key": "/etc/sipbox/phones-certificate-key.pem",
}


def settings(directory: Path, inventory: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The section ``[phones]``, and the ports of phone provisioning."""
    play = {
        "hosts": "sipbox",
        "gather_facts": False,
        "roles": [{"role": role, "when": False} for role in ("firewall", "sip")],
        "post_tasks": [
            {
                "name": "Tell",
                "ansible.builtin.debug": {
                    "msg": "TOLD {{ [sip_toml.phones, firewall_phones_ports] | to_json }}"
                },
            }
        ],
    }
    (directory / "play.yml").write_text(json.dumps([play]))
    said = {"sipbox_domain": "example.org", "sipbox_address": ADDRESS, "ansible_connection": "local"}
    hosts = {"hosts": {"pbx": {}}, "vars": said | inventory}
    (directory / "inventory.json").write_text(json.dumps({"all": {"children": {"sipbox": hosts}}}))
    run = ansible(
        [],
        str(directory / "play.yml"),
        inventory=directory / "inventory.json",
        environment={
            "ANSIBLE_ROLES_PATH": str(REPOSITORY / "roles"),
            "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
        },
    ).check()
    (told,) = re.findall(r'"msg": "TOLD (.*)"', run.output)
    section, ports = json.loads(json.loads(f'"{told}"'))
    return section, ports


@pytest.mark.parametrize(
    ("inventory", "section", "ports"),
    [
        pytest.param({}, {"http": ""}, [], id="nobody"),
        pytest.param({"phones": []}, {"http": ""}, [], id="none"),
        pytest.param({"phones": PHONES}, {"http": f"{ADDRESS}:8088"}, ["8088"], id="phones"),
        pytest.param(
            {"sipbox_phones": {"language": "de"}, "sipbox_phones_port": 80},
            {"http": f"{ADDRESS}:80", "language": "de"},
            ["80"],
            id="phones by hand",
        ),
        pytest.param(
            {"phones": PHONES, "sipbox_phones_certificate": "pbx.pem", "sip_phones_http": "[::]:443"},
            {"http": "[::]:443", **CERTIFICATE},
            ["443"],
            id="https",
        ),
    ],
)
def test_where_phones_are_served_and_let_in(
    tmp_path: Path, inventory: dict[str, Any], section: dict[str, Any], ports: list[str]
) -> None:
    assert settings(tmp_path, inventory) == (section, ports)
