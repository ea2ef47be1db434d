"""``sipbox fifo CMD ARGS…``: what ``openserctl fifo`` does, by the same FIFO."""

from __future__ import annotations

import click

from appliance.cli.fifo_client import FifoClient
from appliance.cli.invocation import Invocation, Verb, invocation
from appliance.errors import ControlError


@click.command(cls=Verb, context_settings={"ignore_unknown_options": True})
@click.option(
    "--timeout", type=float, default=40.0, show_default=True, metavar="SECONDS", help="Wait so long."
)
@click.argument("command")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@invocation
def fifo(run: Invocation, timeout: float, command: str, arguments: tuple[str, ...]) -> None:
    """Send COMMAND with ARGUMENTS to the server's FIFO and print the reply.

    `sipbox fifo which` lists the commands. An argument of several lines, such as a block of headers, is one
    ARGUMENT.
    """
    client = FifoClient(run.settings.agent.fifo, run.settings.agent.reply_dir)
    reply = client.send(command, arguments, timeout)
    status, _, rest = reply.partition("\n")
    code, _, reason = status.partition(" ")
    if code.isdigit() and int(code) >= 300:
        raise ControlError(int(code), reason)
    for line in ([] if code == "200" else [status]) + rest.split("\n"):
        if line.strip():
            click.echo(line)
