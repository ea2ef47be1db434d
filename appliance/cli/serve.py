"""``sipbox serve``: the SIP server, in the foreground, as systemd and people start it."""

from __future__ import annotations

import resource
from collections.abc import Callable

import click

from appliance.cli.invocation import Invocation, Verb, invocation
from appliance.config import Settings, load
from appliance.errors import SettingsError
from appliance.supervision.refusal import told_to_systemd


@click.command(cls=Verb)
@click.option("--trace", is_flag=True, help="Show every message, in colour, on standard error.")
@click.option("--with-agent", is_flag=True, help="Run the management agent in the same process.")
@click.option(
    "--worker",
    type=click.IntRange(1, 64),
    default=1,
    metavar="NUMBER",
    help="Which of the workers this one is.",
)
@invocation
def serve(run: Invocation, trace: bool, with_agent: bool, worker: int) -> None:
    """Run the SIP server in the foreground; SIGTERM or Ctrl-C ends it in order."""
    with told_to_systemd():
        settings = run.settings
        if worker > settings.sip.worker_count:
            problem = (
                f"is {settings.sip.worker_count}, and this is worker {worker}:"
                f" systemctl disable --now sipbox@{worker}.socket sipbox@{worker}.service"
            )
            raise SettingsError(problem, path="sip.workers")
        agent_config = run.path if with_agent else None
        run_server(
            settings, trace=trace, agent_config=agent_config, worker=worker, reread=lambda: load(run.path)
        )


def run_server(
    settings: Settings,
    *,
    trace: bool,
    agent_config: str | None,
    worker: int = 1,
    reread: Callable[[], Settings] | None = None,
) -> None:
    """Runs the SIP server until it is told to end; with ``agent_config``, the file of the settings, the
    management agent too.

    ``reread`` gives the settings as the file has them by now.
    """
    cooperate()
    take_all_descriptors()
    from appliance.server import SipServer

    server = SipServer(settings, worker, reread)
    if trace:
        server.trace_to_terminal()
    if agent_config is None:
        server.run()
        return
    from appliance.agent import service

    agent = service.start(settings, agent_config)
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
