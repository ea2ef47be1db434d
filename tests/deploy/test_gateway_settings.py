"""The passwords at gateways that an inventory names become a file that the program takes; without a box."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from appliance.config import load
from appliance.config.gateway_logins import GatewayLogin, read_gateway_logins
from tests.harness.box_ansible import AnsibleRun, ansible
from tests.harness.debian_box import REPOSITORY

LOGINS = {
    "sip.carrier.example": {"username": "us", "password": 'a"b\\c {{ ö }} 4711'},
    "The 'Realm'": {"username": "4930", "password": "x"},
}


def written(
    directory: Path,
    inventory: dict[str, Any],
    hosts: dict[str, dict[str, Any]] | None = None,
    groups: dict[str, dict[str, dict[str, Any]]] | None = None,
) -> AnsibleRun:
    """Both files that the role sip would write on the host pbx; ``hosts`` are all of the group sipbox, and
    ``groups`` are further ones."""
    tasks = [
        {
            "name": f"Write {name}",
            "ansible.builtin.template": {
                "src": str(REPOSITORY / "templates" / f"{name}.j2"),
                "dest": str(directory / name),
                "mode": "0600",
            },
        }
        for name in ("sipbox.toml", "gateways.toml")
    ]
    play = {
        "hosts": "pbx",
        "gather_facts": False,
        "roles": [{"role": "sip", "when": False}],
        "post_tasks": tasks,
    }
    (directory / "play.yml").write_text(json.dumps([play]))
    said = {
        "sipbox_address": "192.0.2.10",
        "sipbox_domain": "example.org",
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
    }
    group = {"hosts": hosts or {"pbx": {}}, "vars": said | inventory}
    children = {"sipbox": group, **{name: {"hosts": of} for name, of in (groups or {}).items()}}
    (directory / "inventory.json").write_text(json.dumps({"all": {"children": children}}))
    return ansible(
        [],
        str(directory / "play.yml"),
        inventory=directory / "inventory.json",
        environment={"ANSIBLE_ROLES_PATH": str(REPOSITORY / "roles")},
    )


def test_the_logins_of_an_inventory(tmp_path: Path) -> None:
    raw = {
        realm: {"username": login["username"], "password": {"__ansible_unsafe": login["password"]}}
        for realm, login in LOGINS.items()
    }
    written(tmp_path, {"sipbox_gateway_logins": raw}).check()
    assert read_gateway_logins(str(tmp_path / "gateways.toml")) == {
        realm: GatewayLogin(**login) for realm, login in LOGINS.items()
    }
    assert load(str(tmp_path / "sipbox.toml")).gateway.credentials_file == "/etc/sipbox/gateways.toml"


def test_without_any_the_settings_name_no_file(tmp_path: Path) -> None:
    written(tmp_path, {}).check()
    assert load(str(tmp_path / "sipbox.toml")).gateway.credentials_file == ""
    assert read_gateway_logins(str(tmp_path / "gateways.toml")) == {}
