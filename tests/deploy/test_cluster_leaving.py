"""Who may leave a cluster for good, and who may come into it; without a box.

Each case is a host of one inventory, and all are asked by one run of Ansible.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.harness.box_ansible import ansible
from tests.harness.debian_box import REPOSITORY
from tests.harness.member_certificate import member_certificate

KEY = "0123456789abcdef" * 4
THREE = ("pbx1", "pbx2", "pbx3")
FOUR = (*THREE, "pbx4")


def told(place: Path, hosts: Mapping[str, Mapping[str, Any]], tasks: list[dict[str, Any]]) -> dict[str, str]:
    """What these tasks end with on each of the hosts; "" where nothing is refused."""
    local = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "sipbox_cluster_key": KEY,
    }
    group = {"hosts": dict(hosts), "vars": local}
    (place / "inventory.json").write_text(json.dumps({"all": {"children": {"sipbox": group}}}))
    (place / "play.yml").write_text(json.dumps([{"hosts": "sipbox", "gather_facts": False, "tasks": tasks}]))
    run = ansible(
        [],
        str(place / "play.yml"),
        inventory=place / "inventory.json",
        environment={"ANSIBLE_ROLES_PATH": str(REPOSITORY / "roles")},
    )
    flat = re.sub(r"\s+", " ", run.output.partition("\nPLAY RECAP ")[0])
    assert run.recap.keys() == hosts.keys(), run.output[-4000:]
    refused = {host for host, counts in run.recap.items() if counts["failed"]}
    return {
        host: flat.rpartition(f"fatal: [{host}]")[2].partition(" msg: ")[2].partition(" TASK [")[0]
        if host in refused
        else ""
        for host in hosts
    }


def leaves(
    who: str,
    boxes: tuple[str, ...] = THREE,
    arbitrator: bool = True,
    status: str = "Primary",
    votes: int = 0,
    rows: int = 0,
    guests: tuple[str, ...] = (),
    **more: object,
) -> dict[str, Any]:
    """What is known of a host when ``who`` are to leave a cluster of ``boxes``: 'pbx2', or 'pbx2,witness'."""
    going = who.split(",")
    return {
        "leave_cluster": True,
        "leave_unequal": False,
        "leave_members": list(boxes),
        "leave_guests": list(guests),
        "leave_hosts": going,
        "leave_going": len([name for name in going if name in boxes]),
        "leave_stay": [name for name in boxes if name not in going],
        "leave_arbitrators": ["witness"] if arbitrator and "witness" not in going else [],
        "leave_status": status,
        "leave_votes": votes,
        "leave_rows": rows,
        **more,
    }


#: By a name of the case: who leaves which cluster, and what is said.
LEAVING: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "one-of-two": (leaves("pbx2", THREE[:2], votes=3, rows=2), "let it go too, --limit pbx2,witness."),
    "one-of-three": (
        leaves("pbx3", THREE, False, votes=3, rows=3),
        "of pbx1 and pbx2 neither has a majority",
    ),
    "the-arbitrator-of-two": (
        leaves("witness", THREE[:2], status="Disconnected"),
        "of pbx1 and pbx2 neither has a majority",
    ),
    "who-is-cut-off": (leaves("pbx3", status="non-Primary", votes=1, rows=1), "is cut off from the majority"),
    "who-has-the-rows": (leaves("pbx3", votes=2, rows=1), "bring pbx1 or pbx2 up before"),
    "both-who-have-them": (leaves("pbx2,pbx3", FOUR, votes=3, rows=2), "bring pbx1 or pbx4 up before"),
    "one-too-many": (leaves("pbx3", FOUR, False, votes=2, rows=2), "of pbx1, pbx2, pbx4 only 1 would be at"),
    "all": (leaves("pbx1,pbx2,pbx3", votes=4, rows=3), "all members of the cluster would go"),
    "one-and-the-arbitrator": (leaves("pbx2,witness", THREE[:2], votes=3, rows=2), ""),
    "one-beside-an-arbitrator": (leaves("pbx3", votes=4, rows=3), ""),
    "one-who-may": (leaves("pbx3", THREE, False, votes=3, rows=3, leave_unequal=True), ""),
    "the-arbitrator-of-three": (leaves("witness", status="Disconnected"), ""),
    "one-that-has-left": (leaves("pbx3", status="Disconnected"), ""),
    "all-indeed": (leaves("pbx1,pbx2,pbx3", votes=4, rows=3, sipbox_whole_cluster=True), ""),
    "a-box-without-rows": (
        leaves("pbx4", ("db1", "db2"), status="Disconnected", guests=("pbx3", "pbx4")),
        "",
    ),
    "a-member-and-a-box-without-rows": (
        leaves("db3,pbx4", ("db1", "db2", "db3"), votes=4, rows=3, guests=("pbx3", "pbx4")),
        "",
    ),
    "all-who-have-the-rows": (
        leaves("db1,db2", ("db1", "db2"), votes=3, rows=2, guests=("pbx3",)),
        "all members of the cluster would go: name those that leave, as in --limit db2,",
    ),
    "no-cluster": (leaves("pbx2", THREE[:2], False, "Disconnected", leave_cluster=False), ""),
}


@pytest.fixture(scope="module")
def leaving(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    refuse = {"ansible.builtin.include_tasks": str(REPOSITORY / "playbooks/tasks/may_leave_refuse.yml")}
    hosts = {name: facts for name, (facts, _) in LEAVING.items()}
    return told(tmp_path_factory.mktemp("leaving"), hosts, [refuse])


@pytest.mark.parametrize("case", LEAVING)
def test_who_may_leave(leaving: dict[str, str], case: str) -> None:
    says = LEAVING[case][1]
    if says:
        assert says in leaving[case]
    else:
        assert leaving[case] == ""


def test_nobody_goes_when_one_may_not(tmp_path: Path) -> None:
    """The arbitrator, which is asked nothing, stays with a box that is cut off."""
    asked = tmp_path / "mariadb"
    asked.write_text("#!/bin/sh\nprintf 'wsrep_cluster_status\\tnon-Primary\\n'\n")
    asked.chmod(0o755)
    local = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "sipbox_cluster": True,
    }
    groups = {
        "sipbox": {"hosts": {"pbx1": {}, "pbx2": {"path": f"{tmp_path}:/usr/bin:/bin"}}},
        "arbitrator": {"hosts": {"witness": {"path": "/nowhere"}}},
    }
    inventory, play = tmp_path / "inventory.json", tmp_path / "play.yml"
    inventory.write_text(json.dumps({"all": {"children": groups, "vars": local}}))
    tasks = [
        {"ansible.builtin.import_tasks": str(REPOSITORY / "playbooks/tasks/may_leave.yml")},
        {"ansible.builtin.debug": {"msg": "{{ inventory_hostname }} goes"}},
    ]
    hosts = {"hosts": "all", "gather_facts": False, "environment": {"PATH": "{{ path }}"}, "tasks": tasks}
    play.write_text(json.dumps([hosts]))
    run = ansible([], str(play), "--limit", "pbx2,witness", inventory=inventory)
    assert "pbx2 is cut off from the majority" in " ".join(run.output.split())
    assert "witness goes" not in run.output


def key_line(key: str) -> str:
    """What a host says of the secret that it shares with others."""
    return f" key={hashlib.sha256(f'{key}{chr(10)}'.encode()).hexdigest()[:16]}"


def certificate_line(key: str) -> str:
    """What a host says that shows a certificate, and has no telephone."""
    text = member_certificate(key)["certificate"]
    return f" encrypts=yes shows={hashlib.sha256(text.encode()).hexdigest()[:16]}"


def comes(
    knows: str,
    *,
    encrypts: bool = True,
    boxes: str = "tls",
    key: str = KEY,
    said: Mapping[str, str] = {},
    **more: object,
) -> dict[str, Any]:
    """What is known of a host at 192.0.2.3 when member1 is at work, whose settings name ``knows``."""
    works = f"state=works cluster=5a2e0e6c-0000-4000-8000-000000000000 knows={knows} rows=yes"
    return {
        "sipbox_cluster": True,
        "database_certificate": {"stdout": json.dumps(member_certificate(KEY))},
        "database_hosts": ["{{ inventory_hostname }}"],
        "sipbox_member_address": "192.0.2.3",
        "database_said": {
            "member1": works + " encrypts=yes" * encrypts + f" boxes={boxes}" + key_line(key),
            **said,
        },
        "database_at_work": ["member1"],
        "database_unheard": [],
        "database_waiting": [],
        "database_with_rows": ["member1"],
        "database_beginner": "",
        **more,
    }


COMING: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "unknown": (comes("192.0.2.1,192.0.2.30,192.0.2.2"), "unknown is not known to member1 yet, and would"),
    "known": (comes("192.0.2.1,192.0.2.3"), ""),
    "plain": (
        comes("192.0.2.3", sipbox_cluster_encrypted=False),
        "all have to do the same: say sipbox_cluster_encrypted: true",
    ),
    "tls": (
        comes("192.0.2.3", encrypts=False),
        "all have to do the same: say sipbox_cluster_encrypted: false",
    ),
    "other-key": (comes("192.0.2.3", key=KEY[::-1]), "is not the key that member1 has, and boxes with diff"),
    "own-old-key": (comes("192.0.2.3", said={"own-old-key": f"state=none {key_line(KEY[::-1])}"}), ""),
    "by-certificate": (comes("192.0.2.3", said={"member2": certificate_line(KEY)}), ""),
    "other-certificate": (
        comes("192.0.2.3", said={"member2": certificate_line(KEY[::-1])}),
        "is not the key that member2 has, and boxes with diff",
    ),
    "both-plain": (comes("192.0.2.3", encrypts=False, sipbox_cluster_encrypted=False), ""),
}


def asks(own: str, doors: int = 0, *, boxes: str = "tls", **more: object) -> dict[str, Any]:
    """What is known of a box without rows: what its own MariaDB says, and whether the members' doors open."""
    return {
        **comes("192.0.2.3", boxes=boxes),
        "database_hosts": ["member1"],
        "database_encrypted": True,
        "own": own,
        "doors": doors,
        **more,
    }


WORKS = "5a2e0e6c-0000-4000-8000-000000000000"
ASKING: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "bare": (asks(""), ""),
    "was-a-member": (asks(f"rows=yes\ncluster={WORKS}"), ""),
    "was-alone": (asks("rows=yes"), "was-alone has rows in a MariaDB of its own, which member1 have not"),
    "was-elsewhere": (asks(f"rows=yes\ncluster={WORKS[::-1]}"), "has rows in a MariaDB of its own"),
    "alone-now": (asks("", database_at_work=[]), "none of member1 is at work: deploy them before"),
    "before-plain": (asks("", boxes=""), "and member1 does not speak it with boxes: run site.yml without"),
    "plain-itself": (asks("", database_encrypted=False), "without TLS, and member1 speaks it with"),
    "both-plain-now": (asks("", boxes="", database_encrypted=False), ""),
    "before-doors": (asks("", 124), "does not reach MariaDB (TCP port 3306) at member1"),
}


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The refusals alone; what they go by is given."""
    place = tmp_path_factory.mktemp("asking")
    tasks = yaml.safe_load((REPOSITORY / "roles/database/tasks/guest_refuse.yml").read_text())
    given = {
        "database_own": {"stdout": "{{ own }}"},
        "database_doors": {"results": [{"rc": "{{ doors | int }}"}]},
    }
    pretend = {"ansible.builtin.set_fact": given}
    refusals = [task for task in tasks if "ansible.builtin.assert" in task]
    assert len(refusals) == 4
    return told(place, {name: facts for name, (facts, _) in ASKING.items()}, [pretend, *refusals])


@pytest.mark.parametrize("case", ASKING)
def test_which_box_may_be_without_rows(asking: dict[str, str], case: str) -> None:
    says = ASKING[case][1]
    if says:
        assert says in asking[case]
    else:
        assert asking[case] == ""


@pytest.fixture(scope="module")
def coming(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    refuse = {"ansible.builtin.include_role": {"name": "database", "tasks_from": "look_refuse"}}
    hosts = {name: facts for name, (facts, _) in COMING.items()}
    return told(tmp_path_factory.mktemp("coming"), hosts, [refuse])


@pytest.mark.parametrize("case", COMING)
def test_who_may_come(coming: dict[str, str], case: str) -> None:
    says = COMING[case][1]
    if says:
        assert says in coming[case]
    else:
        assert coming[case] == ""
