"""What an inventory says of a cluster becomes settings that the program takes; without a box."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from appliance.config import load
from tests.deploy.test_gateway_settings import written
from tests.harness.box_ansible import ansible
from tests.harness.debian_box import REPOSITORY

KEY = "0123456789abcdef" * 4
#: By which a member of the database is known.
TLS = "?ssl_ca=/etc/sipbox/members.pem&ssl_check_hostname=false"
HOSTS = {"pbx1": "192.0.2.10", "pbx2": "192.0.2.11"}


def refused(directory: Path, **changes: Any) -> str:
    """What the role database says of an inventory before it has reached anybody."""
    said = {"sipbox_cluster": True, "sipbox_cluster_key": KEY} | changes.pop("vars", {})
    hosts = {name: {"ansible_host": address} for name, address in changes.pop("hosts", HOSTS).items()}
    local = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
    facts = {"all_ipv4_addresses": ["192.0.2.10", "192.0.2.11", "192.0.2.12"], "all_ipv6_addresses": []}
    children = {"sipbox": {"hosts": hosts, "vars": said | local | {"facts": facts}}}
    for group, names in changes.items():
        children[group] = {
            "hosts": {
                name: {} if name in hosts else {"ansible_host": f"192.0.2.{20 * len(children) + place}"}
                for place, name in enumerate(names)
            }
        }
    inventory = directory / "inventory.json"
    inventory.write_text(json.dumps({"all": {"children": children}}))
    tasks: list[dict[str, Any]] = [
        {"name": "Pretend", "ansible.builtin.set_fact": {"ansible_facts": "{{ facts }}"}},
        {
            "name": "Refuse",
            "ansible.builtin.include_role": {"name": "database", "tasks_from": "cluster_preflight"},
        },
    ]
    play = {"hosts": "pbx1", "gather_facts": False, "tasks": tasks}
    (directory / "play.yml").write_text(json.dumps([play]))
    run = ansible(
        [],
        str(directory / "play.yml"),
        inventory=inventory,
        environment={"ANSIBLE_ROLES_PATH": str(REPOSITORY / "roles")},
    )
    return " ".join(run.output.split())


@pytest.mark.parametrize(("encrypted", "query"), [(True, TLS), (False, "")])
def test_other_boxes_databases_are_asked_with_a_password_of_the_clusters_key(
    tmp_path: Path, encrypted: bool, query: str
) -> None:
    both = {
        "sipbox_cluster": True,
        "sipbox_cluster_key": KEY,
        **({} if encrypted else {"sipbox_cluster_encrypted": False}),
    }
    others = {
        "pbx": {},
        "pbx2": {"sipbox_address": "192.0.2.11"},
        "pbx3": {"sipbox_member_address": "192.0.2.12"},
    }
    written(tmp_path, both, others).check()
    wanted = load(str(tmp_path / "sipbox.toml")).database
    password = hashlib.sha256(f"{KEY}:database:sipbox".encode()).hexdigest()
    assert "unix_socket" in wanted.url
    assert wanted.others == (
        f"mysql+pymysql://sipbox:{password}@192.0.2.11/openser{query}",
        f"mysql+pymysql://sipbox:{password}@192.0.2.12/openser{query}",
    )
    assert KEY not in (tmp_path / "sipbox.toml").read_text()


@pytest.mark.parametrize("own", [False, True])
def test_hosts_of_the_database_are_asked_the_first_one_first(tmp_path: Path, own: bool) -> None:
    both = {"sipbox_cluster": True, "sipbox_cluster_key": KEY}
    database = {"db1": {"ansible_host": "192.0.2.21"}, "db2": {"sipbox_member_address": "2001:db8::22"}}
    written(
        tmp_path,
        both,
        {"pbx": {}, "pbx2": {"sipbox_address": "192.0.2.11"}},
        {"database": ({"pbx": {}} if own else {}) | database},
    ).check()
    wanted = load(str(tmp_path / "sipbox.toml"))
    password = hashlib.sha256(f"{KEY}:database:sipbox".encode()).hexdigest()
    first, second = (
        f"mysql+pymysql://sipbox:{password}@{host}/openser{TLS}" for host in ("192.0.2.21", "[2001:db8::22]")
    )
    if own:
        assert "unix_socket" in wanted.database.url
        assert wanted.database.others == (first, second)
    else:
        assert (wanted.database.url, wanted.database.others) == (first, (second,))
    # Only boxes hold an address and tell one another of registrations.
    assert wanted.cluster.members == ("pbx=192.0.2.10", "pbx2=192.0.2.11")
    assert wanted.replication.peers == ("192.0.2.11:5065",)


WITHOUT = {"sipbox": ["pbx1", "pbx2"], "database": ["db1", "db2"], "arbitrator": ["witness"]}
ADDRESSES = {"pbx1": "1", "pbx2": "2", "db1": "3", "db2": "4", "witness": "5"}


@pytest.mark.parametrize(
    ("groups", "members", "boxes"),
    [
        (WITHOUT, {"db1": "45", "db2": "35", "witness": "34"}, {"db1": "12", "db2": "12"}),
        (
            WITHOUT | {"database": ["pbx1", "db1", "db2"], "arbitrator": []},
            {"pbx1": "34", "db1": "14", "db2": "13"},
            {"pbx1": "2", "db1": "2", "db2": "2"},
        ),
        (
            {"sipbox": ["pbx1", "pbx2"], "arbitrator": ["witness"]},
            {"pbx1": "25", "pbx2": "15", "witness": "12"},
            {},
        ),
    ],
)
def test_who_is_let_in_to_the_database(
    tmp_path: Path, groups: dict[str, list[str]], members: dict[str, str], boxes: dict[str, str]
) -> None:
    """The firewall of each host: other members on all ports, boxes without rows on one, nobody else."""
    children = {
        group: {"hosts": {name: {"ansible_host": f"192.0.2.{ADDRESSES[name]}"} for name in names}}
        for group, names in groups.items()
    }
    said = {
        "sipbox_cluster": True,
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
    }
    (tmp_path / "inventory.json").write_text(json.dumps({"all": {"children": children, "vars": said}}))
    tell = "SAYS {{ inventory_hostname }} {{ firewall_members_from }} {{ firewall_database_from }} END"
    play = {
        "hosts": "all",
        "gather_facts": False,
        "roles": [{"role": "firewall", "when": False}],
        "post_tasks": [{"ansible.builtin.debug": {"msg": tell}}],
    }
    (tmp_path / "play.yml").write_text(json.dumps([play]))
    run = ansible(
        [],
        str(tmp_path / "play.yml"),
        inventory=tmp_path / "inventory.json",
        environment={"ANSIBLE_ROLES_PATH": str(REPOSITORY / "roles")},
    ).check()
    told = {
        host: [set(re.findall(r"192\.0\.2\.(\d)", part)) for part in (first, second)]
        for host, first, second in re.findall(r"SAYS (\S+) (\[.*?\]) (\[.*?\]) END", run.output)
    }
    names = {name for group in groups.values() for name in group}
    assert told == {name: [set(members.get(name, "")), set(boxes.get(name, ""))] for name in names}


def test_without_a_cluster_hosts_do_not_know_of_one_another(tmp_path: Path) -> None:
    written(tmp_path, {}, {"pbx": {}, "pbx2": {"sipbox_address": "192.0.2.11"}}).check()
    assert load(str(tmp_path / "sipbox.toml")).database.others == ()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"vars": {"sipbox_cluster_key": ""}}, "sipbox_cluster needs sipbox_cluster_key"),
        ({"hosts": {"pbx1": "pbx1.example", "pbx2": "192.0.2.11"}}, "pbx1 has the address 'pbx1.example'"),
        ({"hosts": {"pbx1": "192.0.2.10", "pbx2": "192.0.2.10"}}, "two hosts of the cluster have the same"),
        ({}, "of two members neither has a majority"),
        ({"arbitrator": ["pbx2"]}, "the group arbitrator is to have one host"),
        ({"hosts": {"pbx1": "192.0.2.10"}, "arbitrator": ["a"]}, "it has none when that is away"),
        ({"arbitrator": ["a"], "database": ["pbx1"]}, "it has none when that is away"),
        ({"database": ["db1", "db2"]}, "of two members neither has a majority"),
        ({"database": ["db1"], "arbitrator": ["pbx1"]}, "which is none of the others (db1, pbx1, pbx2)"),
        (
            {"database": ["db1"], "hosts": {"pbx1": "192.0.2.10", "pbx2": "pbx2.example"}},
            "pbx2 has the address 'pbx2.example'",
        ),
    ],
)
def test_clusters_that_cannot_be(tmp_path: Path, changes: dict[str, Any], says: str) -> None:
    assert says in refused(tmp_path, **changes)


def test_clusters_that_can(tmp_path: Path) -> None:
    can: list[dict[str, Any]] = [
        {"arbitrator": ["a"]},
        {"vars": {"sipbox_cluster_without_arbitrator": True}},
        {"hosts": {**HOSTS, "pbx3": "192.0.2.12"}},
        {"hosts": {"pbx1": "192.0.2.10"}},
        {"database": ["db1"]},
        {"database": ["db1", "db2"], "arbitrator": ["a"]} | {"hosts": {"pbx1": "192.0.2.10"}},
        {"database": ["pbx1", "db1", "db2"]},
    ]
    for changes in can:
        assert "failed=0" in refused(tmp_path, **changes)


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({"sipbox_cluster_key": KEY}, "failed=0"),
        ({"sipbox_cluster_encrypted": False}, "failed=0"),
        ({}, "witness needs sipbox_cluster_key, 64 hexadecimal digits"),
    ],
)
def test_arbitrator_has_the_key_of_the_members(tmp_path: Path, members: dict[str, Any], says: str) -> None:
    address = "192.0.2.12"
    facts = {
        "distribution": "Debian",
        "distribution_major_version": "12",
        "distribution_version": "12.1",
        "all_ipv4_addresses": [address],
        "all_ipv6_addresses": [],
    }
    witness = {"ansible_connection": "local", "ansible_host": address, "facts": facts}
    groups = {
        "sipbox": {"hosts": {"pbx1": {"ansible_host": "192.0.2.10"}}, "vars": members},
        "arbitrator": {"hosts": {"witness": witness}},
    }
    tasks = [
        {"ansible.builtin.set_fact": {"ansible_facts": "{{ facts }}"}},
        {"ansible.builtin.include_role": {"name": "arbitrator", "tasks_from": "preflight"}},
    ]
    (tmp_path / "inventory.json").write_text(json.dumps({"all": {"children": groups}}))
    (tmp_path / "play.yml").write_text(
        json.dumps([{"hosts": "arbitrator", "gather_facts": False, "tasks": tasks}])
    )
    run = ansible(
        [],
        str(tmp_path / "play.yml"),
        inventory=tmp_path / "inventory.json",
        environment={"ANSIBLE_ROLES_PATH": str(REPOSITORY / "roles")},
    )
    assert says in " ".join(run.output.split())
