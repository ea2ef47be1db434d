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
    from appliance.sip import parser

    # An extension module stands in for its source where the core has been compiled (scripts/compile_core.py).
    compiled = not str(parser.__file__).endswith(".py")
    if as_json:
        show_json({"version": __version__, "python": platform.python_version(), "compiled": compiled})
    else:
        core = ", compiled" if compiled else ""
        click.echo(f"sipbox {__version__} (Python {platform.python_version()}{core})")
