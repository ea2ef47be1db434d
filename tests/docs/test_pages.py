"""README and the pages in docs/: their commands are typed, their links lead somewhere."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from appliance.storage.accounting_rows import record_of
from appliance.storage.accounting_sqlite import SqliteAccounting
from appliance.storage.engine import Database
from appliance.telemetry.accounted import Accounted
from tests.docs.transcript import Transcript
from tests.harness.mariadb import MariaDB
from tests.harness.ports import LOOPBACK, free_port
from tests.harness.process import Process
from tests.harness.sipbox import REPOSITORY
from tests.harness.waiting import wait_until
from tests.unit.storage.made import accounted, bye

PAGES = sorted(REPOSITORY.glob("*.md")) + sorted((REPOSITORY / "docs").glob("**/*.md"))
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


class Clone(NamedTuple):
    """A directory that looks like a clone in which ``./run`` is running."""

    directory: Path
    replaced: dict[str, str]


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Clone]:
    port, http = free_port(), free_port()
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    command = [sys.executable, "-m", "appliance", "demo", "--state-dir", tmp_path / ".state"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SIPBOX_")}
    running = Process(
        [*command, "--listen", f"{LOOPBACK}:{port}", "--http", f"{LOOPBACK}:{http}"],
        log=tmp_path / "run.log",
        environment={**environment, "PYTHONPATH": str(REPOSITORY)},
        directory=tmp_path,
    )
    try:
        wait_until("./run is ready", lambda: "event=ready" in running.log, timeout=30)
        replaced = {"5060": str(port), "8080": str(http), "/home/you/sipbox": str(tmp_path)}
        yield Clone(tmp_path, replaced)
        running.signal(signal.SIGINT)
        assert running.wait(15) == 0, running.log
    finally:
        running.close()


def typed(page: str, clone: Clone, **replaced: str) -> int:
    path = str(Path(sys.executable).parent)
    with Transcript(REPOSITORY / page, clone.directory, path, {**clone.replaced, **replaced}) as transcript:
        return transcript.run()


def test_readme(clone: Clone) -> None:
    ports = {"5062": str(free_port()), "8081": str(free_port())}
    assert typed("README.md", clone, **ports) >= 8


@pytest.mark.mariadb
def test_administration(clone: Clone, mariadb: MariaDB) -> None:
    socket = {"/run/mysqld/mysqld.sock": str(mariadb.socket)}
    try:
        assert typed("docs/administration.md", clone, **socket) >= 25
    finally:
        mariadb.sql("drop database if exists openser")
        mariadb.sql("drop user if exists sipbox@localhost")


def test_subscribers(clone: Clone) -> None:
    assert typed("docs/subscribers.md", clone) >= 12


def test_attacks(clone: Clone) -> None:
    assert typed("docs/attacks.md", clone) >= 6


def test_gateway(clone: Clone) -> None:
    assert typed("docs/gateway.md", clone) >= 15


def test_forwarding(clone: Clone) -> None:
    assert typed("docs/forwarding.md", clone) >= 10


def test_accounting(clone: Clone, monkeypatch: pytest.MonkeyPatch) -> None:
    """The calls that the page shows, in the table; its reader lives an hour before UTC."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    began = 1_795_971_600.0  # 2026-11-29 17:00 UTC
    here = {"src_domain": LOOPBACK, "dst_domain": LOOPBACK, "account": f"10@{LOOPBACK}"}

    def told(minutes: int, call_id: str, **changes: Any) -> Accounted:
        times = {"began": began + 60 * minutes, "ended": began + 60 * minutes + 8.5}
        return accounted(call_id=call_id, **(here | times | changes))

    refused = {"result": "busy", "status": 486, "reason": "Busy Here", "missed": True}
    gone = {"result": "cancelled", "status": 487, "reason": "Request Terminated", "missed": True}
    carol = {"src_user": "carol", "src_domain": "biloxi.example", "account": ""}
    to_ten = {"dst_user": "10", "dst_ouser": "10"}
    calls = [
        told(0, "long@192.0.2.10"),
        bye(call_id="long@192.0.2.10", began=began + 733.5, ended=began + 733.6),
        told(20, "busy@192.0.2.10", **refused),
        told(40, "gone@192.0.2.77", **gone, **carol, **to_ten),
        told(50, "active@192.0.2.10", dst_user="13", dst_ouser="13"),
    ]
    database = Database(f"sqlite:///{clone.directory / '.state' / 'sipbox.db'}")
    SqliteAccounting(database).write([record_of(each) for each in calls])
    database.close()
    assert typed("docs/accounting.md", clone) == 6


def test_phones(clone: Clone) -> None:
    assert typed("docs/phones.md", clone) >= 20


def test_fifo(clone: Clone) -> None:
    variables = {"SIPBOX_CONFIG": str(clone.directory / ".state" / "sipbox.toml")}
    path = str(Path(sys.executable).parent)
    page = REPOSITORY / "docs" / "fifo.md"
    with Transcript(page, clone.directory, path, clone.replaced, variables) as transcript:
        assert transcript.run() == 5


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_relative_links_lead_somewhere(page: Path) -> None:
    links = [link.partition("#") for link in LINK.findall(page.read_text())]
    for target, _, anchor in links:
        if re.match(r"[a-z]+:", target):
            continue
        found = page.parent / target if target else page
        assert found.exists(), f"{page.name} links to {target}"
        if anchor:
            headings = re.findall(r"(?m)^#+ (.+)$", found.read_text())
            slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
            assert anchor in slugs, f"{page.name} links to {target}#{anchor}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(REPOSITORY)))
def test_files_that_are_named_exist(page: Path) -> None:
    """Paths of the repository in code marks, from its root or from ``appliance/``."""
    for name in re.findall(r"`((?:[a-z_]+/)+(?:[a-z_]+\.py)?)`", page.read_text()):
        places = (REPOSITORY / name, REPOSITORY / "appliance" / name)
        assert any(place.exists() for place in places), f"{page.name} names {name}"
