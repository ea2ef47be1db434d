"""``sipbox registration``: where phones can be reached now, asked of the running server."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import click

from appliance.cli.address import address_of_record, sip_uri
from appliance.cli.invocation import Invocation, Noun, confirm, invocation, json_option, say, yes_option
from appliance.cli.output import duration, show_json, show_record, show_rows
from appliance.errors import ControlError
from appliance.registrar.binding import NATED

# The filters of somebody who has named none.
_ALL = (None, None, None, False, None)


@click.group(cls=Noun)
def registration() -> None:
    """Where phones can be reached now."""


@registration.command(name="list")
@click.option("--user", metavar="TEXT", help="Only addresses with TEXT in them.")
@click.option("--contact", metavar="TEXT", help="Only contacts, and flows, with TEXT in them.")
@click.option("--phone", metavar="TEXT", help="Only phones whose User-Agent has TEXT in it.")
@click.option("--nated", is_flag=True, help="Only phones behind a NAT.")
@click.option(
    "--expiring", type=click.IntRange(0), metavar="SECONDS", help="Only those that run out within SECONDS."
)
@json_option
@invocation
def list_(
    run: Invocation,
    user: str | None,
    contact: str | None,
    phone: str | None,
    nated: bool,
    expiring: int | None,
    as_json: bool,
) -> None:
    """List registrations: all, or those that fit every option."""
    found = [
        row
        for row in run.ask("registrations")
        if _has(user, row["aor"])
        and _has(contact, row["contact"], row["received"])
        and _has(phone, row["user_agent"])
        and (row["cflags"] & NATED or not nated)
        and (expiring is None or (row["expires"] is not None and row["expires"] <= expiring))
    ]
    show_rows(
        ("Address", "Contact", "Expires in", "Phone"),
        sorted(found, key=lambda row: (len(row["aor"]), row["aor"])),
        lambda row: (row["aor"], row["contact"], duration(row["expires"]), row["user_agent"]),
        "nobody is registered" if (user, contact, phone, nated, expiring) == _ALL else "none fits",
        as_json=as_json,
    )


@registration.command()
@click.argument("user")
@json_option
@invocation
def show(run: Invocation, user: str, as_json: bool) -> None:
    """Show the registrations of USER in full."""
    who = address_of_record(run, user, stored=False)
    found = run.ask("registrations", aor=str(who))
    if not found:
        raise ControlError(404, f"{who} has no phone registered")
    if as_json:
        show_json(found)
        return
    for number, row in enumerate(found):
        if number:
            click.echo()
        show_record({key.replace("_", " "): _told(key, value) for key, value in row.items()})


@registration.command()
@click.argument("user")
@click.argument("contact", required=False)
@yes_option
@invocation
def remove(run: Invocation, user: str, contact: str | None, yes: bool) -> None:
    """Forget CONTACT of USER, or all contacts; the phone comes back when it registers again."""
    who = address_of_record(run, user, stored=False)
    if contact is None:
        confirm(f"Remove all registrations of {who}?", yes)
    uri = sip_uri(contact, "CONTACT") if contact else None
    if not run.ask("registration_remove", aor=str(who), contact=uri):
        raise ControlError(404, f"{who} has no {'such contact' if contact else 'phone registered'}")
    say(f"{contact or 'all registrations'} of {who} removed")


@registration.command()
@click.argument("user")
@click.argument("contact")
@click.option(
    "--expires",
    type=click.IntRange(0, 2**31 - 1),
    default=0,
    metavar="SECONDS",
    help="0, the default: never.",
)
@click.option(
    "--q",
    type=click.FloatRange(0, 1),
    default=1.0,
    show_default=True,
    metavar="0..1",
    help="Larger is tried first.",
)
@invocation
def add(run: Invocation, user: str, contact: str, expires: int, q: float) -> None:
    """USER can be reached at CONTACT, for good unless --expires says until when."""
    who = address_of_record(run, user, stored=False)
    contact = sip_uri(contact, "CONTACT")
    run.ask("registration_add", aor=str(who), contact=contact, expires=expires, q=q)
    say(f"{who} can be reached at {contact}")


def _told(key: str, value: Any) -> Any:
    if key == "modified":
        return f"{datetime.fromtimestamp(value).astimezone():%Y-%m-%d %H:%M:%S}"
    return duration(value) if key == "expires" else value


def _has(text: str | None, *values: str | None) -> bool:
    """Whether one of the values has the text in it, in small letters or large; None is in all."""
    return text is None or any(text.lower() in value.lower() for value in values if value)
