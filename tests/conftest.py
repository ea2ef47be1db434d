"""What every test may ask for: a database of each kind, and a server on it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.box_fixtures import box_network, cluster, deployed, deployed_cluster
from tests.harness.compiled import compiled_program
from tests.harness.mariadb import MariaDB
from tests.harness.sipbox import Sipbox
from tests.harness.template import mariadb_database

__all__ = ["box_network", "cluster", "deployed", "deployed_cluster"]

# A shell that starts the tests in the background has them ignore Ctrl-C, and all that they start does so too.
signal.signal(signal.SIGINT, signal.default_int_handler)

# The parts with real processes and a real clock. On a machine that stalls for seconds a test of theirs may
# fail without a fault; it has one more try, and the summary names it: each of these lines wants a look.
_TRIED_TWICE = {"browser", "deploy", "docs", "monitoring", "networks", "security", "torture", "wire"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--program",
        choices=("sources", "compiled"),
        default="sources",
        help="what servers and commands run: the sources, or a copy whose core is machine code",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--program") == "compiled":
        Sipbox.program = compiled_program()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.relative_to(here).parts[0] in _TRIED_TWICE:
            item.add_marker(pytest.mark.flaky(reruns=1))


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDB]:
    """One private MariaDB for the whole run; a test that stops or kills one makes its own."""
    with MariaDB() as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("mariadb", marks=pytest.mark.mariadb)])
def database_url(request: pytest.FixtureRequest) -> str | None:
    """The test runs twice: on a SQLite file (None: the server's own), and on empty tables in MariaDB."""
    if request.param == "sqlite":
        return None
    server: MariaDB = request.getfixturevalue("mariadb")
    return mariadb_database(server)


@pytest.fixture
def box(database_url: str | None) -> Iterator[Sipbox]:
    """A running server with the subscribers 10, 11 and 12, whose passwords are 'secret-10' and so on."""
    with Sipbox(database_url) as server:
        server.add_subscribers({user: f"secret-{user}" for user in ("10", "11", "12")})
        yield server
