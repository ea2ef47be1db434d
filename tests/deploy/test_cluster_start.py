"""What decides at the start of a member whether it begins the cluster or joins it; without a box."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

from tests.harness.debian_box import REPOSITORY
from tests.harness.ports import LOOPBACK, free_port

SCRIPT = REPOSITORY / "roles/database/files/sipbox-galera-start"


def starts(place: Path, *, last: bool, port: int, told: bool = False, known: bool = True) -> bool:
    """Whether it begins: ``last`` ended last and in good order, ``told`` by the deployment to begin, and the
    members are ``known``."""
    (place / "run").mkdir(exist_ok=True)
    if told:
        (place / "run/begin").touch()
    (place / "grastate.dat").write_text(f"uuid: 5a2e\nsafe_to_bootstrap: {int(last)}\n")
    members = place / "91-sipbox-members.cnf"
    if known:
        members.write_text(f"[mariadbd]\nwsrep_cluster_address = gcomm://[::1],{LOOPBACK}\n")
    text = SCRIPT.read_text()
    for path, ours in (
        ("/run/sipbox-galera", f"{place}/run"),
        ("/var/lib/mysql/", f"{place}/"),
        ("/3306", f"/{port}"),
    ):
        assert path in text
        text = text.replace(path, ours)
    subprocess.run(["sh", "-c", text, "sipbox-galera-start", str(members)], check=True, capture_output=True)
    assert not (place / "run/begin").exists(), "it is said once"
    environment = place / "run/environment"
    return environment.exists() and environment.read_text() == "_WSREP_NEW_CLUSTER=--wsrep-new-cluster\n"


def test_it_joins_unless_it_was_the_last_one(tmp_path: Path) -> None:
    port = free_port()
    assert not starts(tmp_path, last=False, port=port)
    assert starts(tmp_path, last=True, port=port)
    assert not starts(tmp_path, last=False, port=port), "what was said for the last start is forgotten"


def test_it_joins_whoever_is_there(tmp_path: Path) -> None:
    with socket.create_server((LOOPBACK, 0)) as other:
        assert not starts(tmp_path, last=True, port=other.getsockname()[1])


def test_it_begins_when_the_deployment_says_so(tmp_path: Path) -> None:
    with socket.create_server((LOOPBACK, 0)) as other:
        assert starts(tmp_path, last=False, port=other.getsockname()[1], told=True)


def test_it_does_not_begin_when_it_cannot_ask_anybody(tmp_path: Path) -> None:
    assert not starts(tmp_path, last=True, port=free_port(), known=False)
