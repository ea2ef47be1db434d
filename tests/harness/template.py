"""Databases with sipbox's tables, made once in a test run by ``sipbox database create``.

Making the tables is tested where that is the matter; for other tests it would be most of their time.
"""

from __future__ import annotations

import atexit
import functools
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.harness.settings import loopback_settings, toml

if TYPE_CHECKING:
    from tests.harness.mariadb import MariaDB

REPOSITORY = Path(__file__).resolve().parents[2]


def _create(url: str, directory: Path) -> None:
    config = directory / "sipbox.toml"
    config.write_text(toml(loopback_settings(directory, 5060, 8080, url)))
    command = [sys.executable, "-m", "appliance", "--config", str(config), "database", "create", "--yes"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@functools.cache
def _directory() -> Path:
    directory = Path(tempfile.mkdtemp(prefix="sipbox-template-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return directory


@functools.cache
def _sqlite() -> Path:
    database = _directory() / "sipbox.db"
    _create(f"sqlite:///{database}", _directory())
    return database


def sqlite_database(place: Path) -> None:
    """A new SQLite file at ``place``."""
    shutil.copyfile(_sqlite(), place)


@functools.cache
def _mariadb(server: MariaDB) -> str:
    url = server.url("openser_tests")
    _create(url, _directory())
    return url


def mariadb_database(server: MariaDB) -> str:
    """The URL of a database in that server with empty tables: the same for each test, which comes alone."""
    url = _mariadb(server)
    tables = server.sql(
        "select table_name from information_schema.tables"
        " where table_schema = 'openser_tests' and table_name not like '%version'"
    )
    server.client("".join(f"delete from `{table}`;" for (table,) in tables), database="openser_tests")
    return url
