"""``sipbox database`` on MariaDB: the administrator's rights make it, the server's user works in it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from tests.harness.mariadb import MariaDB
from tests.harness.sipbox import Sipbox

pytestmark = pytest.mark.mariadb
PASSWORD = "p@ss:word/1"


class Administrator:
    """Types commands; the settings name a user and a database that do not exist yet."""

    def __init__(self, server: MariaDB, directory: Path, password: str | None = PASSWORD) -> None:
        root = make_url(server.url("mysql"))
        self.url = root.set(database=None).render_as_string(hide_password=False)
        mine = root.set(username="sipbox_cli", password=password, database="openser_cli")
        self._config = directory / "sipbox.toml"
        url = mine.render_as_string(hide_password=False)
        self._config.write_text(
            f'[sip]\ndomains = ["a.example"]\nstate_dir = "{directory}"\ncontrol = "{directory}/control"\n'
            f'[database]\nurl = "{url}"\n'
            f'[agent]\nsocket = "{directory}/agent"\n'
        )

    def types(self, *arguments: str, typed: str = "", expected: int = 0) -> str:
        command = [sys.executable, "-m", "appliance", "--config", str(self._config), *arguments]
        done = subprocess.run(
            command, input=typed, text=True, capture_output=True, cwd=Sipbox.program, timeout=60, check=False
        )
        told = done.stdout + done.stderr
        assert done.returncode == expected, told
        assert "Traceback" not in told
        assert PASSWORD not in told
        assert "p%40ss" not in told
        return told


@pytest.fixture
def administrator(mariadb: MariaDB, tmp_path: Path) -> Iterator[Administrator]:
    someone = Administrator(mariadb, tmp_path)
    yield someone
    someone.types("database", "drop", "--yes", "--admin-url", someone.url)


def test_from_nothing_to_a_restored_backup(administrator: Administrator, tmp_path: Path) -> None:
    types = administrator.types
    assert "sipbox database create" in types("subscriber", "list", expected=1)
    types("database", "create", "--yes", "--admin-url", administrator.url)
    types("database", "create", "--yes", "--admin-url", administrator.url)
    types("subscriber", "add", "10", typed="x\n")
    types("subscriber", "add", "10", typed="x\n", expected=1)
    types("subscriber", "passwd", "10", typed="x\n")
    types("alias", "add", "office", "10")
    types("permission", "grant", "10", "ld")
    assert json.loads(types("database", "status", "--json"))["ready"] is True
    backup = types("backup", "create", "--directory", str(tmp_path / "backups")).splitlines()[0]
    types("subscriber", "remove", "10", "--yes")
    assert json.loads(types("alias", "list", "--json")) == []
    # The server's own user may not see to the tables.
    types("backup", "restore", "--replace", "--yes", backup, expected=1)
    types("backup", "restore", "--replace", "--yes", backup, "--admin-url", administrator.url)
    assert [row["username"] for row in json.loads(types("alias", "list", "--json"))] == ["10"]


def test_root_needs_no_option(mariadb: MariaDB, tmp_path: Path) -> None:
    """By the unix socket, where MariaDB lets root in as root, and the settings name another system user."""
    types = Administrator(mariadb, tmp_path, password=None).types
    if os.geteuid() != 0:
        types("database", "create", "--yes", expected=1)  # anybody else is let in by nothing
        return
    types("database", "create", "--yes")
    types("database", "upgrade")
    types("subscriber", "add", "10", typed="x\n")
    assert json.loads(types("subscriber", "list", "--json"))[0]["username"] == "10"
    told = json.loads(types("database", "status", "--json"))
    assert told["ready"] is True
    assert "sipbox_cli@" in told["url"]
    accounts = mariadb.sql("select user from mysql.user where user like 'sipbox%' order by user")
    assert accounts == [("sipbox-agent",), ("sipbox_cli",)]
    types("database", "drop", "--yes")
    mariadb.sql("drop user sipbox_cli@localhost; drop user `sipbox-agent`@localhost")
