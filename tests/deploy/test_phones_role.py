"""The role phones against a program on this machine, with a database of its own: no box is needed for it."""

from __future__ import annotations

import json
import re
import secrets
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.harness.box_ansible import AnsibleRun, ansible
from tests.harness.sipbox import REPOSITORY, Sipbox

pytestmark = pytest.mark.timeout(600)

SUBSCRIBERS = [
    {"user": "10", "password": "pw-of-ten", "first_name": "Ada", "aliases": ["door"], "permissions": ["ld"]},
    {"user": 11, "first_name": "Ben"},
]
PHONES = [
    {"mac": "00:0b:82:12:34:56", "model": "budgetone-100", "user": "10", "display_name": "Ada"},
    {"mac": "00:15:65:12:34:57", "model": "t46s", "accounts": [{"user": "11"}, {"user": "12"}]},
]
SECRETS = ("pw-of-ten", "pw-of-twenty", "another-pw")


def told(run: AnsibleRun) -> str:
    """What it printed, without the line breaks and quotes of YAML."""
    return re.sub(r"\s+", " ", run.output.replace("''", "'"))


class Site:
    """An inventory whose box is this machine, and a server whose command the role finds there."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        key = directory / "phones.key"
        key.write_text(f"{secrets.token_hex(32)}\n")
        key.chmod(0o600)
        settings = {"sip": {"domains": ["example.org"]}, "phones": {"key_file": str(key)}}
        self.box = Sipbox(settings=settings)
        self.box.create_database()
        self.command = directory / "sipbox"
        self.command.write_text(
            f"#!/bin/sh\ncd {REPOSITORY}\n"
            f'exec {sys.executable} -m appliance --config {self.box.config} "$@"\n'
        )
        self.command.chmod(0o755)
        self.key = key
        self.playbook = directory / "play.yml"
        role: dict[str, Any] = {"hosts": "sipbox", "gather_facts": False, "roles": ["phones"]}
        self.playbook.write_text(json.dumps([role]))

    def play(self, variables: Mapping[str, Any], *options: str) -> AnsibleRun:
        """The role with this inventory. No secret is told, however much is."""
        everything = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "sipbox_domain": "example.org",
            "phones_command": str(self.command),
            "phones_key_file": str(self.key),
        }
        inventory = self.directory / "inventory.json"
        hosts = {"hosts": {"pbx.example.org": {}}, "vars": {**everything, **variables}}
        inventory.write_text(json.dumps({"all": {"children": {"sipbox": hosts}}}))
        run = ansible([], str(self.playbook), *options, inventory=inventory)
        assert not [secret for secret in SECRETS if secret in run.output]
        return run

    def names(self) -> list[str]:
        told = json.loads(self.box.cli("subscriber", "list", "--json").stdout)
        return [row["username"] for row in told]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    site.box.close()


def test_rows_come_change_and_go(site: Site) -> None:
    inventory = {"subscribers": SUBSCRIBERS, "phones": PHONES}
    would = site.play(inventory, "--check", "--diff", "-vvv").check()
    assert would.changed == 2
    assert "+ 10@example.org: first name: 'Ada'; password: given; alias door@example.org" in told(would)
    assert "+ 000b82123456 budgetone-100: line 1: 10@example.org" in told(would)
    assert site.names() == []

    assert site.play(inventory, "-vvv").check().changed == 2
    assert site.names() == ["10", "11", "12"]
    again = site.play(inventory, "--diff").check()
    assert again.changed == 0, again.changes()
    after = site.play(inventory, "--check", "--diff").check()
    assert after.changed == 0
    assert "@example.org" not in after.output

    # A new password reaches subscriber and phone; who stands nowhere any more goes only when asked for.
    ten = {**SUBSCRIBERS[0], "password": "another-pw"}
    changed = site.play({"subscribers": [ten], "phones": PHONES[:1]}, "--diff", "-v").check()
    assert "~ 10@example.org: password: changed" in told(changed)
    assert site.names() == ["10", "11", "12"]
    less = {"subscribers": [ten], "phones": PHONES[:1], "phones_remove": True}
    assert site.play(less).check().changed == 2
    assert site.names() == ["10", "12"]  # 12 has never stood among the subscribers
    assert site.play(less).check().changed == 0
    phones = json.loads(site.box.cli("phone", "list", "--json").stdout)["phones"]
    assert [each["mac"] for each in phones] == ["000b82123456"]


def test_gateways_come_change_and_go(site: Site) -> None:
    gateways = [{"name": "carrier", "address": "198.51.100.9", "port": 5070, "prefix": "+49"}]
    inventory = {
        "sipbox_gateways": gateways,
        "sipbox_lcr": [{"prefix": "any", "group": "carrier", "priority": 5}],
        "sipbox_trusted": [{"address": "192.0.2.20", "tag": "local,ld"}, {"address": "192.0.2.64/26"}],
    }
    would = site.play(inventory, "--check").check()
    assert would.changed == 1
    assert "+ gateway carrier at 198.51.100.9" in told(would)
    assert site.box.sql("select count(*) from gw") == [(0,)]
    assert site.play(inventory).check().changed == 1
    assert site.box.sql("select gw_name, ip_addr, port, prefix from gw") == [
        ("carrier", "198.51.100.9", 5070, "+49")
    ]
    assert site.play(inventory).check().changed == 0
    site.box.cli("gateway", "add", "by-hand", "198.51.100.10")
    less = {"sipbox_gateways": [], "sipbox_lcr": [], "sipbox_trusted": []}
    assert site.play(less).check().changed == 0
    assert site.box.sql("select count(*) from gw") == [(2,)]
    assert site.play({**less, "phones_gateways_remove": True}).check().changed == 1
    assert site.box.sql("select count(*) from gw") == [(0,)]


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        (
            {"sipbox_gateways": [{"name": "a", "address": "gw.example"}]},
            "sipbox_gateways, entry 1: ADDRESS: 'gw.example' is no IP address; the name goes to --hostname",
        ),
        ({"sipbox_gateways": [{"name": "a"}]}, "sipbox_gateways, entry 1: has no address"),
        (
            {"sipbox_lcr": [{"prefix": "any", "group": "a"}]},
            "sipbox_lcr, entry 1: no gateway of sipbox_gateways is in the group 'a'",
        ),
        (
            {"sipbox_trusted": [{"address": "192.0.2.1", "colour": "red"}]},
            "sipbox_trusted, entry 1: there is no 'colour'",
        ),
        ({"sipbox_trusted": "192.0.2.1"}, "sipbox_trusted has to be a list"),
    ],
)
def test_gateways_that_cannot_be(site: Site, variables: dict[str, Any], said: str) -> None:
    refused = site.play(variables)
    assert refused.returncode != 0
    assert f"pbx.example.org: {said}" in told(refused)
    assert site.box.sql("select count(*) from gw") == [(0,)]


def test_before_the_program_is_there(site: Site) -> None:
    missing = {"subscribers": SUBSCRIBERS, "phones": PHONES, "phones_command": "/nonexistent/sipbox"}
    assert site.play(missing, "--check").check().changed == 0
    refused = site.play(missing)
    assert refused.returncode != 0
    assert "pbx.example.org has no /nonexistent/sipbox (phones_command): run site.yml first" in told(refused)


def test_what_only_the_program_sees_is_one_sentence_too(site: Site) -> None:
    refused = site.play({"subscribers": [{"user": "10", "email": "nonsense"}]})
    assert refused.returncode != 0
    said = "pbx.example.org: subscribers: standard input: entry 1: 'nonsense' is no E-Mail address"
    assert said in told(refused)
    assert site.names() == []


def test_ten_thousand_in_a_file(site: Site) -> None:
    rows = [f"{n},pw-of-twenty,First,Last,u{n}@example.org,desk{n},local ld" for n in range(10_000, 20_000)]
    file = site.directory / "many.csv"
    file.write_text("user,password,first_name,last_name,email,aliases,permissions\n" + "\n".join(rows) + "\n")
    inventory = {"subscribers_file": str(file), "subscribers": SUBSCRIBERS}
    began = time.monotonic()
    assert site.play(inventory).check().changed == 1
    first = time.monotonic() - began
    began = time.monotonic()
    assert site.play(inventory).check().changed == 0
    second = time.monotonic() - began
    print(f"ten thousand by the role: {first:.1f} s, and again: {second:.1f} s")
    assert first < 120
    assert second < 60
    assert len(site.names()) == 10_002
