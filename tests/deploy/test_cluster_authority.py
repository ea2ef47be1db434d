"""One authority for all boxes of a cluster; who is asked before one is recovered or restored; without a box.

Each box is a directory of this machine: its Python begins there, and finds its own programs first.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.harness.box_ansible import AnsibleRun, ansible
from tests.harness.debian_box import REPOSITORY

PEM = "-----BEGIN {0}-----\n{1}\n-----END {0}-----\n"
BOXES = ("pbx1", "pbx2", "pbx3")


class Boxes:
    """Directories ``pbx1`` … beside one another; each has ``tls`` and its own ``bin``."""

    def __init__(self, place: Path) -> None:
        self.place = place
        for name in BOXES:
            (place / name / "tls").mkdir(parents=True)
            (place / name / "bin").mkdir()
            path = f"{place / name / 'bin'}:{os.environ['PATH']}"
            self._program(name, "python", f'cd {place / name}\nPATH={path} exec {sys.executable} "$@"')

    def _program(self, box: str, name: str, text: str) -> None:
        file = self.place / box / "bin" / name
        file.write_text(f"#!/bin/sh\n{text}\n")
        file.chmod(0o755)

    def has_authority(self, box: str, mark: str) -> None:
        (self.place / box / "tls/authority-key.pem").write_text(PEM.format("PRIVATE KEY", f"key{mark}"))
        (self.place / box / "tls/authority.pem").write_text(PEM.format("CERTIFICATE", f"cert{mark}"))

    def authority(self, box: str) -> tuple[str, str]:
        files = ("tls/authority-key.pem", "tls/authority.pem")
        key, certificate = ((self.place / box / file) for file in files)
        assert key.stat().st_mode & 0o777 == 0o600
        return key.read_text().splitlines()[1], certificate.read_text().splitlines()[1]

    def database_says(self, box: str, status: str) -> None:
        self._program(box, "mariadb", f"printf 'wsrep_cluster_status\\t{status}\\n'")

    def play(
        self, tasks: list[dict[str, Any]], *options: str, hosts: str = "all", away: tuple[str, ...] = ()
    ) -> AnsibleRun:
        local: dict[str, dict[str, Any]] = {
            name: {
                "ansible_connection": "local",
                "ansible_python_interpreter": str(self.place / name / "bin/python"),
            }
            for name in BOXES
        }
        for name in away:
            local[name] = {"ansible_host": "127.0.0.1", "ansible_port": 1}
        said = {"sipbox_cluster": True}
        inventory, play = self.place / "inventory.json", self.place / "play.yml"
        inventory.write_text(json.dumps({"all": {"children": {"sipbox": {"hosts": local, "vars": said}}}}))
        named = {"hosts": hosts, "gather_facts": False, "serial": 1, "any_errors_fatal": True}
        play.write_text(json.dumps([{**named, "tasks": tasks}]))
        return ansible(
            [],
            str(play),
            *options,
            inventory=inventory,
            environment={"ANSIBLE_ROLES_PATH": str(REPOSITORY / "roles")},
            plain=True,  # hosts that are one machine, each with a Python of its own
        )


@pytest.fixture
def boxes(tmp_path: Path) -> Boxes:
    return Boxes(tmp_path)


def authority(*first: str) -> list[dict[str, Any]]:
    """The task that gives each box its authority; ``first`` is deployed before the others."""
    return [
        *({"ansible.builtin.add_host": {"name": name, "groups": "sipbox_first"}} for name in first),
        {
            "ansible.builtin.include_role": {"name": "certificates", "tasks_from": "authority"},
            "vars": {"certificates_place": "tls"},
        },
    ]


def test_all_boxes_have_the_authority_of_the_first(boxes: Boxes) -> None:
    boxes.has_authority("pbx1", "1")
    boxes.has_authority("pbx3", "3")
    run = boxes.play(authority())
    assert run.recap["pbx2"]["failed"] == 0, run.output
    assert {boxes.authority(name) for name in BOXES} == {("key1", "cert1")}
    assert "key1" not in run.output
    again = boxes.play(authority())
    assert sum(counts["changed"] for counts in again.recap.values()) == 0


def test_a_box_in_the_place_of_a_lost_one_gets_that_of_the_others(boxes: Boxes) -> None:
    boxes.has_authority("pbx1", "1")
    boxes.has_authority("pbx2", "2")
    boxes.play(authority("pbx2"), "--limit", "pbx1")
    assert boxes.authority("pbx1") == ("key2", "cert2")


def test_where_nobody_has_one_nothing_is_written(boxes: Boxes) -> None:
    run = boxes.play(authority(), hosts="pbx1", away=("pbx2",))
    assert run.recap["pbx1"]["failed"] == 0, run.output
    assert not list((boxes.place / "pbx1/tls").iterdir())


LEFT_OUT = [{"ansible.builtin.import_tasks": str(REPOSITORY / "playbooks/tasks/left_out.yml")}]


@pytest.mark.parametrize(("status", "refused"), [("Primary", True), ("non-Primary", False)])
def test_who_is_at_work_is_not_left_out(boxes: Boxes, status: str, refused: bool) -> None:
    boxes.database_says("pbx3", status)
    run = boxes.play(LEFT_OUT, "-e", "sipbox_without=pbx2,pbx3,witness", hosts="pbx1", away=("pbx2",))
    told = " ".join(run.output.split())
    assert ("pbx1: pbx3 is at work, with the majority of a cluster" in told) is refused
    assert run.recap["pbx1"]["failed"] == int(refused), run.output


def test_nobody_is_left_out(boxes: Boxes) -> None:
    run = boxes.play(LEFT_OUT, hosts="pbx1")
    assert run.recap["pbx1"]["failed"] == 0, run.output


@pytest.mark.parametrize(
    ("host", "away", "says"),
    [
        ("pbx1", (), ""),
        ("pbx1", ("pbx3",), "pbx1: pbx3 cannot be reached, and would go on with the rows"),
        ("pbx2", (), "pbx2: a cluster is restored at its first box"),
    ],
)
def test_when_a_cluster_is_restored(boxes: Boxes, host: str, away: tuple[str, ...], says: str) -> None:
    tasks = [{"ansible.builtin.import_tasks": str(REPOSITORY / "playbooks/tasks/whole_cluster.yml")}]
    run = boxes.play(tasks, hosts=host, away=away)
    assert run.recap[host]["failed"] == bool(says), run.output
    assert says in " ".join(run.output.split())
