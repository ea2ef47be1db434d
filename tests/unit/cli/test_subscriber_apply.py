"""``sipbox subscriber apply`` on SQLite; MariaDB and ten thousand are tests/wire/test_subscriber_apply.py."""

from __future__ import annotations

import json
from typing import Any

import pytest

from appliance.auth.digest import ha1
from tests.unit.cli.conftest import CommandLine, Server
from tests.unit.cli.test_subscriber import row


class File:
    """A file of subscribers, and what applying it says."""

    def __init__(self, cli: CommandLine) -> None:
        self.cli = cli
        self.path = cli.directory / "subscribers.yml"

    def apply(self, text: str, *options: str) -> dict[str, Any]:
        self.path.write_text(text)
        told = self.cli.done("subscriber", "apply", str(self.path), "--json", *options)
        return dict(json.loads(told))

    def refused(self, text: str, *options: str) -> str:
        """The one line that says why; nothing has changed."""
        self.path.write_text(text)
        before = self.cli.done("subscriber", "list", "--json"), self.cli.done("alias", "list", "--json")
        result = self.cli("subscriber", "apply", str(self.path), *options)
        assert result.exit_code == 1
        assert result.stdout == ""
        assert result.stderr.count("\n") == 1
        after = self.cli.done("subscriber", "list", "--json"), self.cli.done("alias", "list", "--json")
        assert after == before
        return result.stderr.removeprefix("sipbox: ").removeprefix(f"{self.path}").strip()


@pytest.fixture
def file(cli: CommandLine) -> File:
    return File(cli)


def shown(cli: CommandLine, noun: str, verb: str, *columns: str) -> list[tuple[Any, ...]]:
    return [tuple(each[name] for name in columns) for each in json.loads(cli.done(noun, verb, "--json"))]


TWO = """
- user: "10"
  password: abc10
  first_name: Ada
  last_name: Lovelace
  email: ada@example.org
  aliases: [reception, "100@example.org"]
  permissions: [local, ld]
- user: 11@EXAMPLE.org
"""


TEN_ADDED = (
    "+ 10@example.org: first name: 'Ada'; last name: 'Lovelace'; e-mail: 'ada@example.org';"
    " password: given; alias reception@example.org: added; alias 100@example.org: added;"
    " permission local: added; permission ld: added"
)


def test_what_is_not_there_is_added(file: File, cli: CommandLine) -> None:
    assert file.apply(TWO, "--diff") == {
        "changed": True,
        "added": ["10@example.org", "11@example.org"],
        "changed_subscribers": [],
        "removed": [],
        "diff": [
            TEN_ADDED,
            "+ 11@example.org: password: none yet",
        ],
    }
    stored = row(cli)
    assert stored["ha1"] == ha1("10", "example.org", "abc10")
    assert stored["ha1_sha256"] == ha1("10", "example.org", "abc10", "SHA-256")
    assert (stored["password"], stored["last_name"]) == ("", "Lovelace")
    assert (row(cli, "11")["ha1"], row(cli, "11")["password"]) == ("", "")
    assert json.loads(cli.done("subscriber", "show", "11", "--json"))["login"] == "none yet"
    assert shown(cli, "alias", "list", "alias_username", "username") == [("100", "10"), ("reception", "10")]
    assert shown(cli, "permission", "show", "username", "grp") == [("10", "ld"), ("10", "local")]


def test_the_second_time_nothing_changes(file: File, cli: CommandLine) -> None:
    file.apply(TWO)
    before = row(cli), row(cli, "11")
    assert file.apply(TWO, "--diff") == {
        "changed": False,
        "added": [],
        "changed_subscribers": [],
        "removed": [],
        "diff": [],
    }
    assert (row(cli), row(cli, "11")) == before


def test_changes_are_told_without_secrets(file: File, cli: CommandLine) -> None:
    file.apply(TWO)
    other = TWO.replace("abc10", "n3w").replace("Ada", "Augusta").replace("[local, ld]", "[int, ld]")
    told = file.apply(other.replace("reception", "door"), "--diff")
    assert told["changed_subscribers"] == ["10@example.org"]
    (line,) = told["diff"]
    assert line == (
        "~ 10@example.org: first name: 'Ada' -> 'Augusta'; password: changed;"
        " alias reception@example.org: removed; alias door@example.org: added;"
        " permission local: removed; permission int: added"
    )
    assert row(cli)["ha1"] == ha1("10", "example.org", "n3w")
    assert shown(cli, "alias", "list", "alias_username") == [("100",), ("door",)]
    assert shown(cli, "permission", "show", "grp") == [("int",), ("ld",)]


def test_check_changes_nothing_and_says_the_same(file: File, cli: CommandLine, server: Server) -> None:
    server.answers = {"forget": None}
    would = file.apply(TWO, "--check", "--diff")
    assert would["changed"] is True
    assert shown(cli, "subscriber", "list", "username") == []
    assert server.asked == []
    assert file.apply(TWO, "--diff") == would
    assert file.apply(TWO, "--check", "--diff")["changed"] is False


def test_what_an_entry_does_not_say_stays(file: File, cli: CommandLine) -> None:
    file.apply(TWO)
    assert file.apply("[{user: 10}]")["changed"] is False
    assert file.apply("[{user: 10, aliases: [], permissions: ~, email: ''}]")["changed"] is True
    assert shown(cli, "alias", "list", "alias_username") == []
    assert shown(cli, "permission", "show", "grp") == []
    assert (row(cli)["email_address"], row(cli)["first_name"]) == ("", "Ada")
    assert row(cli)["ha1"] == ha1("10", "example.org", "abc10")


def test_a_password_may_be_given_as_its_hash(file: File, cli: CommandLine) -> None:
    digest = ha1("10", "example.org", "abc10")
    file.apply(f"[{{user: 10, ha1: {digest.upper()}}}]")
    assert (row(cli)["ha1"], row(cli)["ha1b"]) == (digest, "")
    assert file.apply(f"[{{user: 10, ha1: {digest}}}]")["changed"] is False
    # The password of that hash says what the row lacks: hashes for the other algorithms.
    assert file.apply("[{user: 10, password: abc10}]")["changed"] is True
    assert row(cli)["ha1_sha512_256"] == ha1("10", "example.org", "abc10", "SHA-512-256")
    assert file.apply("[{user: 10, password: abc10}]")["changed"] is False
    file.apply("[{user: 10, password: other}]")
    assert file.apply(f"[{{user: 10, ha1: {digest}}}]")["changed_subscribers"] == ["10@example.org"]
    assert (row(cli)["ha1"], row(cli)["ha1_sha256"]) == (digest, "")


def test_whom_somebody_added_the_file_takes_over(file: File, cli: CommandLine) -> None:
    cli.done("subscriber", "add", "10", "--store-password", typed="abc10\n")
    told = file.apply("[{user: 10, password: abc10}]", "--diff")
    assert told["diff"] == ["~ 10@example.org: kept by the file from now on"]
    assert row(cli)["password"] == "abc10"
    assert file.apply("[{user: 10, password: abc10}]")["changed"] is False


def test_nobody_is_removed_unless_that_is_asked_for(file: File, cli: CommandLine) -> None:
    cli.done("subscriber", "add", "12", typed="x\n")
    file.apply(TWO)
    assert file.apply("[{user: 11}]")["changed"] is False
    told = file.apply("[{user: 11}]", "--remove", "--yes", "--diff")
    # 12 was added by hand: no file has ever named it.
    assert (told["removed"], told["diff"]) == (["10@example.org"], ["- 10@example.org"])
    assert shown(cli, "subscriber", "list", "username") == [("11",), ("12",)]
    assert shown(cli, "alias", "list", "alias_username") == []
    assert shown(cli, "permission", "show", "grp") == []
    assert file.apply("[{user: 11}]", "--remove", "--yes")["changed"] is False


def test_an_entry_can_say_that_somebody_goes(file: File, cli: CommandLine) -> None:
    cli.done("subscriber", "add", "12", typed="x\n")
    gone = "[{user: 12, state: absent}, {user: 13, state: absent}]"
    assert file.apply(gone)["removed"] == ["12@example.org"]
    assert file.apply(gone)["changed"] is False


def test_removing_asks(file: File, cli: CommandLine) -> None:
    file.apply(TWO)
    file.path.write_text("[{user: 10, first_name: New}]")
    result = cli("subscriber", "apply", str(file.path), "--remove", typed="n\n")
    assert result.exit_code == 1
    assert "Remove 11@example.org with all that belongs to them?" in result.stderr
    assert row(cli)["first_name"] == "Ada"
    assert cli("subscriber", "apply", str(file.path), "--remove", typed="y\n").exit_code == 0
    assert shown(cli, "subscriber", "list", "first_name") == [("New",)]


def test_a_file_that_names_nobody_takes_nobody_away(file: File) -> None:
    file.apply(TWO)
    assert file.refused("[]", "--remove", "--yes").startswith(": names nobody, and --remove would take all")
    assert file.apply("[]")["changed"] is False


def test_an_alias_moves(file: File, cli: CommandLine) -> None:
    file.apply("[{user: 10, aliases: [door]}, {user: 11}]")
    told = file.apply("[{user: 10, aliases: []}, {user: 11, aliases: [door]}]")
    assert told["changed_subscribers"] == ["10@example.org", "11@example.org"]
    assert shown(cli, "alias", "list", "alias_username", "username") == [("door", "11")]
    file.apply("[{user: 10, aliases: [door]}, {user: 11, state: absent}]")
    assert shown(cli, "alias", "list", "alias_username", "username") == [("door", "10")]


def test_the_realm_is_that_of_the_domain(file: File, cli: CommandLine) -> None:
    cli.done("domain", "add", "a.example", "--did", "a", "--realm", "the realm")
    cli.done("domain", "add", "b.example", "--did", "b")
    cli.done("domain", "add", "www.b.example", "--did", "b")
    file.apply("[{user: 1, domain: A.example, password: x}, {user: 2@www.b.example, password: x}]")
    assert row(cli, "1")["ha1"] == ha1("1", "the realm", "x")
    assert row(cli, "2")["ha1"] == ha1("2", "b.example", "x")


def test_where_case_does_not_matter(file: File, cli: CommandLine) -> None:
    cli.settings(more="[registrar]\ncase_sensitive = false\n")
    cli.done("subscriber", "add", "Alice", typed="x\n")
    file.apply("[{user: alice, password: y}]")
    assert row(cli, "Alice")["ha1"] == ha1("Alice", "example.org", "y")
    assert shown(cli, "subscriber", "list", "username") == [("Alice",)]
    assert "alice@example.org stands there twice" in file.refused("[{user: ALICE}, {user: alice}]")


def test_the_server_is_told_once(file: File, server: Server, cli: CommandLine) -> None:
    server.answers = {"forget": None, "registrations_remove": 0, "reload": None}
    file.apply("[{user: 10, aliases: [a]}, {user: 11}]")
    assert server.asked == [
        ("forget", {"table": "subscriber", "keys": [["10", "example.org"], ["11", "example.org"]]}),
        ("forget", {"table": "dbaliases", "keys": [["a", "example.org"]]}),
    ]
    server.asked.clear()
    file.apply("[{user: 10}]")
    assert server.asked == []
    file.apply("[{user: 10}]", "--remove", "--yes")
    assert server.asked[-1] == ("registrations_remove", {"aors": ["11@example.org"]})
    server.asked.clear()
    file.apply(json.dumps([{"user": str(number)} for number in range(1200)]))
    assert server.asked == [("reload", {})]


def test_people_read_a_summary(file: File, cli: CommandLine) -> None:
    file.path.write_text(TWO)
    result = cli("subscriber", "apply", str(file.path), "--check")
    assert (result.stdout, result.stderr) == (
        "",
        "would be added: 2, would be changed: 0, would be removed: 0\n",
    )
    result = cli("subscriber", "apply", str(file.path), "--diff")
    assert result.stdout.splitlines()[1] == "+ 11@example.org: password: none yet"
    assert "abc10" not in result.stdout
    assert result.stderr == "added: 2, changed: 0, removed: 0\n"


def test_standard_input(cli: CommandLine) -> None:
    cli.done("subscriber", "apply", "-", typed="user,permissions,aliases\n10,local ld,a;b\n")
    assert shown(cli, "permission", "show", "grp") == [("ld",), ("local",)]
    assert shown(cli, "alias", "list", "alias_username") == [("a",), ("b",)]
    result = cli("subscriber", "apply", "-", typed="user\n10 11\n")
    assert result.stderr.startswith("sipbox: standard input:2: user '10 11': a user name has")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- user: 10\n- user: 11\n- user: '10'\n", ":3: the user 10@example.org stands there twice (first"),
        ("- first_name: Ada\n", ":1: there is no user"),
        ("- user: a b\n", ":1: user 'a b': a user name has"),
        ("- user: 10@no domain\n", ":1: domain: 'no domain' is neither a domain name nor an address"),
        ("- user: 10@else.example\n", ":1: 10@else.example: else.example is not served; 'sipbox domain add"),
        ("- {user: 10@example.org, domain: b.example}\n", ":1: user '10@example.org' and domain 'b.example'"),
        ("- {user: 10, password: ''}\n- {user: 11, pin: 3}\n", ":2: there is no column 'pin'"),
        ('- {user: 10, password: "a\\tb"}\n', ":1: a password has at most 128 characters"),
        ("- {user: 10, ha1: abc}\n", ":1: ha1 is 32 hexadecimal digits"),
        ("- {user: 10, password: [a]}\n", ":1: password has to be text"),
        ("- {user: 10, first_name: 'abcdefghijklmnopqrstuvwxyz'}\n", ":1: first_name 'abc"),
        ("- {user: 10, email: nonsense}\n", ":1: 'nonsense' is no E-Mail address"),
        ("- {user: 10, permissions: [everything]}\n", ":1: the permission 'everything' is none of local"),
        ("- {user: 10, aliases: [a b]}\n", ":1: alias 'a b': a user name has"),
        (
            "- {user: 10, aliases: [11]}\n- user: 11\n",
            ":1: 10@example.org: the alias 11@example.org is a sub",
        ),
        (
            "- {user: 10, aliases: [a]}\n- {user: 11, aliases: [a]}\n",
            ":2: 11@example.org: the alias a@example",
        ),
        ("- {user: 10, aliases: [office]}\n", ":1: 10@example.org: the alias office@example.org leads to 9@"),
        ("- {user: office}\n", ":1: office@example.org: is an alias already"),
        ("- {user: 10, state: gone}\n", ":1: the state 'gone' is none"),
    ],
)
def test_what_cannot_be_changes_nothing(file: File, cli: CommandLine, text: str, said: str) -> None:
    cli.done("subscriber", "add", "9", typed="x\n")
    cli.done("alias", "add", "office", "9")
    assert file.refused(text).startswith(said)


def test_no_domain_is_served(file: File, cli: CommandLine) -> None:
    cli.settings(domains="[]")
    assert "no domain is served for 10; 'sipbox domain add DOMAIN' does it" in file.refused("[{user: 10}]")
    cli.settings(domains='["a.example", "b.example"]')
    assert "user '10' has no domain, and 2 are served; add domain: a.example" in file.refused("[{user: 10}]")


def test_other_permissions_when_asked_for(file: File, cli: CommandLine) -> None:
    file.apply("[{user: 10, permissions: [everything]}]", "--any")
    assert shown(cli, "permission", "show", "grp") == [("everything",)]
