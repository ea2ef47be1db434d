"""Whom recover.yml has to ask before it lets a cluster begin anew; without a box."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.harness.box_ansible import ansible

#: Nobody answers there (RFC 5737), and nobody is asked.
MEMBERS = {
    name: {"ansible_host": f"192.0.2.{place}"} for place, name in enumerate(("pbx1", "pbx2", "pbx3"), 1)
}


HOSTS = {"db1": {"ansible_host": "192.0.2.4"}, "db2": {"ansible_host": "192.0.2.5"}}


def test_hosts_of_the_database_are_asked_and_boxes_without_rows_are_not(tmp_path: Path) -> None:
    group = {"hosts": MEMBERS, "vars": {"sipbox_cluster": True}}
    children = {"sipbox": group, "database": {"hosts": HOSTS}}
    (tmp_path / "inventory.json").write_text(
        json.dumps({"all": {"children": children, "vars": {"ansible_ssh_timeout": 1}}})
    )
    run = ansible([], "playbooks/recover.yml", "--limit", "db1,pbx1", inventory=tmp_path / "inventory.json")
    assert "db1: db2 would not be asked" in " ".join(run.output.split())
    assert "pbx1" not in run.recap


@pytest.mark.parametrize(
    ("words", "unasked"),
    [
        (["--limit", "pbx1"], "pbx2, pbx3"),
        (["--limit", "pbx1,pbx2"], "pbx3"),
        (["--limit", "pbx1", "-e", "sipbox_without=pbx3"], "pbx2"),
    ],
)
def test_no_member_is_left_out_by_a_limit(tmp_path: Path, words: list[str], unasked: str) -> None:
    group = {"hosts": MEMBERS, "vars": {"sipbox_cluster": True, "ansible_ssh_timeout": 1}}
    (tmp_path / "inventory.json").write_text(json.dumps({"all": {"children": {"sipbox": group}}}))
    run = ansible([], "playbooks/recover.yml", *words, inventory=tmp_path / "inventory.json")
    assert f"pbx1: {unasked} would not be asked" in " ".join(run.output.split())
    assert "Reach the box" not in run.output
