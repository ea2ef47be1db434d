"""Wrong input ends with one sentence that names the host, the variable and the remedy, and changes nothing.

What is wrong in the inventory alone is told by the control machine; a bare box stands by to show that nothing
has happened to it.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.harness.booted_box import BootedBox
from tests.harness.box_ansible import INVENTORY, AnsibleRun, ansible, inventory_of
from tests.harness.box_network import BoxNetwork

pytestmark = pytest.mark.timeout(600)

PHONE: Mapping[str, Any] = {"mac": "00:0b:82:12:34:56", "model": "budgetone-100", "user": "10"}


@pytest.fixture(scope="module")
def bare_box(box_network: BoxNetwork) -> Iterator[BootedBox]:
    """A box with the Python that Ansible needs, and nothing of ours."""
    with BootedBox("bookworm", box_network) as box:
        box.install("python3", "python3-apt")
        yield box


def refused(box: BootedBox, *options: str, **variables: Any) -> str:
    """The sentence that site.yml ends with; the box is as it was."""
    before = fingerprint(box)
    run = ansible(box, "site.yml", *options, inventory={**INVENTORY, **variables})
    assert run.returncode != 0, run.output[-4000:]
    assert run.recap[box.hostname]["changed"] == 0, run.changes()
    assert fingerprint(box) == before
    return sentence(run, box)


def sentence(run: AnsibleRun, box: BootedBox) -> str:
    """The last message of a failed task, which begins with the host."""
    flat = re.sub(r"\s+", " ", run.output.replace("''", "'"))
    found = re.findall(rf"msg: ['\"]?({box.hostname}.*?)['\"]? PLAY RECAP", flat)
    assert found, run.output[-4000:]
    told = str(found[-1])
    return told.rpartition(" msg: ")[2].lstrip("'\"")


def fingerprint(box: BootedBox) -> str:
    """What would be different if a role had begun."""
    return box.ssh(
        "dpkg-query -W | sha256sum; getent passwd | sha256sum; find /etc /opt /usr/local /var/lib/dpkg"
        " -xdev -newer /var/lib/dpkg/status -type f ! -name '*.lock' ! -path '/var/lib/dpkg/lock*' | sort"
    ).stdout


UNDECRYPTABLE = (
    "is encrypted by Ansible Vault and cannot be decrypted; give the password with --ask-vault-pass or"
    " --vault-password-file"
)
# A host for each mistake, what its inventory says, and what the sentence has in it.
MISTAKES: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "no-mac.example.org": (
        {"phones": [{"model": "budgetone-100", "user": "10"}]},
        "phones: entry 1 (10): the phone has no mac; write the address on its label, mac: ",
    ),
    "same-mac.example.org": (
        {"phones": [PHONE, {**PHONE, "mac": "000B82-123456"}]},
        "phones: entry 2 (000B82-123456): the phone stands there twice (first in phones: entry 1); take one",
    ),
    "same-user.example.org": (
        {"subscribers": [{"user": "10"}, {"user": 10}]},
        "subscribers: entry 2: the user 10@example.org stands there twice (first in subscribers: entry 1);",
    ),
    "domain.example.org": (
        {"sipbox_domain": "no domain"},
        "sipbox_domain (or sipbox_domains): 'no domain' is no domain; write it like example.org",
    ),
    "other-domain.example.org": (
        {"phones": [{**PHONE, "user": "10@elsewhere.example"}]},
        "phones: entry 1 (00:0b:82:12:34:56): domain 'elsewhere.example' of user '10' is not served; write",
    ),
    "model.example.org": (
        {"phones": [{**PHONE, "model": "toaster-9"}]},
        "phones: entry 1 (00:0b:82:12:34:56): model: 'toaster-9' is unknown; known are budgetone-100,",
    ),
    "nothing.example.org": (
        {"subscribers": [{}]},
        "subscribers: entry 1: says nothing of subscribers; write",
    ),
    "column.example.org": (
        {"subscribers": [{"user": "10", "passwort": "x"}]},
        "subscribers: entry 1: a subscriber has no 'passwort'; write one of user, domain, password",
    ),
    "no-file.example.org": (
        {"subscribers_file": "nowhere.csv"},
        "subscribers_file: there is no file 'nowhere.csv' on the control machine; name one beside",
    ),
    "vault-file.example.org": (
        {"subscribers_file": "{{ inventory_dir }}/encrypted.csv"},
        f"encrypted.csv' {UNDECRYPTABLE}",
    ),
    "vault-value.example.org": (
        {"subscribers": [{"user": "10", "password": {"__ansible_vault": "ENCRYPTED"}}]},
        f"subscribers or phones: a value {UNDECRYPTABLE}",
    ),
    "no-ssh.example.org": (
        {"sipbox_ssh_from": []},
        "sipbox_ssh_from is empty, and Ansible itself comes by SSH",
    ),
    "sip-from.example.org": (
        {"sipbox_sip_from": ["10.0.0.0/33"], "sipbox_phones_from": [], "firewall_rtp_from": []},
        "'10.0.0.0/33' in sipbox_sip_from is no network; write it like 192.0.2.0/24",
    ),
    "metrics-from.example.org": (
        {"sipbox_metrics_from": ["office"]},
        "'office' in sipbox_metrics_from is no network; write it like 192.0.2.0/24",
    ),
    "all-is-well.example.org": ({}, ""),
}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """What the control machine says to each mistake, in one run; no box is reached for that."""
    place = tmp_path_factory.mktemp("mistakes")
    password, encrypted = place / "password", place / "encrypted.csv"
    password.write_text("of the vault\n")
    encrypted.write_text("user,password\n10,hidden\n")
    vault = [Path(sys.executable).parent / "ansible-vault", "encrypt", "--vault-password-file", password]
    subprocess.run([*vault, encrypted], check=True, capture_output=True)
    inventory = json.dumps(
        {
            "all": {
                "vars": {"ansible_connection": "local", **INVENTORY},
                "children": {
                    "sipbox": {"hosts": {host: variables for host, (variables, _) in MISTAKES.items()}}
                },
            }
        }
    )
    path, playbook = place / "inventory.yml", place / "playbook.yml"
    path.write_text(inventory.replace("ENCRYPTED", encrypted.read_text().replace("\n", "\\n")))
    facts = {"distribution": "Debian", "distribution_major_version": "12", "distribution_version": "12.1"}
    tasks: list[dict[str, Any]] = [
        {"ansible.builtin.set_fact": {"ansible_facts": facts}},
        *(
            {"ansible.builtin.include_role": {"name": role, "tasks_from": "preflight"}}
            for role in ("phones", "firewall")
        ),
    ]
    playbook.write_text(json.dumps([{"hosts": "sipbox", "gather_facts": False, "tasks": tasks}]))
    run = ansible([], str(playbook), inventory=path)
    assert "hidden" not in run.output
    flat = re.sub(r"\s+", " ", run.output.replace("''", "'"))
    # Of a loop "failed" is told of the item alone.
    last = {
        host: re.split(rf"(?:fatal|failed): \[{re.escape(host)}\]", flat)[-1].partition(" msg: ")[2]
        for host in MISTAKES
    }
    failed = {host for host, counts in run.recap.items() if counts["failed"]}
    assert failed == MISTAKES.keys() - {"all-is-well.example.org"}, run.output[-4000:]
    return last


@pytest.mark.parametrize("host", [host for host, (_, said) in MISTAKES.items() if said])
def test_what_the_inventory_says_wrong(told: Mapping[str, str], host: str) -> None:
    assert told[host].lstrip("'\"").startswith(f"{host}: ")
    assert MISTAKES[host][1] in told[host]


def test_nothing_has_begun_when_the_inventory_is_wrong(bare_box: BootedBox) -> None:
    told = refused(bare_box, phones=[{"model": "budgetone-100", "user": "10"}])
    assert "phones: entry 1 (10): the phone has no mac" in told


def test_a_box_that_is_not_debian(bare_box: BootedBox) -> None:
    bare_box.ssh("cp /usr/lib/os-release /root/os-release; sed -i 's/^ID=.*/ID=plan9/' /usr/lib/os-release")
    try:
        told = refused(bare_box)
    finally:
        bare_box.ssh("cp /root/os-release /usr/lib/os-release; rm /root/os-release")
    assert "runs plan9 12: install Debian 12 or 13 on it, or correct ansible_host" in told


def test_no_route_to_the_box(bare_box: BootedBox, tmp_path: Path) -> None:
    """An address of the boxes' own net that nobody has."""
    inventory = inventory_of([bare_box], INVENTORY)
    nobody = bare_box.address.rpartition(".")[0] + ".254"
    inventory["all"]["children"]["sipbox"]["hosts"][bare_box.hostname]["ansible_host"] = nobody
    path = tmp_path / "inventory.yml"
    path.write_text(json.dumps(inventory))
    run = ansible(bare_box, "site.yml", inventory=path, environment={"ANSIBLE_TIMEOUT": "5"})
    assert run.returncode != 0
    told = sentence(run, bare_box)
    assert f"cannot be reached at {nobody} (" in told
    assert "check ansible_host, ansible_user and the SSH key in the inventory" in told


def test_an_advertised_address_that_is_none(bare_box: BootedBox) -> None:
    told = refused(bare_box, sipbox_advertise=["203.0.113.7", "http://pbx"])
    assert "'http://pbx' in sipbox_advertise is neither HOST nor HOST:PORT, as in 203.0.113.7" in told


def test_a_full_disk(bare_box: BootedBox) -> None:
    bare_box.ssh("mount -t tmpfs -o size=20m tmpfs /opt")
    try:
        told = refused(bare_box)
    finally:
        bare_box.ssh("umount /opt")
    assert re.search(r"has \d+ MB free in /opt, and a release needs \d+ \(sip_disk_mb\): make room", told)
