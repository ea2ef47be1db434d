"""A backup of a running server, restored onto another one that is empty: phones call each other at once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.message import Message
from tests.harness.phone import Phone
from tests.harness.sipbox import Sipbox

USERS = [f"u{number}" for number in range(200)]


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "backups"


@pytest.fixture
def other(box: Sipbox) -> Iterator[Sipbox]:
    """An empty box in SQLite, whatever the first one has: a backup goes from one database to the other."""
    empty = Sipbox(settings={"sip": {"listen": box.settings["sip"]["listen"]}})
    empty.port = box.port
    try:
        empty.create_database()
        yield empty
    finally:
        empty.close()


def create(box: Sipbox, directory: Path) -> str:
    return box.cli("backup", "create", "--directory", str(directory)).stdout.strip()


def called(caller: Phone, callee: Phone) -> Message:
    """What the callee gets when the caller, challenged, calls."""
    caller.invite(callee.user)
    return callee.expect("INVITE")


def test_the_phones_of_a_lost_box_call_each_other_on_another(
    box: Sipbox, other: Sipbox, directory: Path
) -> None:
    with box.phone("10", "secret-10") as ten, box.phone("11", "secret-11") as eleven:
        for phone in (ten, eleven):
            assert phone.register().status == 200
        file = create(box, directory)
        secret = (Path(box.settings["sip"]["state_dir"]) / "secret").read_bytes()
        box.kill9()

        other.cli("backup", "restore", file)
        assert (Path(other.settings["sip"]["state_dir"]) / "secret").read_bytes() == secret
        other.start()
        assert called(ten, eleven).uri == eleven.contact  # nobody has registered again


def test_it_is_made_while_phones_register(box: Sipbox, directory: Path) -> None:
    """All rows are of one moment, and nobody waits for it: every registration is answered meanwhile."""
    box.add_subscribers(dict.fromkeys(USERS, "secret"))
    with box.phone("10", "secret-10") as ten:
        for _ in range(3):
            file = create(box, directory)
            assert ten.register().status == 200
    box.cli("backup", "verify", file)


def test_a_running_server_is_not_written_over(box: Sipbox, directory: Path) -> None:
    file = create(box, directory)
    refused = box.cli("backup", "restore", "--replace", "--yes", file, check=False)
    assert refused.returncode == 1
    assert "stop it before" in refused.stderr
    box.stop()
    box.cli("backup", "restore", "--replace", "--yes", file)
    box.start()
    with box.phone("10", "secret-10") as ten:
        assert ten.register().status == 200


def test_a_full_disk_leaves_the_older_backups(box: Sipbox, directory: Path) -> None:
    file = Path(create(box, directory))
    before = file.read_bytes()
    command = f"{sys.executable} -m appliance --config {box.config} backup create --directory {directory}"
    failed = subprocess.run(
        ["bash", "-c", f"ulimit -f 4; exec {command} --keep-daily 1"],
        env=box.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert failed.returncode == 1
    assert "cannot be written" in failed.stderr
    assert len(failed.stderr.splitlines()) == 1
    assert file.read_bytes() == before
    assert list(directory.iterdir()) == [file]
