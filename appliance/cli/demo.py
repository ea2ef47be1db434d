"""``sipbox demo``: a working server on this machine for two phones, which is what ``./run`` starts.

Everything that it keeps lies in one directory: the settings, which ``sipbox --config`` takes, an embedded
database, keys, and the passwords of the phones, made at random the first time and shown at every start so
that phones can be set up.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

from appliance.cli.invocation import Verb, say
from appliance.cli.serve import cooperate, run_server
from appliance.config import Settings


@click.command(cls=Verb)
@click.option(
    "--state-dir",
    required=True,
    metavar="DIR",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep all here.",
)
@click.option(
    "--listen", default="127.0.0.1:5060", show_default=True, metavar="HOST:PORT", help="Where phones come."
)
@click.option(
    "--http", default="127.0.0.1:8080", show_default=True, metavar="HOST:PORT", help="Status and metrics."
)
@click.option("--quiet", is_flag=True, help="Do not show the messages.")
def demo(state_dir: Path, listen: str, http: str, quiet: bool) -> None:
    """Run a working server with two subscribers, 10 and 11, in the foreground. Ctrl-C ends it."""
    cooperate()
    from appliance.cli import demo_state

    place = demo_state.prepare(state_dir.absolute(), listen, http)
    _introduce(place.settings, place.config, place.passwords)
    run_server(place.settings, trace=not quiet, agent_config=str(place.config))


def _introduce(settings: Settings, config: Path, passwords: dict[str, str | None]) -> None:
    """What to type into a phone, and where to look."""
    listener = settings.sip.listeners[0]
    users = list(passwords)
    say("")
    say(f"sipbox serves phones at {listener.address} (UDP and TCP). Set up two of them:")
    say("")
    for name, values in (
        ("User name", users),
        ("Password", [password or "(changed)" for password in passwords.values()]),
        ("Domain", [settings.sip.domains[0]] * len(users)),
        ("Proxy / registrar", [listener.address] * len(users)),
    ):
        say(f"    {name:<20}" + "".join(f"{value:<24}" for value in values).rstrip())
    say("")
    say(f"Then dial {users[1]} on phone {users[0]}. The messages of the phones are shown below as they come.")
    say("")
    say(f"    Status page         http://{settings.agent.http}/")
    say(f"    Metrics             http://{settings.agent.http}/metrics")
    say(f"    Commands            {_command()} --config {_short(config)} status")
    if listener.host in ("127.0.0.1", "::1"):
        say("    Phones elsewhere    start with --listen ADDRESS-OF-THIS-MACHINE:5060")
    say("    End                 Ctrl-C")
    say("")


def _command() -> str:
    """How this very program is called from here."""
    started = Path(sys.argv[0])
    return str(_short(started.absolute())) if started.name == "sipbox" and started.is_file() else "sipbox"


def _short(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
