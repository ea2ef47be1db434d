"""``sipbox preference``: attributes of a subscriber (openserctl's avp, table usr_preferences)."""

from __future__ import annotations

import click

from appliance.cli.address import address_of_record
from appliance.cli.invocation import Invocation, Noun, confirm, invocation, json_option, say, yes_option
from appliance.cli.output import show_json, show_table
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
    from appliance.storage.administration import rows
    from appliance.storage.tables import usr_preferences

    said = {
        "username": who.username,
        "domain": who.domain,
        "attribute": attribute,
        "type": kind,
        "value": value,
    }
    with run.database() as database:
        if rows.every(database, usr_preferences, COLUMNS, **said):
            raise StorageError(f"{who} has {attribute} = {value} already")
        rows.add(database, usr_preferences, f"{who} has {attribute} already", **said)
    run.forget("usr_preferences", who)
    say(f"{who} has {attribute} = {value}")


@preference.command(name="list")
@click.argument("user", required=False)
@click.option("--attribute", metavar="NAME", help="Only this attribute.")
@json_option
@invocation
def list_(run: Invocation, user: str | None, attribute: str | None, as_json: bool) -> None:
    """List the attributes of all subscribers, or of USER."""
    who = address_of_record(run, user) if user else None
    from appliance.storage.administration import rows
    from appliance.storage.tables import usr_preferences

    which = {"username": who and who.username, "domain": who and who.domain, "attribute": attribute}
    with run.database() as database:
        found = rows.every(database, usr_preferences, COLUMNS, **which)
    if as_json:
        show_json(found)
    else:
        told = [
            (f"{row['username']}@{row['domain']}", row["attribute"], row["value"], row["type"])
            for row in found
        ]
        show_table(("User", "Attribute", "Value", "Type"), told, "no preferences")


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
    from appliance.storage.administration import rows
    from appliance.storage.tables import usr_preferences

    which = {"username": who.username, "domain": who.domain, "attribute": attribute, "value": value}
    with run.database() as database:
        count = rows.remove(
            database, usr_preferences, **{key: text for key, text in which.items() if text is not None}
        )
    if not count:
        raise StorageError(f"{who} has no such preference; 'sipbox preference list {who}' shows all")
    run.forget("usr_preferences", who)
    say(f"{count} removed")
