"""``sipbox alias``: further addresses of a subscriber (openserctl's alias_db, table dbaliases)."""

from __future__ import annotations

import click

from appliance.cli.address import address_of_record
from appliance.cli.invocation import Invocation, Noun, invocation, json_option, say
from appliance.cli.output import show_json, show_table
from appliance.errors import DuplicateRow, StorageError

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
    from appliance.storage.administration import rows, subscribers
    from appliance.storage.tables import dbaliases

    with run.database() as database:
        if subscribers.find(database, also) is not None:
            raise DuplicateRow(f"{also} is a subscriber, and cannot be an alias too")
        if subscribers.find(database, who) is None:
            raise StorageError(f"there is no subscriber {who}; 'sipbox subscriber add' makes one")
        rows.add(
            database,
            dbaliases,
            f"there is an alias {also} already; 'sipbox alias show {also}' tells whose",
            alias_username=also.username,
            alias_domain=also.domain,
            username=who.username,
            domain=who.domain,
        )
    run.forget("dbaliases", also)
    say(f"{also} leads to {who}")


@alias.command()
@click.argument("name", metavar="ALIAS")
@invocation
def remove(run: Invocation, name: str) -> None:
    """Take ALIAS away."""
    also = address_of_record(run, name, "ALIAS")
    from appliance.storage.administration import rows
    from appliance.storage.tables import dbaliases

    with run.database() as database:
        if not rows.remove(database, dbaliases, alias_username=also.username, alias_domain=also.domain):
            raise StorageError(f"there is no alias {also}; 'sipbox alias list' shows all")
    run.forget("dbaliases", also)
    say(f"{also} removed")


@alias.command()
@click.argument("name", metavar="ALIAS")
@json_option
@invocation
def show(run: Invocation, name: str, as_json: bool) -> None:
    """Show where ALIAS leads."""
    also = address_of_record(run, name, "ALIAS")
    found = _rows(run, alias_username=also.username, alias_domain=also.domain)
    if not found:
        raise StorageError(f"there is no alias {also}; 'sipbox alias list' shows all")
    _show(found, as_json)


@alias.command(name="list")
@click.argument("user", required=False)
@json_option
@invocation
def list_(run: Invocation, user: str | None, as_json: bool) -> None:
    """List all aliases, or those of USER."""
    who = address_of_record(run, user) if user else None
    _show(_rows(run, username=who and who.username, domain=who and who.domain), as_json)


def _rows(run: Invocation, **values: str | None) -> list[dict[str, str]]:
    from appliance.storage.administration import rows
    from appliance.storage.tables import dbaliases

    with run.database() as database:
        return rows.every(database, dbaliases, COLUMNS, **values)


def _show(found: list[dict[str, str]], as_json: bool) -> None:
    if as_json:
        show_json(found)
        return
    told = [
        (f"{row['alias_username']}@{row['alias_domain']}", f"{row['username']}@{row['domain']}")
        for row in found
    ]
    show_table(("Alias", "Leads to"), told, "no aliases")
