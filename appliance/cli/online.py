"""``sipbox online``: who has a phone registered now."""

from __future__ import annotations

import click

from appliance.cli.invocation import Invocation, Verb, invocation, json_option
from appliance.cli.output import show_json


@click.command(cls=Verb)
@json_option
@invocation
def online(run: Invocation, as_json: bool) -> None:
    """List the addresses of record that have a phone registered, one a line."""
    aors = run.ask("online")
    if as_json:
        show_json(aors)
        return
    for aor in aors:
        click.echo(aor)
