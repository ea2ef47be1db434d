"""The program with its core compiled, as boxes have it: it passes the same tests, and carries a call."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.load import Bench, Server
from tests.harness.compiled import compiled_program
from tests.harness.sipbox import REPOSITORY, Sipbox

pytestmark = pytest.mark.timeout(1500)

#: Each is tried with memory that is checked, which finds more than many more without.
STARTS = 8

#: The tests of the rooms of which something is compiled.
ROOMS = ("sip", "auth", "registrar", "transaction", "proxy", "storage", "telemetry", "operations", "workers")
#: They put something of their own in the place of a function, or a value of a wrong type into a binding:
#: neither reaches machine code.
NOT_THESE = ("test_for_an_unknown_user_the_same_is_computed", "test_a_fault_of_ours_leaves_nobody_waiting")


@pytest.fixture(scope="module")
def program() -> Path:
    return compiled_program()


@pytest.fixture
def box(program: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sipbox]:
    monkeypatch.setattr(Sipbox, "program", program)
    with Sipbox() as started:
        yield started


def test_the_unit_tests_pass(program: Path, tmp_path: Path) -> None:
    for made in program.iterdir():
        (tmp_path / made.name).symlink_to(made)
    for name in ("tests", "benchmarks", "docs", "scripts", "pyproject.toml"):
        (tmp_path / name).symlink_to(REPOSITORY / name)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "--quiet", "-p", "no:cacheprovider"),
            *("-k", " and ".join(f"not {name}" for name in NOT_THESE)),
            *(f"tests/unit/{room}" for room in ROOMS),
        ],
        cwd=tmp_path,
        # With memory that is checked and overwritten as it is freed: who uses it afterwards ends by a signal.
        env=os.environ | {"PYTHONPATH": str(tmp_path), "PYTHONMALLOC": "debug"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


def test_it_ends_in_order_however_often(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Sipbox, "program", program)
    monkeypatch.setenv("PYTHONMALLOC", "debug")
    with Sipbox(agent=True) as box:
        box.add_subscribers({"10": "secret"})
        with box.phone("10", "secret") as phone:
            for _ in range(STARTS):
                assert phone.register().status == 200
                assert box.agent is not None
                assert box.agent.stop() == 0, box.agent.log[-6000:]
                box.restart()


def test_it_is_the_compiled_one(box: Sipbox) -> None:
    assert "sipbox__mypyc" in Path(f"/proc/{box.pid}/maps").read_text()
    assert "compiled" in box.cli("version").stdout


def test_a_call_goes_through_and_a_wrong_password_does_not(box: Sipbox, tmp_path: Path) -> None:
    for row in range(1000, 1002):
        box.sql(
            "insert into subscriber (username, domain, password, ha1, ha1b)"
            f" values ('{row}', '127.0.0.1', 'pw{row}', '', '')"
        )
    bench = Bench(2, 1, tmp_path)
    bench.check(Server("sipbox", box.port, lambda: (0.0, 0.0), lambda: None))
    assert "is not found" not in box.log
    assert "TypeError" not in box.log
