"""What promtool says about /metrics, of one worker and of several."""

from __future__ import annotations

import subprocess
import urllib.request
from collections.abc import Iterator

import pytest

from tests.harness.mariadb import MariaDB
from tests.harness.ports import LOOPBACK
from tests.harness.sipbox import Sipbox
from tests.harness.template import mariadb_database
from tests.harness.workers import Workers


@pytest.fixture(scope="module", params=["one", "two"])
def page(request: pytest.FixtureRequest) -> Iterator[str]:
    """/metrics, after a phone has registered."""
    server: MariaDB | None = request.getfixturevalue("mariadb") if request.param == "two" else None
    one = Sipbox(agent=True) if server is None else Workers(mariadb_database(server), count=2, agent=True)
    with one as box:
        box.add_subscribers({"10": "secret-10"})
        with box.phone("10", "secret-10") as phone:
            assert phone.register().status == 200
        with urllib.request.urlopen(f"http://{LOOPBACK}:{box.agent_port}/metrics", timeout=10) as answer:
            yield answer.read().decode()


def test_promtool_has_nothing_to_say(page: str) -> None:
    done = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_it_is_not_too_much_for_a_small_prometheus(page: str) -> None:
    workers = 2 if 'worker="2"' in page else 1
    series = [line for line in page.splitlines() if not line.startswith("#")]
    assert len(series) < 200 + 1300 * workers
