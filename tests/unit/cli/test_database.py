from __future__ import annotations

import json

from tests.unit.cli.conftest import CommandLine


def test_create_twice_changes_nothing(bare: CommandLine) -> None:
    result = bare("database", "create", "--yes")
    assert result.exit_code == 0
    assert "done: core_" in result.stderr
    again = bare("database", "create", "--yes")
    assert again.exit_code == 0
    assert "up to date" in again.stderr


def test_status(bare: CommandLine) -> None:
    assert bare("database", "status").exit_code == 1
    bare.done("database", "create", "--yes")
    assert "state" in bare.done("database", "status")
    told = json.loads(bare.done("database", "status", "--json"))
    assert told["ready"] is True
    assert told["rows"]["subscriber"] == 0


def test_groups(bare: CommandLine) -> None:
    bare.done("database", "create", "--group", "presence")
    assert set(json.loads(bare.done("database", "status", "--json"))["groups"]) == {
        "core",
        "phones",
        "presence",
    }
    bare.done("database", "upgrade", "--group", "extra")
    bare.done("database", "create", "--all")
    assert len(json.loads(bare.done("database", "status", "--json"))["groups"]) == 5
    assert bare("database", "create", "--group", "nonsense").exit_code == 2


def test_upgrade_needs_a_database(bare: CommandLine) -> None:
    result = bare("database", "upgrade")
    assert result.exit_code == 1
    assert "sipbox database create" in result.stderr


def test_drop_asks(cli: CommandLine) -> None:
    result = cli("database", "drop", typed="n\n")
    assert result.exit_code == 1
    cli.done("database", "status")
    cli.done("database", "drop", "--yes")
    assert cli("database", "status").exit_code == 1


def test_a_password_in_an_administrators_url_is_refused(bare: CommandLine) -> None:
    result = bare("database", "create", "--yes", "--admin-url", "mysql+pymysql://root:s3cret@localhost")
    assert result.exit_code == 2
    assert "--admin-password" in result.stderr
    assert bare("database", "create", "--yes", "--admin-url", "nonsense").exit_code == 2
    assert bare("database", "create", "--yes", "--admin-password").exit_code == 2
