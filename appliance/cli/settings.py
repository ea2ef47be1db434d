"""``sipbox config``: check a file of settings without starting anything, and show what holds."""

from __future__ import annotations

import click

from appliance.cli.invocation import Invocation, Noun, invocation, json_option, say
from appliance.cli.output import show_json


@click.group(cls=Noun)
def config() -> None:
    """Check and show the settings."""


@config.command()
@click.argument("file", required=False)
@invocation
def check(run: Invocation, file: str | None) -> None:
    """Check FILE (the settings in use when none is named) without starting anything."""
    from appliance.config import check as check_file

    path = file or run.path
    for remark in check_file(path):
        say(f"note: {remark}")
    say(f"{path} is in order")


@config.command()
@json_option
@invocation
def show(run: Invocation, as_json: bool) -> None:
    """Show the settings that hold, defaults included, secrets hidden."""
    from msgspec import to_builtins

    from appliance.config import effective, hide_password

    if as_json:
        told = to_builtins(run.settings)
        told["database"]["url"] = hide_password(told["database"]["url"])
        show_json(told)
    else:
        click.echo(effective(run.settings), nl=False)
