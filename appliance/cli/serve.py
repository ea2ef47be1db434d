"""``sipbox serve``: the SIP server, in the foreground, as systemd and people start it."""

from __future__ import annotations

import click

from appliance.cli.invocation import Invocation, Verb, invocation


@click.command(cls=Verb)
@click.option("--trace", is_flag=True, help="Show every message, in colour, on standard error.")
@click.option("--with-agent", is_flag=True, help="Run the management agent in the same process.")
@invocation
def serve(run: Invocation, trace: bool, with_agent: bool) -> None:
    """Run the SIP server in the foreground; SIGTERM or Ctrl-C ends it in order."""
    settings = run.settings
    cooperate()
    from appliance import server

    server.serve(settings, trace=trace, with_agent=with_agent)


def cooperate() -> None:
    """Let everything that waits let others run. Before imports that hold on to the originals."""
    from gevent import monkey

    monkey.patch_all()
