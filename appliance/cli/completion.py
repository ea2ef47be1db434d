"""``sipbox completion``: what makes the Tab key know the verbs and options, for bash, zsh and fish."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from appliance.cli.invocation import Verb


@click.command(cls=Verb)
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
def completion(shell: str) -> None:
    """Print what makes the Tab key of SHELL know verbs and options: `eval "$(sipbox completion bash)"`."""
    from appliance.cli.application import sipbox

    made = get_completion_class(shell)
    assert made is not None  # noqa: S101 - click knows these three
    click.echo(made(sipbox, {}, "sipbox", "_SIPBOX_COMPLETE").source())
