from __future__ import annotations

from pathlib import Path

import click
import pytest

from appliance import __version__
from appliance.cli.application import NOUNS, sipbox
from tests.unit.cli.conftest import CommandLine


@pytest.mark.parametrize("noun", NOUNS)
def test_every_noun_is_there_and_helps(bare: CommandLine, noun: str) -> None:
    told = bare.done(noun, "--help")
    assert "--config FILE" in told
    command = sipbox.get_command(click.Context(sipbox), noun)
    assert command is not None
    assert command.name == noun


@pytest.mark.parametrize("noun", NOUNS)
def test_every_verb_takes_the_settings_after_it(bare: CommandLine, noun: str) -> None:
    command = sipbox.get_command(click.Context(sipbox), noun)
    verbs = command.commands if isinstance(command, click.Group) else {}
    for verb in verbs:
        told = bare.done(noun, verb, "--help")
        assert "--config FILE" in told
        assert told.splitlines()[2].strip(), f"{noun} {verb} does not say what it does"


def test_help_lists_all_nouns(bare: CommandLine) -> None:
    told = bare.done("--help")
    assert all(f"  {noun} " in told for noun in NOUNS)


def test_version(bare: CommandLine) -> None:
    assert bare.done("version").startswith(f"sipbox {__version__} ")
    assert bare.done("--version") == f"sipbox {__version__}\n"
    assert f'"version": "{__version__}"' in bare.done("version", "--json")


def test_unknown_nouns_verbs_and_options_are_wrong_usage(bare: CommandLine) -> None:
    for arguments in (
        ["nonsense"],
        ["subscriber", "nonsense"],
        ["status", "--nonsense"],
        ["subscriber", "add"],
    ):
        assert bare(*arguments).exit_code == 2, arguments


def test_the_settings_may_stand_before_or_after_and_in_the_environment(
    bare: CommandLine, tmp_path: Path
) -> None:
    other = tmp_path / "other.toml"
    other.write_text('[sip]\ndomains = ["other.example"]\n')
    for arguments in (
        ["--config", str(other), "config", "show"],
        ["config", "--config", str(other), "show"],
        ["config", "show", "--config", str(other)],
        ["--config", "/nowhere", "config", "show", "--config", str(other)],
    ):
        assert 'domains = ["other.example"]' in bare.done(*arguments)
    assert 'domains = ["example.org"]' in bare.done("config", "show")
    told = bare("config", "show", env={"SIPBOX_CONFIG": str(other)})
    assert 'domains = ["other.example"]' in told.stdout


def test_an_expected_failure_is_one_line_on_standard_error(bare: CommandLine) -> None:
    result = bare("--config", "/nowhere/sipbox.toml", "config", "show")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr == (
        "sipbox: /nowhere/sipbox.toml: there is no such file; name one with --config FILE or SIPBOX_CONFIG\n"
    )


def test_a_missing_database_says_what_to_do(bare: CommandLine) -> None:
    result = bare("subscriber", "list")
    assert result.exit_code == 1
    assert "sipbox database" in result.stderr
    assert "Traceback" not in result.stderr


def test_the_server_down_is_a_sentence(bare: CommandLine) -> None:
    result = bare("online")
    assert result.exit_code == 1
    assert result.stderr.startswith("sipbox: nobody answers at ")
