"""``sipbox serve``: the SIP server, in the foreground, as systemd and people start it."""

from __future__ import annotations

import resource

import click

from appliance.cli.invocation import Invocation, Verb, invocation
from appliance.config import Settings


@click.command(cls=Verb)
@click.option("--trace", is_flag=True, help="Show every message, in colour, on standard error.")
@click.option("--with-agent", is_flag=True, help="Run the management agent in the same process.")
@invocation
def serve(run: Invocation, trace: bool, with_agent: bool) -> None:
    """Run the SIP server in the foreground; SIGTERM or Ctrl-C ends it in order."""
    settings = run.settings
    run_server(settings, trace=trace, with_agent=with_agent)


def run_server(settings: Settings, *, trace: bool, with_agent: bool) -> None:
    """Runs the SIP server until it is told to end, and the management agent with it if wished."""
    cooperate()
    take_all_descriptors()
    from appliance.server import SipServer

    server = SipServer(settings)
    if trace:
        server.trace_to_terminal()
    if not with_agent:
        server.run()
        return
    from appliance.agent import service

    agent = service.start(settings)
    try:
        server.run()
    finally:
        agent.stop()


def cooperate() -> None:
    """Let everything that waits let others run. Before imports that hold on to the originals."""
    from gevent import monkey

    monkey.patch_all()


def take_all_descriptors() -> None:
    """Each TCP phone takes one, and the usual soft limit of 1,024 is there for programs that use select()."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
