"""``./run`` on a Debian that has nothing but Debian on it, as a newcomer meets it.

``./test`` on one is in tests/endurance: whoever runs these tests has just seen it install what it needs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.harness.debian_box import NEWCOMER, DebianBox, press_ctrl_c
from tests.harness.phone import Phone
from tests.harness.ports import LOOPBACK, free_port
from tests.harness.process import Process
from tests.harness.waiting import wait_until

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture
def release() -> str:
    """Debian 12 is in tests/endurance."""
    return "trixie"


@pytest.fixture
def debian(release: str) -> Iterator[DebianBox]:
    with DebianBox(release) as box:
        yield box


@contextmanager
def running(debian: DebianBox, place: str, port: int, *, within: float) -> Iterator[Process]:
    """``./run`` until the end of the block, answering on ``port``; then Ctrl-C, and it ends in good order."""
    command = ["./run", "--listen", f"{LOOPBACK}:{port}", "--http", f"{LOOPBACK}:{free_port()}"]
    server = debian.start(command, user=NEWCOMER, directory=place)
    wait_until(f"./run says that it is ready\n{server.log}", lambda: answers(server, port), timeout=within)
    yield server
    press_ctrl_c(server)
    assert server.wait(10) == 0, server.log[-3000:]
    assert "Traceback" not in server.log


def answers(server: Process, port: int) -> bool:
    """Whether it answers OPTIONS; AssertionError with its output when it has ended."""
    assert server.running, server.log[-6000:]
    with Phone("probe", proxy=(LOOPBACK, port)) as probe:
        request = probe.request("OPTIONS", f"sip:{LOOPBACK}:{port}")
        try:
            probe.send(request)
            probe.final(request, 0.05)
        except (AssertionError, ConnectionRefusedError):
            return False
        return True


def passwords(server: Process) -> dict[str, str]:
    """What ./run prints for a person to type into the phones: a table with a column for each."""
    rows = {
        name: re.search(rf"(?m)^\s*{name}\s+(\S+)\s+(\S+)$", server.log) for name in ("User name", "Password")
    }
    assert all(rows.values()), server.log
    users, secrets = (row.groups() for row in rows.values() if row)
    return dict(zip(users, secrets, strict=True))


def test_newcomer_types_run_and_two_phones_call_each_other(debian: DebianBox) -> None:
    place = debian.clone_repository()

    # A user who may not install packages is told, in one line, what an administrator types.
    refused = debian.run(["./run"], user=NEWCOMER, directory=place, check=False)
    assert refused.returncode == 1
    [advice] = refused.stderr.splitlines()
    assert "python3-venv" in advice
    command = advice.partition("type: ")[2].split()
    assert command[:2] == ["apt-get", "install"]
    debian.run(["apt-get", "update"])
    debian.run([*command, "--yes", "--no-install-recommends"])

    port = free_port()
    with running(debian, place, port, within=300) as server:
        secrets = passwords(server)
        ten = Phone("10", secrets["10"], proxy=(LOOPBACK, port))
        assert ten.register().status == 200
    # It is Ctrl-C and start again; the phone does nothing, and is called.
    with running(debian, place, port, within=10) as server:
        assert passwords(server) == secrets
        with ten, Phone("11", secrets["11"], proxy=(LOOPBACK, port)) as eleven:
            eleven.invite("10")
            ten.expect("INVITE")
