"""``sipbox diagnose``: a line for each part of the box, and what to do where something is wrong."""

from __future__ import annotations

from pathlib import Path

import click

from appliance.cli.administrator import database_url
from appliance.cli.invocation import Invocation, Verb, invocation, json_option
from appliance.cli.output import show_json
from appliance.cli.status import EXIT_DEGRADED, EXIT_DOWN
from appliance.telemetry.trace_format import harmless

_SHOWN = {"ok": "ok", "off": "off", "unknown": "unknown", "wrong": "WRONG", "down": "DOWN"}
_EXITS = {"ok": 0, "wrong": EXIT_DEGRADED, "down": EXIT_DOWN}


@click.command(cls=Verb)
@click.argument("parts", nargs=-1)
@click.option(
    "--backups",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Where backups are made every day.  [default: where the timer makes them]",
)
@json_option
@click.pass_context
@invocation
def diagnose(
    run: Invocation, ctx: click.Context, parts: tuple[str, ...], backups: Path | None, as_json: bool
) -> None:
    """Look at every part of the box, or only at PARTS: what is wrong, and what to do about it.

    Exit code 0: nothing is wrong, 1: the server is down, 3: it works, and somebody should look.
    """
    from appliance.diagnosis import CHECKS, Surroundings, verdict
    from appliance.diagnosis import diagnose as look_at
    from appliance.diagnosis.lenient import read

    unknown = [part for part in parts if part not in CHECKS]
    if unknown:
        raise click.UsageError(f"there is no part {unknown[0]!r}; there are {', '.join(CHECKS)}")
    reading = read(run.path)
    run.settings = reading.settings  # what holds of them: a wrong line must not be the end of it
    around = Surroundings(reading, run.ask, database_url(reading.settings.database.url), backups=backups)
    found = {}
    width = max(map(len, CHECKS))
    for name, finding in look_at(around, parts):
        found[name] = finding
        if not as_json:
            follows = f" (follows from: {finding.because})" if finding.because else ""
            click.echo(f"{name:<{width}}  {_SHOWN[finding.state]:<7}  {harmless(finding.what)}{follows}")
            if finding.todo:
                click.echo(f"{'':<{width}}  {'':<7}  {harmless(finding.todo)}")
    state = verdict(found.values())
    if as_json:
        checks = [{"part": name, **finding._asdict()} for name, finding in found.items()]
        show_json({"state": state, "checks": checks})
    else:
        wrong = {name: each for name, each in found.items() if each.state in ("wrong", "down")}
        _conclude(
            [name for name, each in wrong.items() if not each.because],
            [name for name, each in wrong.items() if each.because],
        )
    if _EXITS[state]:
        ctx.exit(_EXITS[state])


def _conclude(causes: list[str], rest: list[str]) -> None:
    follows = f" What follows from it: {', '.join(rest)}." if rest else ""
    if not causes:
        click.echo("\nNothing is wrong.")
    elif len(causes) == 1:
        click.echo(f"\nSomething is wrong: {causes[0]}.{follows}")
    else:
        click.echo(f"\n{len(causes)} things are wrong: {', '.join(causes)}. Begin with {causes[0]}.{follows}")
