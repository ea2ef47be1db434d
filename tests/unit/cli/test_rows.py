"""Aliases, permissions, preferences, speed dials and domains: the verbs that are alike."""

from __future__ import annotations

import json

import pytest

from tests.unit.cli.conftest import CommandLine


@pytest.fixture
def cli_10(cli: CommandLine) -> CommandLine:
    """With the subscriber 10@example.org."""
    cli.done("subscriber", "add", "10", typed="x\n")
    return cli


def told(cli: CommandLine, *arguments: str) -> list[dict[str, object]]:
    return list(json.loads(cli.done(*arguments, "--json")))


def test_alias(cli_10: CommandLine) -> None:
    cli_10.done("alias", "add", "office", "10")
    row = {
        "alias_username": "office",
        "alias_domain": "example.org",
        "username": "10",
        "domain": "example.org",
    }
    assert told(cli_10, "alias", "list") == told(cli_10, "alias", "show", "office") == [row]
    assert told(cli_10, "alias", "list", "10") == [row]
    assert told(cli_10, "alias", "list", "11") == []
    assert "office@example.org  10@example.org" in cli_10.done("alias", "list")
    cli_10.done("alias", "remove", "office")
    assert told(cli_10, "alias", "list") == []
    for again in (["remove", "office"], ["show", "office"]):
        assert cli_10("alias", *again).exit_code == 1


def test_an_alias_is_no_subscriber_and_leads_to_one(cli_10: CommandLine) -> None:
    assert "is a subscriber" in cli_10("alias", "add", "10", "10").stderr
    assert "no subscriber 11@example.org" in cli_10("alias", "add", "office", "11").stderr
    cli_10.done("alias", "add", "office", "10")
    assert "already" in cli_10("alias", "add", "office", "10").stderr


def test_permission(cli_10: CommandLine) -> None:
    cli_10.done("permission", "grant", "10", "ld", "int", "ld")
    cli_10.done("permission", "grant", "10", "int", "voicemail")
    assert [row["grp"] for row in told(cli_10, "permission", "show", "10")] == ["int", "ld", "voicemail"]
    cli_10.done("permission", "revoke", "10", "int")
    assert [row["grp"] for row in told(cli_10, "permission", "show")] == ["ld", "voicemail"]
    cli_10.done("permission", "revoke", "10")
    assert told(cli_10, "permission", "show") == []
    assert cli_10("permission", "revoke", "10").exit_code == 1


def test_groups_are_openserctls_unless_any_is_wanted(cli_10: CommandLine) -> None:
    for group in ("local", "ld", "int", "voicemail", "free-pstn"):
        cli_10.done("permission", "grant", "10", group)
    result = cli_10("permission", "grant", "10", "satellite")
    assert result.exit_code == 2
    assert "--any" in result.stderr
    cli_10.done("permission", "grant", "10", "satellite", "--any")
    assert cli_10("permission", "grant", "11", "ld").exit_code == 1


def test_preference(cli_10: CommandLine) -> None:
    cli_10.done("preference", "add", "10", "fwd", "sip:11@example.org")
    cli_10.done("preference", "add", "10", "fwd", "sip:12@example.org")
    cli_10.done("preference", "add", "10", "--type", "1", "timeout", "20")
    assert cli_10("preference", "add", "10", "fwd", "sip:11@example.org").exit_code == 1
    values = [
        (row["attribute"], row["value"], row["type"]) for row in told(cli_10, "preference", "list", "10")
    ]
    assert values == [
        ("fwd", "sip:11@example.org", 0),
        ("fwd", "sip:12@example.org", 0),
        ("timeout", "20", 1),
    ]
    assert len(told(cli_10, "preference", "list", "--attribute", "fwd")) == 2
    cli_10.done("preference", "remove", "10", "fwd", "sip:11@example.org")
    assert len(told(cli_10, "preference", "list")) == 2
    assert cli_10("preference", "remove", "10", typed="n\n").exit_code == 1
    cli_10.done("preference", "remove", "10", "--yes")
    assert told(cli_10, "preference", "list") == []
    assert cli_10("preference", "remove", "10", "fwd").exit_code == 1


@pytest.mark.parametrize(
    "arguments",
    [["x" * 33, "1"], ["a", "x" * 256], ["a", ""], ["--type", "1", "a", "b"], ["--type", "4", "a", "1"]],
)
def test_a_preference_that_cannot_be(cli_10: CommandLine, arguments: list[str]) -> None:
    assert cli_10("preference", "add", "10", *arguments).exit_code == 2


def test_speed_dial(cli_10: CommandLine) -> None:
    cli_10.done("speed-dial", "add", "10", "23", "11@example.org", "a colleague")
    (row,) = told(cli_10, "speed-dial", "show", "10", "23")
    assert (row["new_uri"], row["description"]) == ("sip:11@example.org", "a colleague")
    assert "23" in cli_10.done("speed-dial", "list", "10")
    assert cli_10("speed-dial", "add", "10", "23", "12@example.org").exit_code == 1
    assert "calls sip:12@example.org" in cli_10("speed-dial", "add", "10", "24", "12").stderr
    cli_10.done("speed-dial", "remove", "10", "24")
    cli_10.done("speed-dial", "remove", "10", "23")
    assert told(cli_10, "speed-dial", "list") == []
    for again in (["remove", "10", "23"], ["show", "10", "23"]):
        assert cli_10("speed-dial", *again).exit_code == 1


@pytest.mark.parametrize(
    "arguments",
    [["2", "a@b"], ["234", "a@b"], ["ab", "a@b"], ["23", "a b"], ["23", "<sip:a@b>"], ["23", "sip:"]],
)
def test_a_speed_dial_that_cannot_be(cli_10: CommandLine, arguments: list[str]) -> None:
    assert cli_10("speed-dial", "add", "10", *arguments).exit_code == 2


def test_escapes_in_a_row_do_not_act_on_the_terminal(cli_10: CommandLine) -> None:
    from appliance.storage.engine import Database

    database = Database(cli_10.url)
    try:
        database.run(
            lambda connection: connection.exec_driver_sql(
                "UPDATE subscriber SET first_name = '\x1b[2J[bold]'"
            )
        )
    finally:
        database.close()
    assert "\\x1b[2J[bold]" in cli_10.done("subscriber", "list")


def test_forward(cli_10: CommandLine) -> None:
    cli_10.done("forward", "set", "10", "always", "11")
    cli_10.done("forward", "set", "10", "always", "12")
    cli_10.done("forward", "set", "10", "voicemail", "default")
    cli_10.done("forward", "set", "10", "ring", "20")
    cli_10.done("preference", "add", "10", "language", "en")
    assert [(row["occasion"], row["target"]) for row in told(cli_10, "forward", "list", "10")] == [
        ("ring", "20 s"),
        ("always", "sip:12@example.org"),
        ("voicemail", "default"),
    ]
    (row,) = told(cli_10, "preference", "list", "--attribute", "fr_inv_timer")
    assert row["value"] == "20000"
    cli_10.done("forward", "remove", "10", "always")
    assert cli_10("forward", "remove", "10", "always").exit_code == 1
    cli_10.done("forward", "remove", "10")
    assert told(cli_10, "forward", "list") == []
    assert len(told(cli_10, "preference", "list")) == 1


@pytest.mark.parametrize(
    ("occasion", "target"),
    [("ring", "0"), ("ring", "soon"), ("ring", "99999"), ("busy", "a b"), ("sometimes", "11")],
)
def test_what_cannot_be_forwarded(cli_10: CommandLine, occasion: str, target: str) -> None:
    assert cli_10("forward", "set", "10", occasion, target).exit_code == 2


def test_block(cli_10: CommandLine) -> None:
    for caller in ("0900*", "Bob@spam.example", "@worse.example", "anonymous"):
        cli_10.done("block", "add", "10", caller)
        assert cli_10("block", "add", "10", caller).exit_code == 1
    assert sorted(str(row["caller"]) for row in told(cli_10, "block", "list", "10")) == [
        "0900*",
        "@worse.example",
        "anonymous",
        "bob@spam.example",
    ]
    cli_10.done("block", "remove", "10", "anonymous")
    assert cli_10("block", "remove", "10", "anonymous").exit_code == 1
    assert len(told(cli_10, "block", "list")) == 3
    for caller in ("a b", "", "a*b@c", "*"):
        assert cli_10("block", "add", "10", caller).exit_code == 2


def test_prefix(cli_10: CommandLine) -> None:
    cli_10.done("prefix", "add", "77", "Branch.example.net:5080")
    cli_10.done("prefix", "add", "77", "192.0.2.7", "--domain", "Example.org")
    assert cli_10("prefix", "add", "77", "other.example").exit_code == 1
    assert told(cli_10, "prefix", "list") == [
        {"prefix": "77", "sdomain": "*", "domain": "branch.example.net:5080"},
        {"prefix": "77", "sdomain": "example.org", "domain": "192.0.2.7"},
    ]
    assert "branch.example.net:5080" in cli_10.done("prefix", "list")
    cli_10.done("prefix", "remove", "77")
    assert cli_10("prefix", "remove", "77").exit_code == 1
    assert len(told(cli_10, "prefix", "list")) == 1
    for arguments in (["a b", "x"], ["77", "a@b"], ["77", ""], ["77", "a b"], ["77", "x:99999"]):
        assert cli_10("prefix", "add", *arguments).exit_code == 2
