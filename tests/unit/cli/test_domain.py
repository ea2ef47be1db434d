"""Domains, their further names and their attributes, typed; the running server is told of each change."""

from __future__ import annotations

import json
from typing import Any

import pytest

from appliance.errors import ControlError
from tests.unit.cli.conftest import CommandLine, Server

NAMED = '[domains."example.org"]\nhosts = ["192.0.2.1"]\n'


def told(cli: CommandLine, *arguments: str) -> Any:
    return json.loads(cli.done(*arguments, "--json"))


@pytest.fixture
def cli(cli: CommandLine, server: Server) -> CommandLine:
    server.answers = {"forget": None}
    return cli


def test_a_domain_of_the_database(cli: CommandLine, server: Server) -> None:
    cli.done("domain", "add", "Example.NET.", "--did", "net", "--realm", "realm")
    assert told(cli, "domain", "list") == [
        {
            "domain": "example.org",
            "did": "example.org",
            "realm": "example.org",
            "hosts": ["example.org"],
            "attributes": {},
            "from": "settings",
        },
        {
            "domain": "example.net",
            "did": "net",
            "realm": "realm",
            "hosts": ["example.net"],
            "attributes": {},
            "from": "database",
        },
    ]
    assert cli("domain", "add", "EXAMPLE.net").exit_code == 1
    cli.done("domain", "remove", "example.net", "--yes")
    assert len(told(cli, "domain", "list")) == 1
    assert "settings" in cli("domain", "remove", "example.org", "--yes").stderr
    assert server.asked == [("forget", {"table": "domain", "keys": [["", "example.net"]]})] * 2


@pytest.mark.parametrize(
    "arguments", [["a b"], ["a.example:5060"], ["a", "--realm", 'quo"te'], ["a", "--did", ""]]
)
def test_a_domain_that_cannot_be(cli: CommandLine, arguments: list[str]) -> None:
    assert cli("domain", "add", *arguments).exit_code == 2


def test_further_names(cli: CommandLine, server: Server) -> None:
    cli.settings(more=NAMED)
    cli.done("domain", "alias", "add", "example.org", "SIP.example.org")
    cli.done("domain", "alias", "add", "sip.example.org", "sip2.example.org")
    (row,) = told(cli, "domain", "list")
    assert row["hosts"] == ["example.org", "192.0.2.1", "sip.example.org", "sip2.example.org"]
    assert row["from"] == "settings and database"
    assert told(cli, "domain", "show", "sip2.example.org") == row
    assert "sip.example.org" in cli.done("domain", "list")
    assert (
        "is a name of example.org already" in cli("domain", "alias", "add", "example.org", "192.0.2.1").stderr
    )
    assert "is not served" in cli("domain", "alias", "add", "example.net", "a.example.net").stderr
    cli.done("domain", "alias", "remove", "sip.example.org")
    assert server.asked[-1] == ("forget", {"table": "domain", "keys": [["", "sip.example.org"]]})
    assert "it stands in the settings" in cli("domain", "alias", "remove", "192.0.2.1").stderr
    assert "no domain" in cli("domain", "alias", "remove", "nowhere.example").stderr
    assert told(cli, "domain", "show", "example.org")["hosts"] == [
        "example.org",
        "192.0.2.1",
        "sip2.example.org",
    ]
    assert cli("domain", "show", "sip.example.org").exit_code == 1


def test_the_own_name_of_a_domain_goes_last(cli: CommandLine) -> None:
    cli.done("domain", "add", "example.net")
    cli.done("domain", "alias", "add", "example.net", "sip.example.net")
    assert "a domain's own name" in cli("domain", "alias", "remove", "example.net").stderr
    refused = cli("domain", "remove", "example.net", "--yes")
    assert "further names (sip.example.net)" in refused.stderr
    cli.done("domain", "alias", "remove", "sip.example.net")
    cli.done("domain", "remove", "example.net", "--yes")
    assert [row["domain"] for row in told(cli, "domain", "list")] == ["example.org"]


def test_attributes(cli: CommandLine, server: Server) -> None:
    cli.settings(more=NAMED + 'attributes = {color = "red", size = "1"}\n')
    cli.done("domain", "attribute", "set", "192.0.2.1", "color", "green")
    cli.done("domain", "attribute", "set", "example.org", "color", "blue")
    assert server.asked[-1] == ("forget", {"table": "domain_attrs", "keys": [["", "example.org"]]})
    assert told(cli, "domain", "attribute", "list") == {"example.org": {"color": "blue", "size": "1"}}
    assert "blue" in cli.done("domain", "attribute", "list", "example.org")
    assert "color = blue; size = 1" in cli.done("domain", "show", "example.org")
    cli.done("domain", "attribute", "remove", "example.org", "color")
    assert told(cli, "domain", "attribute", "list", "example.org")["example.org"]["color"] == "red"
    assert "it stands in the settings" in cli("domain", "attribute", "remove", "example.org", "size").stderr
    assert "has no attribute" in cli("domain", "attribute", "remove", "example.org", "weight").stderr
    assert "is not served" in cli("domain", "attribute", "set", "example.net", "a", "b").stderr


def test_attributes_go_with_the_last_name_of_their_domain(cli: CommandLine) -> None:
    cli.done("domain", "add", "example.net")
    cli.done("domain", "attribute", "set", "example.net", "color", "blue")
    cli.done("domain", "remove", "example.net", "--yes")
    cli.done("domain", "add", "example.net")
    assert told(cli, "domain", "show", "example.net")["attributes"] == {}


@pytest.mark.parametrize(
    "arguments",
    [
        ["", "x"],
        ["n" * 33, "x"],
        ["n", "v" * 256],
        ["digest_realm", 'quo"te'],
        ["digest_realm", ""],
        ["walled_garden", "yes"],
    ],
)
def test_an_attribute_that_cannot_be(cli: CommandLine, arguments: list[str]) -> None:
    assert cli("domain", "attribute", "set", "example.org", *arguments).exit_code == 2


def test_passwords_are_hashed_for_the_realm_and_a_new_one_is_remarked_upon(cli: CommandLine) -> None:
    cli.settings(more=NAMED + 'attributes = {digest_realm = "R"}\n')
    cli("subscriber", "add", "10@192.0.2.1", typed="secret\n")
    (row,) = told(cli, "subscriber", "list")
    assert row["domain"] == "example.org"  # rows have the canonical name
    for arguments, was, now in (
        (("set", "example.org", "digest_realm", "S"), "R", "S"),
        (("remove", "example.org", "digest_realm"), "S", "R"),
    ):
        said = cli("domain", "attribute", *arguments).stderr
        assert f"1 passwords of example.org are stored for the realm '{was}', and it is '{now}' now" in said
    said = cli("domain", "attribute", "set", "example.org", "color", "blue").stderr
    assert "note:" not in said


def test_with_one_domain_of_many_names_a_user_needs_none(cli: CommandLine) -> None:
    cli.settings(more=NAMED)
    cli.done("domain", "alias", "add", "example.org", "sip.example.org")
    cli("subscriber", "add", "10", typed="secret\n")
    cli.done("permission", "grant", "10@sip.example.org", "ld")
    assert told(cli, "permission", "show", "10@192.0.2.1")[0]["domain"] == "example.org"


def test_reload_asks_the_server(cli: CommandLine, server: Server) -> None:
    server.answers["domains_reload"] = 3
    assert "3 names are served" in cli("domain", "reload").stderr
    server.answers["domains_reload"] = ControlError(503, "the database is away")
    assert "the database is away" in cli("domain", "reload").stderr
