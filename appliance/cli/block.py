"""``sipbox block``: callers whom a subscriber does not want to hear (attributes of ``usr_preferences``)."""

from __future__ import annotations

import re

import click

from appliance.cli.address import address_of_record
from appliance.cli.invocation import Invocation, Noun, invocation, json_option, say
from appliance.cli.output import show_rows
from appliance.cli.rows import Rows
from appliance.errors import StorageError
from appliance.registrar.preferences import BLOCKED, REJECT_ANONYMOUS
from appliance.sip.uri import AddressOfRecord

ANONYMOUS = "anonymous"
_CALLER = re.compile(r"[^\s\"<>;:?@*]+\*?|[^\s\"<>;:?@*]*@[a-z0-9.\[\]:-]+")


@click.group(cls=Noun)
def block() -> None:
    """Callers whom a subscriber does not want to hear."""


@block.command()
@click.argument("user")
@click.argument("caller")
@invocation
def add(run: Invocation, user: str, caller: str) -> None:
    """Calls and messages of CALLER do not reach USER.

    CALLER is a number or name, USER@DOMAIN, @DOMAIN, a beginning with a * behind it, or 'anonymous' for all
    who do not say who they are.
    """
    who = address_of_record(run, user)
    row, taken = _row(who, caller), f"{who} has {caller} blocked already"
    rows = Rows(run, "usr_preferences")
    if rows.every(("value",), **row):
        raise StorageError(taken)
    rows.add(who, taken, **row)
    say(f"{caller} does not reach {who}")


@block.command()
@click.argument("user")
@click.argument("caller")
@invocation
def remove(run: Invocation, user: str, caller: str) -> None:
    """CALLER may reach USER again."""
    who = address_of_record(run, user)
    missing = f"{who} has not blocked {caller}; 'sipbox block list {who}' shows all"
    Rows(run, "usr_preferences").remove(who, missing, _row(who, caller))
    say(f"{caller} reaches {who}")


@block.command(name="list")
@click.argument("user", required=False)
@json_option
@invocation
def list_(run: Invocation, user: str | None, as_json: bool) -> None:
    """List whom subscribers have blocked, or whom USER has."""
    who = address_of_record(run, user) if user else None
    there = Rows(run, "usr_preferences").of(who, ("username", "domain", "attribute", "value"))
    found = [
        {
            "username": row["username"],
            "domain": row["domain"],
            "caller": row["value"] if row["attribute"] == BLOCKED else ANONYMOUS,
        }
        for row in there
        if row["attribute"] == BLOCKED or (row["attribute"] == REJECT_ANONYMOUS and row["value"] == "1")
    ]
    show_rows(
        ("User", "Caller"),
        found,
        lambda row: (f"{row['username']}@{row['domain']}", row["caller"]),
        "nobody is blocked",
        as_json=as_json,
    )


def _row(who: AddressOfRecord, caller: str) -> dict[str, str]:
    key = {"username": who.username, "domain": who.domain}
    if caller == ANONYMOUS:
        return key | {"attribute": REJECT_ANONYMOUS, "value": "1"}
    value = re.sub("^sips?:", "", caller.lower())
    if len(value) > 255 or not _CALLER.fullmatch(value):
        raise click.UsageError(f"CALLER {caller!r} is no number, USER@DOMAIN, @DOMAIN or BEGINNING*")
    return key | {"attribute": BLOCKED, "value": value}
