"""``sipbox preference``: attributes of a subscriber (openserctl's avp, table usr_preferences)."""

from __future__ import annotations

import click

from appliance.cli.address import address_of_record
from appliance.cli.invocation import Invocation, Noun, confirm, invocation, json_option, say, yes_option
from appliance.cli.output import show_rows
from appliance.cli.rows import Rows
from appliance.errors import StorageError

COLUMNS = ("username", "domain", "attribute", "type", "value")


@click.group(cls=Noun)
def preference() -> None:
    """Attributes of a subscriber (openserctl's avp)."""


@preference.command()
@click.argument("user")
@click.argument("attribute")
@click.argument("value")
@click.option(
    "--type", "kind", type=click.IntRange(0, 3), default=0, show_default=True, metavar="0..3",
    help="Name and value are: 0 text, text; 1 text, number; 2 number, text; 3 number, number.",
)  # fmt: skip
@invocation
def add(run: Invocation, user: str, attribute: str, value: str, kind: int) -> None:
    """Give USER an ATTRIBUTE with VALUE; one attribute may have several values."""
    who = address_of_record(run, user)
    for text, name, longest, number in (
        (attribute, "ATTRIBUTE", 32, kind & 2),
        (value, "VALUE", 255, kind & 1),
    ):
        if not text or len(text) > longest or not text.isprintable():
            raise click.UsageError(f"{name} has 1 to {longest} printable characters")
        if number and not text.removeprefix("-").isdecimal():
            raise click.UsageError(f"{name} has to be a number for --type {kind}")
    said = {
        "username": who.username,
        "domain": who.domain,
        "attribute": attribute,
        "type": kind,
        "value": value,
    }
    rows = Rows(run, "usr_preferences")
    if rows.every(COLUMNS, **said):
        raise StorageError(f"{who} has {attribute} = {value} already")
    rows.add(who, f"{who} has {attribute} already", **said)
    say(f"{who} has {attribute} = {value}")


@preference.command(name="list")
@click.argument("user", required=False)
@click.option("--attribute", metavar="NAME", help="Only this attribute.")
@json_option
@invocation
def list_(run: Invocation, user: str | None, attribute: str | None, as_json: bool) -> None:
    """List the attributes of all subscribers, or of USER."""
    who = address_of_record(run, user) if user else None
    which = {"username": who and who.username, "domain": who and who.domain, "attribute": attribute}
    show_rows(
        ("User", "Attribute", "Value", "Type"),
        Rows(run, "usr_preferences").every(COLUMNS, **which),
        lambda row: (f"{row['username']}@{row['domain']}", row["attribute"], row["value"], row["type"]),
        "no preferences",
        as_json=as_json,
    )


@preference.command()
@click.argument("user")
@click.argument("attribute", required=False)
@click.argument("value", required=False)
@yes_option
@invocation
def remove(run: Invocation, user: str, attribute: str | None, value: str | None, yes: bool) -> None:
    """Take ATTRIBUTE from USER (with this VALUE, or with all), or all attributes."""
    who = address_of_record(run, user)
    if attribute is None:
        confirm(f"Remove all preferences of {who}?", yes)
    named = {"username": who.username, "domain": who.domain, "attribute": attribute, "value": value}
    which = {key: text for key, text in named.items() if text is not None}
    missing = f"{who} has no such preference; 'sipbox preference list {who}' shows all"
    count = Rows(run, "usr_preferences").remove(who, missing, which)
    say(f"{count} removed")
