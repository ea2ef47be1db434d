"""``sipbox alias``: further addresses of a subscriber (openserctl's alias_db, table dbaliases)."""

from __future__ import annotations

import click

from appliance.cli.address import address_of_record
from appliance.cli.invocation import Invocation, Noun, invocation, json_option, say
from appliance.cli.output import show_rows
from appliance.cli.rows import Rows
from appliance.errors import DuplicateRow, StorageError
from appliance.sip.uri import AddressOfRecord

COLUMNS = ("alias_username", "alias_domain", "username", "domain")


@click.group(cls=Noun)
def alias() -> None:
    """Further addresses of a subscriber."""


@alias.command()
@click.argument("name", metavar="ALIAS")
@click.argument("user")
@invocation
def add(run: Invocation, name: str, user: str) -> None:
    """Calls to ALIAS go to USER."""
    also, who = address_of_record(run, name, "ALIAS"), address_of_record(run, user)
    from appliance.storage.administration import subscribers

    with run.database() as database:
        if subscribers.find(database, also) is not None:
            raise DuplicateRow(f"{also} is a subscriber, and cannot be an alias too")
        if subscribers.find(database, who) is None:
            raise StorageError(f"there is no subscriber {who}; 'sipbox subscriber add' makes one")
    taken = f"there is an alias {also} already; 'sipbox alias show {also}' tells whose"
    Rows(run, "dbaliases").add(also, taken, **_key(also), username=who.username, domain=who.domain)
    say(f"{also} leads to {who}")


@alias.command()
@click.argument("name", metavar="ALIAS")
@invocation
def remove(run: Invocation, name: str) -> None:
    """Take ALIAS away."""
    also = address_of_record(run, name, "ALIAS")
    Rows(run, "dbaliases").remove(also, _missing(also), _key(also))
    say(f"{also} removed")


@alias.command()
@click.argument("name", metavar="ALIAS")
@json_option
@invocation
def show(run: Invocation, name: str, as_json: bool) -> None:
    """Show where ALIAS leads."""
    also = address_of_record(run, name, "ALIAS")
    found = Rows(run, "dbaliases").every(COLUMNS, **_key(also))
    if not found:
        raise StorageError(_missing(also))
    _show(found, as_json)


@alias.command(name="list")
@click.argument("user", required=False)
@json_option
@invocation
def list_(run: Invocation, user: str | None, as_json: bool) -> None:
    """List all aliases, or those of USER."""
    who = address_of_record(run, user) if user else None
    _show(Rows(run, "dbaliases").of(who, COLUMNS), as_json)


def _key(also: AddressOfRecord) -> dict[str, str]:
    return {"alias_username": also.username, "alias_domain": also.domain}


def _missing(also: AddressOfRecord) -> str:
    return f"there is no alias {also}; 'sipbox alias list' shows all"


def _show(found: list[dict[str, str]], as_json: bool) -> None:
    show_rows(
        ("Alias", "Leads to"),
        found,
        lambda row: (f"{row['alias_username']}@{row['alias_domain']}", f"{row['username']}@{row['domain']}"),
        "no aliases",
        as_json=as_json,
    )
