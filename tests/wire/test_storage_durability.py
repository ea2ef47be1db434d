"""A 200 OK means durable: processes are killed with SIGKILL in the middle of commits, and nothing is lost.

Each phone registers again and again with a growing CSeq; of each phone, the database has to have the last
CSeq that was answered, or a later one: a commit whose answer was not sent any more.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from appliance.storage import schema
from appliance.storage.durability import assert_durable
from appliance.storage.engine import Database
from tests.harness.mariadb import MariaDB

WRITER = Path(__file__).with_name("storage_writer.py")
REPOSITORY = WRITER.parents[2]
PHONES = 40


class Writer:
    """The process, and what it said."""

    def __init__(self, said: Path, verb: str, url: str, spool: Path | None, *arguments: object) -> None:
        command = [sys.executable, str(WRITER), verb, url, str(spool or "-"), *map(str, arguments)]
        self._said = said
        with said.open("wb") as output:
            self.process = subprocess.Popen(
                command, stdout=output, cwd=REPOSITORY, env={"PYTHONPATH": str(REPOSITORY)}
            )

    @property
    def lines(self) -> list[str]:
        """What it has said; a line that was cut by the kill was not said."""
        said = self._said.read_text()
        return said[: said.rfind("\n") + 1].splitlines()

    def wait_for(self, more: int, timeout: float = 60) -> None:
        """Wait until it has said so many more lines."""
        enough = len(self.lines) + more
        deadline = time.monotonic() + timeout
        while len(self.lines) < enough:
            assert self.process.poll() is None, "the writer has ended by itself"
            assert time.monotonic() < deadline, f"only {len(self.lines)} lines of {enough}"
            time.sleep(0.05)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(60)

    @property
    def answered(self) -> dict[str, int]:
        """The last CSeq of each binding."""
        pairs = [line.split() for line in self.lines if line != "ready" and not line.startswith("loaded")]
        return {ruid: int(cseq) for ruid, cseq in pairs}


Start = Callable[..., Writer]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """``start(verb, url, spool, …)`` starts a writer, which is gone when the test is over."""
    writers: list[Writer] = []

    def start(*arguments: Any) -> Writer:
        writers.append(Writer(tmp_path / f"said-{len(writers)}", *arguments))
        return writers[-1]

    yield start
    for writer in writers:
        writer.kill()


@pytest.fixture
def server() -> Iterator[MariaDB]:
    """A MariaDB of the test's own, because it will be killed."""
    with MariaDB() as server:
        yield server


def cseqs(start: Start, url: str, spool: Path | None = None) -> dict[str, int]:
    """What a server that starts now would load."""
    reader = start("load", url, spool)
    assert reader.process.wait(60) == 0
    assert reader.lines[-1].startswith("loaded")
    return reader.answered


def assert_nothing_lost(answered: dict[str, int], found: dict[str, int]) -> None:
    assert len(answered) == PHONES
    lost = {ruid: (cseq, found.get(ruid)) for ruid, cseq in answered.items() if found.get(ruid, 0) < cseq}
    assert lost == {}


def test_sqlite_survives_a_killed_server(start: Start, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'sipbox.db'}"
    schema.create(url)
    database = Database(url)
    assert_durable(database)
    database.close()
    for life in range(3):
        writer = start("register", url, None, PHONES, 100 * life)
        writer.wait_for(PHONES * 5)
        writer.kill()
        assert_nothing_lost(writer.answered, cseqs(start, url))


@pytest.mark.mariadb
def test_mariadb_survives_a_killed_server_and_its_own_kill(start: Start, server: MariaDB) -> None:
    url = server.url()
    schema.create(url)
    database = Database(url)
    assert_durable(database)
    database.close()

    writer = start("register", url, None, PHONES, 100)
    writer.wait_for(PHONES * 5)
    writer.kill()
    assert_nothing_lost(writer.answered, cseqs(start, url))

    writer = start("register", url, None, PHONES, 200)
    writer.wait_for(PHONES * 5)
    server.kill()
    server.start()
    writer.wait_for(PHONES * 5)  # it goes on by itself
    writer.kill()
    assert_nothing_lost(writer.answered, cseqs(start, url))


@pytest.mark.mariadb
def test_both_are_killed_while_mariadb_is_away(start: Start, server: MariaDB, tmp_path: Path) -> None:
    """Registered before, during and after; the spool brings what MariaDB never saw."""
    url, spool = server.url(), tmp_path / "spool.db"
    schema.create(url)
    writer = start("register", url, spool, PHONES, 100)
    writer.wait_for(PHONES * 3)
    server.kill()
    writer.wait_for(PHONES * 10)
    writer.kill()
    assert spool.stat().st_mode & 0o777 == 0o600

    # A server that starts now knows what was answered while MariaDB was away …
    server.start()
    stale = server.sql("select ruid, cseq from location", "openser")
    assert any(writer.answered.get(ruid, 0) > int(cseq) for ruid, cseq in stale), "MariaDB was never away"
    assert_nothing_lost(writer.answered, cseqs(start, url, spool))
    # … and so does the database itself.
    assert_nothing_lost(
        writer.answered, {r: int(c) for r, c in server.sql("select ruid, cseq from location", "openser")}
    )


@pytest.mark.mariadb
def test_an_outage_is_caught_up_without_a_restart(start: Start, server: MariaDB, tmp_path: Path) -> None:
    url, spool = server.url(), tmp_path / "spool.db"
    schema.create(url)
    writer = start("register", url, spool, PHONES, 100)
    writer.wait_for(PHONES * 3)
    for _ in range(2):
        server.kill()
        writer.wait_for(PHONES * 5)
        server.start()
        writer.wait_for(PHONES * 5)
    deadline = time.monotonic() + 30
    while not caught_up(server, writer.answered):
        writer.wait_for(PHONES)
        assert time.monotonic() < deadline, "the spool was never replayed"
    writer.kill()
    assert_nothing_lost(writer.answered, cseqs(start, url, spool))


@pytest.mark.mariadb
def test_a_mariadb_that_hangs_is_as_good_as_away(start: Start, server: MariaDB, tmp_path: Path) -> None:
    """It takes connections and statements and never answers; registrations go on by the spool."""
    url, spool = server.url(), tmp_path / "spool.db"
    schema.create(url)
    writer = start("register", url, spool, PHONES, 100)
    writer.wait_for(PHONES * 3)
    assert server.pid is not None
    os.kill(server.pid, signal.SIGSTOP)
    try:
        writer.wait_for(PHONES * 5)
    finally:
        os.kill(server.pid, signal.SIGCONT)
    writer.wait_for(PHONES * 5)
    writer.kill()
    assert_nothing_lost(writer.answered, cseqs(start, url, spool))


def caught_up(server: MariaDB, answered: dict[str, int]) -> bool:
    """Whether the database itself has everything that had been answered before this moment."""
    answered = dict(answered)
    time.sleep(1.5)
    rows = {ruid: int(cseq) for ruid, cseq in server.sql("select ruid, cseq from location", "openser")}
    return all(rows.get(ruid, 0) >= cseq for ruid, cseq in answered.items())
