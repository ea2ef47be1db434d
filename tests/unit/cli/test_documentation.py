"""docs/commands.md is held against the command line: every verb, with its arguments and what it does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from appliance.cli.application import NOUNS, sipbox

PAGE = Path(__file__).resolve().parents[3] / "docs" / "commands.md"
EVERYWHERE = {"--config", "--json", "--yes", "--help"}


def verbs() -> Iterator[tuple[str, click.Command]]:
    for noun in NOUNS:
        command = sipbox.get_command(click.Context(sipbox), noun)
        if command is not None:
            yield from below(f"sipbox {noun}", command)


def below(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    """The verbs of a noun, and those of the nouns that belong to it."""
    if not isinstance(command, click.Group):
        yield path, command
        return
    for verb, each in command.commands.items():
        yield from below(f"{path} {verb}", each)


def row(path: str, command: click.Command) -> str:
    """The command's row in the table."""
    context = click.Context(command)
    arguments = [each for each in command.params if isinstance(each, click.Argument)]
    options = [
        each for each in command.params if isinstance(each, click.Option) and each.opts[0] not in EVERYWHERE
    ]
    words = [path, *(argument.make_metavar(context) for argument in arguments)]
    for option in options:
        text = option.opts[0] if option.is_flag else f"{option.opts[0]} {option.make_metavar(context)}"
        words.append(text if option.required else f"[{text}]")
    typed = " ".join(words).replace("|", "\\|")
    does = (command.help or "").split("\n\n")[0].replace("\n", " ")
    return f"| `{typed}` | {does} |"


def test_every_command_is_documented_as_it_is() -> None:
    told = [line for line in PAGE.read_text().splitlines() if line.startswith("| `sipbox ")]
    assert told == [row(path, command) for path, command in verbs()]
