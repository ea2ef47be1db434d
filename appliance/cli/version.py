"""``sipbox version``."""

from __future__ import annotations

import click

from appliance.cli.invocation import Verb, json_option
from appliance.cli.output import show_json


@click.command(cls=Verb)
@json_option
def version(as_json: bool) -> None:
    """Show the version."""
    import platform

    from appliance import __version__

    if as_json:
        show_json({"version": __version__, "python": platform.python_version()})
    else:
        click.echo(f"sipbox {__version__} (Python {platform.python_version()})")
