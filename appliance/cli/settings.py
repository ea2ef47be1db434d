"""``sipbox config``: check a file of settings without starting anything, and show what holds."""

from __future__ import annotations

import click

from appliance.cli.invocation import Invocation, Noun, invocation, json_option, say
from appliance.cli.output import show_json

#: How long a worker may take that has much to do.
_BUSY_SECONDS = 10.0


@click.group(cls=Noun)
def config() -> None:
    """Check and show the settings."""


@config.command()
@click.argument("file", required=False)
@invocation
def check(run: Invocation, file: str | None) -> None:
    """Check FILE (the settings in use when none is named) without starting anything."""
    from appliance.config import check as check_file

    path = file or run.path
    for remark in check_file(path):
        say(f"note: {remark}")
    say(f"{path} is in order")


@config.command()
@invocation
def outdated(run: Invocation) -> None:
    """List the running workers that work with other settings than the file has by now.

    One that does not answer is one of them. They read it when they start: systemctl restart sipbox@NUMBER.
    """
    from appliance import control
    from appliance.errors import ControlError

    found = []
    # Each of them: the agent may be down, or of another release.
    for worker, place in enumerate(run.settings.sip.controls, 1):
        try:
            found += control.call(place, "outdated", timeout=_BUSY_SECONDS)
        except control.ServerDown as error:
            if isinstance(error.__cause__, PermissionError):
                raise
            if isinstance(error.__cause__, TimeoutError):
                found.append(worker)  # it runs, and does not say
        except ControlError:
            found.append(worker)  # an older release, which does not know
    for worker in found:
        click.echo(worker)
    if not found:
        say(f"whoever runs works with {run.path} as it is")


@config.command()
@json_option
@invocation
def show(run: Invocation, as_json: bool) -> None:
    """Show the settings that hold, defaults included, secrets hidden."""
    from msgspec import to_builtins

    from appliance.config import effective, hide_password

    if as_json:
        told = to_builtins(run.settings)
        database = told["database"]
        database["url"] = hide_password(database["url"])
        database["others"] = [hide_password(url) for url in database["others"]]
        show_json(told)
    else:
        click.echo(effective(run.settings), nl=False)
