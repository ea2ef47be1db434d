"""What an inventory says of desk phones: settings of the agent, and ports of the firewall; without a box.

All inventories are hosts of one run, since each run begins with seconds of Ansible's own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
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
#: By host: what its inventory says, the section [phones], and the ports of phone provisioning.
CASES: Mapping[str, tuple[dict[str, Any], dict[str, Any], list[str]]] = {
    "nobody": ({}, {"http": ""}, []),
    "none": ({"phones": []}, {"http": ""}, []),
    "phones": ({"phones": PHONES}, {"http": f"{ADDRESS}:8088"}, ["8088"]),
    "by-hand": (
        {"sipbox_phones": {"language": "de"}, "sipbox_phones_port": 80},
        {"http": f"{ADDRESS}:80", "language": "de"},
        ["80"],
    ),
    "https": (
        {"phones": PHONES, "sipbox_phones_certificate": "pbx.pem", "sip_phones_http": "[::]:443"},
        {"http": "[::]:443", **CERTIFICATE},
        ["443"],
    ),
    "own-authority": (
        {"phones": PHONES, "sipbox_tls": "internal", "sipbox_phones": {"transport": "tls"}},
        {"http": f"{ADDRESS}:8088", "authority": "/etc/sipbox/tls/authority.pem", "transport": "tls"},
        ["8088"],
    ),
    "authority-without-phones": ({"sipbox_tls": "internal"}, {"http": ""}, []),
}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """By host: the section and the ports that follow from its inventory."""
    directory = tmp_path_factory.mktemp("play")
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
    hosts = {"hosts": {host: variables for host, (variables, _, _) in CASES.items()}, "vars": said}
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
    found = re.findall(r'ok: \[(\S+)\] => {\s*"msg": "TOLD (.*)"', run.output)
    return {host: json.loads(json.loads(f'"{text}"')) for host, text in found}


@pytest.mark.parametrize("host", CASES)
def test_where_phones_are_served_and_let_in(told: Mapping[str, Any], host: str) -> None:
    _, section, ports = CASES[host]
    assert told[host] == [section, ports]
