"""``sipbox agent``: the management agent, a process of its own with rights of its own."""

from __future__ import annotations

import click

from appliance.cli.invocation import Invocation, Verb, invocation
from appliance.cli.serve import cooperate
from appliance.supervision.refusal import told_to_systemd


@click.command(cls=Verb)
@invocation
def agent(run: Invocation) -> None:
    """Run the management agent in the foreground: FIFO, metrics, health and status page."""
    with told_to_systemd():
        settings = run.settings
        cooperate()
        from appliance.agent import service

        service.run(settings, run.path)
