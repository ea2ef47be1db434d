"""``sipbox trace``: every message of the running server as it comes, in OpenSER's colours or as a ladder."""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from appliance.cli.invocation import Invocation, Verb, invocation, say
from appliance.errors import SipboxError

if TYPE_CHECKING:
    from appliance.telemetry.trace import Entry

Show = Callable[["Entry"], str]


@click.command(cls=Verb)
@click.option(
    "--user",
    metavar="USER",
    help="Only messages from or to USER (10, 10@example.org or a SIP URI).",
)
@click.option("--call-id", metavar="ID", help="Only one call, by its Call-ID.")
@click.option("--method", metavar="METHOD", help="Only METHOD, and the replies to it.")
@click.option("--ladder", is_flag=True, help="Arrows between those who take part, a line for each message.")
@click.option(
    "--pcap",
    metavar="FILE",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="Also write a capture file for Wireshark; what came encrypted can be read in it.",
)
@click.option(
    "--hep", metavar="HOST:PORT", help="Also send all to Homer, or to 'sngrep -L udp:HOST:PORT' (HEP3)."
)
@click.option(
    "--colour/--no-colour", "--color/--no-color", default=None, help="Colours.  [default: on a terminal]"
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, for programs.")
@invocation
def trace(
    run: Invocation,
    user: str | None,
    call_id: str | None,
    method: str | None,
    ladder: bool,
    pcap: Path | None,
    hep: str | None,
    colour: bool | None,
    as_json: bool,
) -> None:
    """Watch the messages of the running server, what it decides between them included. Ctrl-C ends it."""
    from appliance.telemetry.console import wants_colour
    from appliance.telemetry.trace import Entry

    show = _show(wants_colour(sys.stdout) if colour is None else colour, ladder=ladder)
    wanted = {"user": user, "method": method, "call_id": call_id}
    with ExitStack() as ends:
        further = [put for put in (_into_file(pcap, ends), _to_homer(hep, ends)) if put is not None]
        try:
            for told in run.stream("trace", **{name: text for name, text in wanted.items() if text}):
                entry = Entry(**told)
                for put in further:
                    put(entry)
                click.echo(json.dumps(told) + "\n" if as_json else show(entry), nl=False, color=colour)
                sys.stdout.flush()
        except KeyboardInterrupt:
            pass  # the usual way to end a trace
    if pcap is not None:
        say(f"the messages are in {pcap}")


def _show(colour: bool, *, ladder: bool) -> Show:
    if ladder:
        from appliance.telemetry.ladder import Ladder

        return Ladder(colour).lines
    from appliance.telemetry.trace_format import format_entry

    return lambda entry: format_entry(entry, colour)


def _into_file(path: Path | None, ends: ExitStack) -> Callable[[Entry], Any] | None:
    if path is None:
        return None
    from appliance.telemetry.pcap import HEADER, packet

    try:
        # For the administrator alone: what users say to one another may be in it.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as error:
        raise SipboxError(f"{path} cannot be written: {error.strerror or error}") from error
    file = ends.enter_context(os.fdopen(descriptor, "wb"))
    file.write(HEADER)

    def put(entry: Entry) -> None:
        file.write(packet(entry))
        file.flush()

    return put


def _to_homer(address: str | None, ends: ExitStack) -> Callable[[Entry], Any] | None:
    if address is None:
        return None
    from appliance.config.listener import split_address
    from appliance.telemetry.hep import packet

    try:
        host, port = split_address(address)
        family, kind, protocol, _, there = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    except (ValueError, OSError) as error:
        raise click.UsageError(f"--hep: {error}") from error
    sending = ends.enter_context(socket.socket(family, kind, protocol))

    def put(entry: Entry) -> None:
        try:
            sending.sendto(packet(entry), there)
        except OSError:
            pass  # nobody has to listen

    return put
