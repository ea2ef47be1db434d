from __future__ import annotations

import json
from typing import Any

import pytest

from appliance.auth.digest import ha1, ha1b
from appliance.errors import ControlError
from appliance.storage.engine import Database
from tests.unit.cli.conftest import CommandLine, Server


def row(cli: CommandLine, username: str = "10") -> dict[str, Any]:
    database = Database(cli.url)
    try:
        query = f"SELECT * FROM subscriber WHERE username = '{username}'"
        return dict(database.run(lambda connection: connection.exec_driver_sql(query).mappings().one()))
    finally:
        database.close()


def test_add_stores_hashes_and_no_password(cli: CommandLine) -> None:
    assert cli.done("subscriber", "add", "10", typed="abc10\n") == ""
    stored = row(cli)
    assert stored["domain"] == "example.org"
    assert stored["ha1"] == ha1("10", "example.org", "abc10")
    assert stored["ha1b"] == ha1b("10", "example.org", "example.org", "abc10")
    assert stored["ha1_sha256"] == ha1("10", "example.org", "abc10", "SHA-256")
    assert stored["password"] == ""


def test_store_password_is_the_way_of_the_tutorial(cli: CommandLine) -> None:
    cli.done("subscriber", "add", "10", "--store-password", typed="abc10\n")
    assert row(cli)["password"] == "abc10"
    result = cli("subscriber", "add", "11", "--store-password", typed="x" * 26 + "\n")
    assert result.exit_code == 1
    assert "25 characters" in result.stderr


def test_the_realm_is_that_of_the_domain(cli: CommandLine) -> None:
    cli.done("domain", "add", "a.example", "--did", "a", "--realm", "the realm")
    cli.done("domain", "add", "b.example", "--did", "b")
    cli.done("domain", "add", "www.b.example", "--did", "b")
    realms = {"1@a.example": "the realm", "2@www.b.example": "b.example", "3@c.example": "c.example"}
    for user, realm in realms.items():
        cli.done("subscriber", "add", user, typed="x\n")
        username = user.partition("@")[0]
        assert row(cli, username)["ha1"] == ha1(username, realm, "x")


def test_add_twice_says_what_to_do(cli: CommandLine) -> None:
    cli.done("subscriber", "add", "10", typed="x\n")
    result = cli("subscriber", "add", "10", typed="y\n")
    assert result.exit_code == 1
    assert result.stderr.startswith("sipbox: there is a subscriber 10@example.org already; ")
    assert "sipbox subscriber passwd" in result.stderr


def test_users_that_differ_in_case_are_two(cli: CommandLine) -> None:
    cli.done("subscriber", "add", "Alice", typed="x\n")
    cli.done("subscriber", "add", "alice", typed="x\n")
    assert len(json.loads(cli.done("subscriber", "list", "--json"))) == 2


def test_unless_the_settings_say_that_case_does_not_matter(cli: CommandLine) -> None:
    cli.settings(more="[registrar]\ncase_sensitive = false\n")
    cli.done("subscriber", "add", "Alice", typed="x\n")
    assert cli("subscriber", "add", "aLICE", typed="x\n").exit_code == 1


def test_a_domain_that_is_not_served_is_remarked_upon(cli: CommandLine) -> None:
    result = cli("subscriber", "add", "10@elsewhere.example", typed="x\n")
    assert result.exit_code == 0
    assert "sipbox domain add elsewhere.example" in result.stderr


def test_without_a_domain_there_has_to_be_just_one(cli: CommandLine) -> None:
    cli.settings(domains='["a.example", "b.example"]')
    result = cli("subscriber", "add", "10", typed="x\n")
    assert result.exit_code == 2
    assert "write 10@a.example" in result.stderr
    cli.settings(domains="[]")
    assert "no domain is served" in cli("subscriber", "add", "10", typed="x\n").stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["10 11"],
        ["a@b@c"],
        ["x" * 65],
        ["10@exa mple"],
        ["10@example.org:5060"],
        ["@example.org"],
        ["10\x1b[31m"],
        ["10", "--email", "nonsense"],
        ["10", "--first-name", "x" * 26],
    ],
)
def test_what_cannot_be_is_wrong_usage(cli: CommandLine, arguments: list[str]) -> None:
    assert cli("subscriber", "add", *arguments, typed="x\n").exit_code == 2
    assert json.loads(cli.done("subscriber", "list", "--json")) == []


@pytest.mark.parametrize("typed", ["", "\n", "a\x07b\n", "x" * 129 + "\n"])
def test_a_password_that_cannot_be(cli: CommandLine, typed: str) -> None:
    assert cli("subscriber", "add", "10", typed=typed).exit_code == 2


def test_there_is_no_way_to_give_a_password_on_the_command_line(cli: CommandLine) -> None:
    assert cli("subscriber", "add", "10", "s3cret", typed="x\n").exit_code == 2
    assert cli("subscriber", "passwd", "10", "s3cret", typed="x\n").exit_code == 2


def test_passwd(cli: CommandLine) -> None:
    cli.done("subscriber", "add", "10", "--store-password", typed="old\n")
    cli.done("subscriber", "passwd", "10", typed="new\n")
    assert row(cli)["ha1"] == ha1("10", "example.org", "new")
    assert row(cli)["password"] == ""
    assert cli("subscriber", "passwd", "11", typed="x\n").exit_code == 1


def test_show_and_list_show_no_secrets(cli: CommandLine) -> None:
    cli.done("subscriber", "add", "10", "--store-password", "--email", "ten@example.org", typed="s3cret\n")
    for arguments in (
        ["show", "10"],
        ["show", "sip:10@EXAMPLE.org"],
        ["list"],
        ["list", "--domain", "example.org"],
    ):
        for form in ([], ["--json"]):
            told = cli.done("subscriber", *arguments, *form)
            assert "ten@example.org" in told
            assert "s3cret" not in told
            assert ha1("10", "example.org", "s3cret") not in told
    assert cli("subscriber", "show", "11").exit_code == 1


def test_list_is_in_the_order_of_numbers(cli: CommandLine) -> None:
    for user in ("100", "9", "10"):
        cli.done("subscriber", "add", user, typed="x\n")
    assert [each["username"] for each in json.loads(cli.done("subscriber", "list", "--json"))] == [
        "9",
        "10",
        "100",
    ]


def test_an_empty_list(cli: CommandLine) -> None:
    result = cli("subscriber", "list")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "no subscribers\n")


def test_remove_takes_all_that_belongs_to_it(cli: CommandLine) -> None:
    for user in ("10", "11"):
        cli.done("subscriber", "add", user, typed="x\n")
        cli.done("alias", "add", f"office{user}", user)
        cli.done("permission", "grant", user, "ld")
        cli.done("preference", "add", user, "fwd", "12")
        cli.done("speed-dial", "add", user, "23", "12@example.org")
    cli.done("subscriber", "remove", "10", "--yes")
    for arguments in (
        ["alias", "list"],
        ["permission", "show"],
        ["preference", "list"],
        ["speed-dial", "list"],
    ):
        assert len(json.loads(cli.done(*arguments, "--json"))) == 1
    assert cli("subscriber", "remove", "10", "--yes").exit_code == 1


def test_remove_asks(cli: CommandLine) -> None:
    cli.done("subscriber", "add", "10", typed="x\n")
    assert cli("subscriber", "remove", "10", typed="n\n").exit_code == 1
    cli.done("subscriber", "show", "10")
    assert cli("subscriber", "remove", "10", typed="y\n").exit_code == 0
    assert cli("subscriber", "show", "10").exit_code == 1


def test_the_server_is_told(cli: CommandLine, server: Server) -> None:
    server.answers = {"forget": None, "registration_remove": 1}
    cli.done("subscriber", "add", "10", typed="x\n")
    cli.done("subscriber", "passwd", "10", typed="y\n")
    cli.done("subscriber", "remove", "10", "--yes")
    forgotten = ("forget", {"table": "subscriber", "keys": [["10", "example.org"]]})
    assert server.asked == [
        forgotten,
        forgotten,
        forgotten,
        ("registration_remove", {"aor": "10@example.org"}),
    ]


def test_a_server_that_says_no_does_not_undo_the_change(cli: CommandLine, server: Server) -> None:
    server.answers = {"forget": ControlError(500, "command 'forget' failed")}
    result = cli("subscriber", "add", "10", typed="x\n")
    assert result.exit_code == 0
    assert "the change is in the database" in result.stderr
