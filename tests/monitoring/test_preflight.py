"""What the inventory says wrong of the monitoring is refused in one sentence, before anything has changed."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping
from typing import Any

import pytest

from tests.harness.box_ansible import ansible

#: A host for each mistake, what its inventory says, and what the sentence has in it.
MISTAKES: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "mail": (
        {"sipbox_alerts": [{"mail": "a@example.org", "password": "hidden"}]},
        "number 1 is neither",
    ),
    "webhook": (
        {"sipbox_alerts": [{"webhook": "https://example.org/"}, {"webhook": "chat", "token": "hidden"}]},
        "number 2 is neither",
    ),
    "open": ({"monitoring_listen": "192.0.2.7:9090"}, "monitoring_users is empty"),
    "plain": ({"monitoring_users": {"ada": "hidden"}}, "monitoring_users has to give bcrypt hashes"),
    "address": ({"monitoring_listen": "9090"}, "has to be ADDRESS:PORT"),
    "grafana": ({"monitoring_grafana": "package"}, "takes sipbox_grafana_password"),
    "api": ({"monitoring_grafana": "api", "sipbox_grafana_token": "hidden"}, "monitoring_grafana_url"),
    "well": (
        {
            "sipbox_alerts": [
                {"mail": "a@example.org", "from": "b@example.org", "smarthost": "c.example.org:25"}
            ],
            "monitoring_listen": "192.0.2.7:9090",
            "monitoring_users": {"ada": "$2y$05$" + "x" * 53},
        },
        "",
    ),
}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """The last message to each host, in one run on this machine, which is only asked for its facts."""
    place = tmp_path_factory.mktemp("mistakes")
    hosts = {host: {"sipbox_monitoring": True, **variables} for host, (variables, _) in MISTAKES.items()}
    here = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    inventory = {"all": {"vars": here, "hosts": hosts}}
    preflight = {"ansible.builtin.include_role": {"name": "monitoring", "tasks_from": "preflight"}}
    (place / "inventory.yml").write_text(json.dumps(inventory))
    (place / "playbook.yml").write_text(json.dumps([{"hosts": "all", "tasks": [preflight]}]))
    run = ansible([], str(place / "playbook.yml"), inventory=place / "inventory.yml")
    assert "hidden" not in run.output
    assert {host for host, counts in run.recap.items() if counts["failed"]} == MISTAKES.keys() - {"well"}
    flat = re.sub(r"\s+", " ", run.output.replace("''", "'"))
    failed = {host: re.split(rf"(?:fatal|failed): \[{host}\]", flat)[-1] for host in MISTAKES}
    return {host: text.partition(" msg: ")[2] for host, text in failed.items()}


@pytest.mark.parametrize("host", [host for host, (_, said) in MISTAKES.items() if said])
def test_it_is_refused_in_a_sentence(told: Mapping[str, str], host: str) -> None:
    assert told[host].lstrip("'\"").startswith(f"{host}: ")
    assert MISTAKES[host][1] in told[host]
