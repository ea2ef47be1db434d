"""What an inventory says of domains becomes settings that the program takes; without a box."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import Any

import pytest

from appliance.config import load
from tests.harness.box_ansible import ansible
from tests.harness.debian_box import REPOSITORY

WHOLE = {
    "name": "example.org",
    "hosts": ["sip.example.org", "192.0.2.10"],
    "attributes": {"digest_realm": "The 'Realm' \\ of Ö"},
}


#: By host: what its inventory says, and the domains of the program.
NAMED: dict[str, tuple[dict[str, Any], list[Any]]] = {
    "one": ({"sipbox_domain": "example.org"}, [("example.org", (), {})]),
    "names": (
        {"sipbox_domains": ["example.org", "example.net"]},
        [("example.org", (), {}), ("example.net", (), {})],
    ),
    "mappings": (
        {"sipbox_domains": ["example.net", WHOLE, {"name": "example.com"}]},
        [
            ("example.net", (), {}),
            ("example.org", tuple(WHOLE["hosts"]), WHOLE["attributes"]),
            ("example.com", (), {}),
        ],
    ),
}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the files lie that the role sip would write, ``HOST.toml``: all of one run."""
    directory = tmp_path_factory.mktemp("written")
    play = {
        "hosts": "sipbox",
        "gather_facts": False,
        "roles": [{"role": "sip", "when": False}],
        "post_tasks": [
            {
                "name": "Write the settings",
                "ansible.builtin.template": {
                    "src": str(REPOSITORY / "templates" / "sipbox.toml.j2"),
                    "dest": f"{directory}/{{{{ inventory_hostname }}}}.toml",
                    "mode": "0600",
                },
            }
        ],
    }
    (directory / "play.yml").write_text(json.dumps([play]))
    said = {
        "sipbox_address": "192.0.2.10",
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
    }
    hosts = {"hosts": {host: variables for host, (variables, _) in NAMED.items()}, "vars": said}
    (directory / "inventory.json").write_text(json.dumps({"all": {"children": {"sipbox": hosts}}}))
    ansible(
        [],
        str(directory / "play.yml"),
        inventory=directory / "inventory.json",
        environment={"ANSIBLE_ROLES_PATH": str(REPOSITORY / "roles")},
    ).check()
    return directory


@pytest.mark.parametrize("host", NAMED)
def test_the_domains_of_an_inventory(written: Path, host: str) -> None:
    assert load(str(written / f"{host}.toml")).named_domains == NAMED[host][1]


def read(**inventory: Any) -> dict[str, str]:
    """What the role phones makes of an inventory."""
    path = REPOSITORY / "roles" / "phones" / "filter_plugins" / "sipbox_inventory.py"
    spec = importlib.util.spec_from_file_location("sipbox_inventory", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return dict(module.sipbox_inventory(**inventory))


def test_a_phone_may_name_its_domain_by_any_name() -> None:
    phone = {"mac": "00:0b:82:12:34:56", "model": "budgetone-100", "user": "10@SIP.example.org"}
    told = read(subscribers=[{"user": "10"}], phones=[phone], domains=[WHOLE])
    assert told["problem"] == ""
    assert json.loads(told["phones"])[0]["domain"] == "example.org"


@pytest.mark.parametrize(
    ("domains", "words"),
    [
        ([{"hosts": ["sip.example.org"]}], "'' is no domain"),
        (
            [{"name": "example.org", "hosts": ["no host"]}],
            "'no host' is no domain; write",
        ),
        ([{"name": "example.org", "hosts": "sip.example.org"}], "hosts of 'example.org' is no list"),
        (["example.org", {"name": "example.net"}], "user '10' has no domain, and 2 are served"),
        ([WHOLE | {"name": "example.net"}], "domain 'example.org' of user '11' is not served"),
    ],
)
def test_domains_that_cannot_be(domains: list[Any], words: str) -> None:
    told = read(subscribers=[{"user": "10"}, {"user": "11@example.org"}], domains=domains)
    assert words in told["problem"]
