"""``sipbox trace``: every message of the running server as it comes, in OpenSER's colours."""

from __future__ import annotations

import json
import sys

import click

from appliance.cli.invocation import Invocation, Verb, invocation


@click.command(cls=Verb)
@click.option(
    "--user", metavar="USER", help="Only messages from or to USER (10, 10@example.org or a SIP URI)."
)
@click.option("--method", metavar="METHOD", help="Only METHOD, and the replies to it.")
@click.option(
    "--colour/--no-colour", "--color/--no-color", default=None, help="Colours.  [default: on a terminal]"
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, for programs.")
@invocation
def trace(run: Invocation, user: str | None, method: str | None, colour: bool | None, as_json: bool) -> None:
    """Watch the messages of the running server, what it decides between them included. Ctrl-C ends it."""
    from appliance.telemetry.console import wants_colour
    from appliance.telemetry.trace import Entry
    from appliance.telemetry.trace_format import format_entry

    if colour is None:
        colour = wants_colour(sys.stdout)
    try:
        for told in run.stream("trace", user=user, method=method):
            click.echo(
                json.dumps(told) + "\n" if as_json else format_entry(Entry(**told), colour),
                nl=False,
                color=colour,
            )
            sys.stdout.flush()
    except KeyboardInterrupt:
        pass  # the usual way to end a trace
