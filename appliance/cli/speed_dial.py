"""``sipbox speed-dial``: two digits instead of an address (table speed_dial)."""

from __future__ import annotations

import re

import click

from appliance.cli.address import address_of_record, sip_uri
from appliance.cli.invocation import Invocation, Noun, invocation, json_option, say
from appliance.cli.output import show_rows
from appliance.cli.rows import Rows
from appliance.errors import StorageError
from appliance.sip.uri import AddressOfRecord

COLUMNS = ("username", "domain", "sd_username", "sd_domain", "new_uri", "description")


@click.group(cls=Noun)
def speed_dial() -> None:
    """Two digits instead of an address."""


@speed_dial.command()
@click.argument("user")
@click.argument("digits")
@click.argument("uri")
@click.argument("description", default="")
@invocation
def add(run: Invocation, user: str, digits: str, uri: str, description: str) -> None:
    """When USER dials DIGITS, two of them, URI is called."""
    who = address_of_record(run, user)
    number = _number(digits, who)
    # A bare number or name is one of his own domain, as whoever dials it would mean it.
    target = sip_uri(uri if "@" in uri or ":" in uri else f"{uri}@{who.domain}")
    if len(target) > 255 or len(description) > 64 or not description.isprintable():
        raise click.UsageError("URI has at most 255, DESCRIPTION at most 64 printable characters")
    taken = f"{who} has {number.username} already; 'sipbox speed-dial remove {who} {number.username}' first"
    row = {"new_uri": target, "description": description}
    Rows(run, "speed_dial").add(who, taken, **_key(who, number), **row)
    say(f"{number.username} of {who} calls {target}")


@speed_dial.command()
@click.argument("user")
@click.argument("digits")
@invocation
def remove(run: Invocation, user: str, digits: str) -> None:
    """Take DIGITS from USER."""
    who = address_of_record(run, user)
    number = _number(digits, who)
    Rows(run, "speed_dial").remove(who, _missing(who, number), _key(who, number))
    say(f"{number.username} of {who} removed")


@speed_dial.command()
@click.argument("user")
@click.argument("digits")
@json_option
@invocation
def show(run: Invocation, user: str, digits: str, as_json: bool) -> None:
    """Show what DIGITS of USER call."""
    who = address_of_record(run, user)
    number = _number(digits, who)
    found = Rows(run, "speed_dial").every(COLUMNS, **_key(who, number))
    if not found:
        raise StorageError(_missing(who, number))
    _show(found, as_json)


@speed_dial.command(name="list")
@click.argument("user", required=False)
@json_option
@invocation
def list_(run: Invocation, user: str | None, as_json: bool) -> None:
    """List all speed dials, or those of USER."""
    who = address_of_record(run, user) if user else None
    _show(Rows(run, "speed_dial").of(who, COLUMNS), as_json)


def _number(text: str, who: AddressOfRecord) -> AddressOfRecord:
    digits, at, domain = text.partition("@")
    if not re.fullmatch("[0-9]{2}", digits):
        raise click.UsageError(f"{text!r} is not two digits")
    return AddressOfRecord(digits, domain.lower() if at else who.domain)


def _key(who: AddressOfRecord, number: AddressOfRecord) -> dict[str, str]:
    return {
        "username": who.username,
        "domain": who.domain,
        "sd_username": number.username,
        "sd_domain": number.domain,
    }


def _missing(who: AddressOfRecord, number: AddressOfRecord) -> str:
    return f"{who} has no speed dial {number.username}; 'sipbox speed-dial list {who}' shows all"


def _show(found: list[dict[str, str]], as_json: bool) -> None:
    show_rows(
        ("User", "Digits", "Calls", "Description"),
        found,
        lambda row: (
            f"{row['username']}@{row['domain']}",
            row["sd_username"],
            row["new_uri"],
            row["description"],
        ),
        "no speed dials",
        as_json=as_json,
    )
