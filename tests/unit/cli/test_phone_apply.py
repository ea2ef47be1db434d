"""``sipbox phone apply``: what an entry may say, and what is refused with its place."""

from __future__ import annotations

import json
from typing import Any

import pytest

from appliance.provisioning.vault import new_key
from tests.unit.cli.conftest import CommandLine

TWO = """phones:
  - mac: "00:15:65:12:34:56"
    model: t46s
    enabled: "no"
    language: de
    options: {time_zone: Europe/Berlin, codecs: [g722, pcma]}
    accounts:
      - {user: "10", display_name: Ada}
      - {user: sip:11@EXAMPLE.org, line: 3}
  - {mac: 00-04-13-12-34-56, model: snom d785, user: 010}
"""


class File:
    """A file of phones, and what applying it says."""

    def __init__(self, cli: CommandLine) -> None:
        self.cli = cli
        self.path = cli.directory / "phones.yml"
        key = cli.directory / "phones.key"
        key.write_text(new_key())
        key.chmod(0o600)
        cli.settings(more=f'[phones]\nkey_file = "{key}"\n')

    def apply(self, text: str, *options: str) -> dict[str, Any]:
        self.path.write_text(text)
        return dict(json.loads(self.cli.done("phone", "apply", str(self.path), "--json", *options)))

    def refused(self, text: str, *options: str) -> str:
        """The one line that says why; nothing has changed."""
        self.path.write_text(text)
        before = self.cli.done("phone", "list", "--json")
        result = self.cli("phone", "apply", str(self.path), *options)
        assert result.exit_code == 1
        assert result.stdout == ""
        assert result.stderr.count("\n") == 1
        assert self.cli.done("phone", "list", "--json") == before
        return result.stderr.removeprefix("sipbox: ").removeprefix(f"{self.path}").strip()


@pytest.fixture
def file(cli: CommandLine) -> File:
    return File(cli)


def test_an_entry_says_all_that_a_phone_can_be(file: File) -> None:
    done = file.apply(TWO)
    assert done == {
        "changed": True,
        "added": ["001565123456", "000413123456"],
        "changed_phones": [],
        "removed": [],
        "added_subscribers": ["10@example.org", "11@example.org", "010@example.org"],
        "changed_subscribers": [],
    }
    shown = json.loads(file.cli.done("phone", "show", "001565123456", "--json"))
    assert shown["options"] == {"codecs": ["g722", "pcma"], "language": "de", "time_zone": "Europe/Berlin"}
    assert shown["state"] == "disabled"
    assert [(each["line"], each["user"], each["display_name"]) for each in shown["lines"]] == [
        (1, "10@example.org", "Ada"),
        (3, "11@example.org", "11"),
    ]
    assert file.apply(TWO)["changed"] is False


def test_csv_will_do(file: File) -> None:
    file.path = file.path.with_suffix(".csv")
    assert file.apply("mac,model,user,password\n000413123456,d785,10,geheim\n")["added"] == ["000413123456"]
    assert "geheim" not in file.cli.done("phone", "list", "--json")


def test_remove_asks_and_only_takes_what_a_file_made(file: File) -> None:
    file.apply(TWO)
    file.cli.done("phone", "add", "000413000001", "d785", "20")
    less = TWO.partition("  - {mac: 00-04")[0]
    file.path.write_text(less)
    denied = file.cli("phone", "apply", str(file.path), "--remove", typed="n\n")
    assert denied.exit_code == 1
    assert "Remove 000413123456 (1 in all)?" in denied.stderr
    assert file.apply(less, "--remove", "--yes")["removed"] == ["000413123456"]
    assert file.apply(less, "--remove", "--yes")["changed"] is False
    assert "names no phone" in file.refused("phones: []", "--remove")


def test_a_phone_that_is_absent(file: File) -> None:
    file.apply(TWO)
    assert file.apply('- {mac: "000413123456", state: absent}')["removed"] == ["000413123456"]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("{model: t46s, user: 10}", ":1: mac: is missing"),
        ('{mac: "001565123456", user: 10}', ":1: model: is missing"),
        ('{mac: "001565123456", model: t46s}', ":1: user: is missing"),
        ('{mac: "001565123456", model: t46s, user: "1 0"}', ":1: user '1 0': a user name has"),
        ('{mac: "001565123456", model: t46s, user: 10, enabled: perhaps}', "'perhaps' is neither true nor"),
        ('{mac: "001565123456", model: t46s, user: 10, state: gone}', "the state 'gone' is none"),
        ('{mac: "001565123456", model: t46s, user: 10, options: x}', "options: has to be a mapping"),
        ('{mac: "001565123456", model: t46s, user: 10, colour: red}', "there is no column 'colour'"),
        (
            '{mac: "001565123456", model: t46s, user: 10, options: {colour: red}}',
            "colour: is no key of a phone",
        ),
        ('{mac: "001565123456", model: t46s, user: 10, language: xx}', "language: 'xx' is none of"),
        (
            '{mac: "001565123456", model: t46s, user: 10, time_zone: Mars}',
            "time_zone: 'Mars' is no time zone",
        ),
        ('{mac: "001565123456", model: t46s, user: 10@elsewhere.example}', "elsewhere.example is not served"),
        ('{mac: "001565123456", model: t46s, user: 10, display_name: \'say "x"\'}', "leave out the quotes"),
    ],
)
def test_an_entry_that_cannot_be(file: File, entry: str, said: str) -> None:
    assert said in file.refused(f"- {entry}\n")


def test_one_mac_twice(file: File) -> None:
    twice = (
        '- {mac: "00:15:65:12:34:56", model: t46s, user: 10}\n- {mac: 001565123456, model: t46s, user: 11}'
    )
    assert file.refused(twice).startswith(":2: the phone 001565123456 stands there twice (first ")


def test_without_the_key_nothing_is_done(file: File) -> None:
    (file.cli.directory / "phones.key").unlink()
    file.path.write_text(TWO)
    refused = file.cli("phone", "apply", str(file.path))
    assert refused.exit_code == 1
    assert "phones.key_file: there is no" in refused.stderr
