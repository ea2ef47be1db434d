"""``sipbox ban``: who is kept out, asked of the running server."""

from __future__ import annotations

from datetime import datetime

import click

from appliance.cli import fail2ban
from appliance.cli.invocation import Invocation, Noun, invocation, json_option, say
from appliance.cli.output import duration, show_json, show_table
from appliance.errors import ControlError


@click.group(cls=Noun)
def ban() -> None:
    """Addresses that are kept out for a while."""


@ban.command(name="list")
@json_option
@invocation
def list_(run: Invocation, as_json: bool) -> None:
    """List the bans, the one that ends first at first."""
    found = run.ask("bans")
    if as_json:
        show_json(found)
        return
    show_table(
        ("Address", "Since", "Ends in", "Times", "Reason"),
        [
            (
                row["source"],
                f"{datetime.fromtimestamp(row['since']).astimezone():%Y-%m-%d %H:%M:%S}",
                duration(row["seconds"]),
                row["times"] or "",
                row["reason"] + (" (rests: it is known)" if row.get("rests") else ""),
            )
            for row in found
        ],
        "nobody is banned",
    )


@ban.command()
@click.argument("address")
@click.option(
    "--seconds",
    type=click.IntRange(1, 31_536_000),
    default=3600,
    show_default=True,
    metavar="SECONDS",
    help="How long.",
)
@invocation
def add(run: Invocation, address: str, seconds: int) -> None:
    """Keep ADDRESS out: an address, or a network such as 192.0.2.0/24."""
    name = run.ask("ban_add", source=address, seconds=seconds)
    say(f"{name} is banned for {duration(seconds)}")


@ban.command()
@click.argument("address")
@invocation
def lift(run: Invocation, address: str) -> None:
    """Let ADDRESS in again, and forget how often it was banned; a ban of fail2ban's is lifted too."""
    found = run.ask("ban_lift", source=address)
    lifted, left = fail2ban.lift(address)
    if left:
        say(f"fail2ban may still ban {address}; as root: {'; '.join(left)}")
    if not (found or lifted):
        raise ControlError(404, f"{address} is not banned")
    say(f"{address} is banned no longer")
