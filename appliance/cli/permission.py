"""``sipbox permission``: what a subscriber may call, as groups (openserctl's acl, table grp)."""

from __future__ import annotations

import click

from appliance.cli.address import address_of_record
from appliance.cli.invocation import Invocation, Noun, invocation, json_option, say
from appliance.cli.output import show_rows
from appliance.cli.rows import Rows
from appliance.errors import StorageError

GROUPS = ("local", "ld", "int", "voicemail", "free-pstn")  # openserctl's ACL_GROUPS


@click.group(cls=Noun)
def permission() -> None:
    """What a subscriber may call (openserctl's acl)."""


@permission.command()
@click.argument("user")
@click.argument("groups", nargs=-1, required=True)
@click.option("--any", "anything", is_flag=True, help="Allow groups of other names too.")
@invocation
def grant(run: Invocation, user: str, groups: tuple[str, ...], anything: bool) -> None:
    """Put USER into GROUPS: local, ld (long distance), int (international), voicemail, free-pstn."""
    who = address_of_record(run, user)
    for group in groups:
        if group not in GROUPS and not anything:
            raise click.UsageError(f"{group!r} is none of {', '.join(GROUPS)}; --any allows it")
        if not group or len(group) > 50 or not group.isprintable():
            raise click.UsageError("a group's name has 1 to 50 printable characters")
    from appliance.storage.administration import rows, subscribers
    from appliance.storage.tables import grp

    with run.database() as database:
        if subscribers.find(database, who) is None:
            raise StorageError(f"there is no subscriber {who}; 'sipbox subscriber add' makes one")
        has = {
            row["grp"]
            for row in rows.every(database, grp, ("grp",), username=who.username, domain=who.domain)
        }
        for group in dict.fromkeys(groups):
            if group not in has:
                taken = f"{who} is in {group} already"
                rows.add(database, grp, taken, username=who.username, domain=who.domain, grp=group)
    run.forget("grp", who)
    say(f"{who} has {', '.join(dict.fromkeys(groups))}")


@permission.command()
@click.argument("user")
@click.argument("group", required=False)
@invocation
def revoke(run: Invocation, user: str, group: str | None) -> None:
    """Take USER out of GROUP, or of all groups."""
    who = address_of_record(run, user)
    which = {"username": who.username, "domain": who.domain} | ({"grp": group} if group else {})
    Rows(run, "grp").remove(who, f"{who} is not in {group or 'any group'}", which)
    say(f"{who} has {group or 'any group'} no more")


@permission.command()
@click.argument("user", required=False)
@json_option
@invocation
def show(run: Invocation, user: str | None, as_json: bool) -> None:
    """Show the groups of all subscribers, or of USER."""
    who = address_of_record(run, user) if user else None
    show_rows(
        ("User", "Group", "Since (UTC)"),
        Rows(run, "grp").of(who, ("username", "domain", "grp", "last_modified")),
        lambda row: (f"{row['username']}@{row['domain']}", row["grp"], row["last_modified"]),
        "no permissions",
        as_json=as_json,
    )
