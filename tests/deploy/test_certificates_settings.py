"""What an inventory says of TLS and WebSocket: addresses, settings, ports and names; without a box.

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
TELLS = (
    "TOLD {{ [sip_listen, sip_toml.tls | default({}), sip_toml.websocket | default({}),"
    " firewall_sip_tcp_ports + firewall_acme_ports, certificates_names] | to_json }}"
)
#: By host: what its inventory says.
TOLD: Mapping[str, Mapping[str, Any]] = {
    "silent": {},
    "everything": {
        "sipbox_tls": "acme",
        "sipbox_websocket": True,
        "sipbox_websocket_origins": ["https://phone.example.org"],
        "sipbox_domains": ["example.org", {"name": "example.net"}],
    },
    "internal": {"sipbox_tls": "internal", "sipbox_address": "2001:db8::10"},
}
REFUSED: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "kind": ({"sipbox_tls": "yes"}, "sipbox_tls is 'yes', and has to be none, files, internal or acme"),
    "file": (
        {"sipbox_tls": "files", "sipbox_certificate": "pbx.pem", "sipbox_certificate_key": "k.pem"},
        "pbx.pem' on the control machine; name one beside the inventory",
    ),
    "email": ({"sipbox_tls": "acme"}, "so sipbox_acme_email has to be an address"),
    "name": (
        {"sipbox_tls": "internal", "sipbox_certificate_names": ["a b"]},
        "'a b': a certificate needs names",
    ),
}


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What follows from each inventory of TOLD, and how the preflight refuses those of REFUSED."""
    directory = tmp_path_factory.mktemp("play")
    play = {
        "hosts": "sipbox",
        "gather_facts": False,
        "roles": [{"role": role, "when": False} for role in ("firewall", "certificates", "sip")],
        "post_tasks": [
            {
                "name": "Refuse",
                "ansible.builtin.include_role": {"name": "certificates", "tasks_from": "preflight"},
                "when": "wrong",
            },
            {"name": "Tell", "ansible.builtin.debug": {"msg": TELLS}},
        ],
    }
    (directory / "play.yml").write_text(json.dumps([play]))
    said = {"sipbox_domain": "example.org", "sipbox_address": ADDRESS, "ansible_connection": "local"}
    hosts = {host: {**variables, "wrong": False} for host, variables in TOLD.items()}
    hosts |= {host: {**variables, "wrong": True} for host, (variables, _) in REFUSED.items()}
    (directory / "inventory.json").write_text(
        json.dumps({"all": {"children": {"sipbox": {"hosts": hosts, "vars": said}}}})
    )
    run = ansible(
        [],
        str(directory / "play.yml"),
        inventory=directory / "inventory.json",
        environment={
            "ANSIBLE_ROLES_PATH": str(REPOSITORY / "roles"),
            "ANSIBLE_CALLBACK_RESULT_FORMAT": "json",
        },
    )
    failed = {host for host, counts in run.recap.items() if counts["failed"]}
    assert failed == REFUSED.keys(), run.output[-4000:]
    return run.output


def told(output: str, host: str) -> Any:
    (found,) = re.findall(rf'ok: \[{host}\] => {{\s*"msg": "TOLD (.*)"', output)
    return json.loads(json.loads(f'"{found}"'))


def test_without_a_word_there_is_no_tls(output: str) -> None:
    listen, tls, websocket, ports, _ = told(output, "silent")
    assert listen == [f"udp:{ADDRESS}:5060", f"tcp:{ADDRESS}:5060"]
    assert (tls, websocket, ports) == ({}, {}, ["5060"])


def test_all_of_it(output: str) -> None:
    listen, tls, websocket, ports, names = told(output, "everything")
    assert listen[2:] == [f"tls:{ADDRESS}:5061", f"wss:{ADDRESS}:8443"]
    assert tls == {
        "certificate": "/etc/sipbox/tls/certificate.pem",
        "certificate_key": "/etc/sipbox/tls/key.pem",
    }
    assert websocket == {"origins": ["https://phone.example.org"]}
    assert ports == ["5060", "5061", "8443", "80"]
    assert names == ["example.org", "example.net"], "no address, and no name without a dot"


def test_an_authority_of_its_own_signs_addresses_too(output: str) -> None:
    listen, _, _, ports, names = told(output, "internal")
    assert listen[2:] == ["tls:[2001:db8::10]:5061"]
    assert (ports, names) == (["5060", "5061"], ["example.org", "internal", "2001:db8::10"])


@pytest.mark.parametrize("host", REFUSED)
def test_what_cannot_be_is_refused_in_a_sentence(output: str, host: str) -> None:
    about = [part for part in re.split(r"(?m)^(?=\S+: \[)", output) if f": [{host}]" in part]
    assert REFUSED[host][1] in " ".join("".join(about).split())
