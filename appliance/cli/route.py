"""``sipbox route``: which numbers go to which gateways (openserctl's lcr addroute; table lcr)."""

from __future__ import annotations

import click

from appliance.cli.address import address_of_record
from appliance.cli.gateway_usage import as_usage
from appliance.cli.gateway_words import ANY_NUMBER, number_prefix, route_row
from appliance.cli.invocation import Invocation, Noun, invocation, json_option, say
from appliance.cli.output import show_json, show_record, show_rows
from appliance.errors import StorageError


@click.group(cls=Noun)
def route() -> None:
    """Which numbers go to which gateways: the longest prefix first, then the lowest priority."""


@route.command()
@click.argument("prefix")
@click.argument("group")
@click.option("--from", "from_uri", default="", metavar="PATTERN", help="Only callers whom it fits.")
@click.option(
    "--priority", default=0, metavar="N", help="The cost: lower ones come first.", show_default=True
)
@invocation
def add(run: Invocation, prefix: str, group: str, from_uri: str, priority: int) -> None:
    """Numbers that begin with PREFIX ('any': all) go to the gateways of GROUP."""
    with as_usage():
        row = route_row(prefix, group, from_uri=from_uri, priority=priority)
    from appliance.storage.administration import gateways

    with run.database() as database:
        if not gateways.has_group(database, group):
            raise StorageError(f"no gateway is in the group {group}; 'sipbox gateway list' shows all")
        taken = f"there is that route already; 'sipbox route remove {prefix} {group}' first"
        gateways.add(database, "lcr", row, taken)
    run.forget("lcr", ("", ""))
    say(f"{_numbers(prefix)} go to {group}")


@route.command()
@click.argument("prefix")
@click.argument("group")
@invocation
def remove(run: Invocation, prefix: str, group: str) -> None:
    """Numbers that begin with PREFIX ('any': all) go to GROUP no more."""
    from appliance.storage.administration import gateways

    with as_usage():
        begins = number_prefix(prefix)
    with run.database() as database:
        if not gateways.remove(database, "lcr", prefix=begins, group=group):
            raise StorageError("there is no such route; 'sipbox route list' shows all")
    run.forget("lcr", ("", ""))
    say(f"{_numbers(prefix)} go to {group} no more")


@route.command(name="list")
@json_option
@invocation
def list_(run: Invocation, as_json: bool) -> None:
    """List the routes, those that come first at the top."""
    from appliance.storage.administration import gateways

    with run.database() as database:
        rows = gateways.every(database, "lcr")
    rows.sort(key=lambda row: (-len(row["prefix"] or ""), row["prefix"] or "", row["priority"]))
    show_rows(
        ("Prefix", "From", "Group", "Priority"),
        rows,
        lambda row: (row["prefix"] or ANY_NUMBER, row["from_uri"] or "", row["group"], row["priority"]),
        "no routes",
        as_json=as_json,
    )


@route.command()
@click.argument("user")
@click.argument("number")
@json_option
@invocation
def show(run: Invocation, user: str, number: str, as_json: bool) -> None:
    """Ask the running server what would become of USER's call to NUMBER; nobody is called."""
    who = address_of_record(run, user)
    told = run.ask("route", caller=str(who), number=number)
    if as_json:
        show_json(told)
        return
    needed = {None: "nobody may call it", "": "everybody may call it"}.get(told["needed"], told["needed"])
    ways = [f"{way['gateway']} as {way['uri']}" for way in told["gateways"]]
    show_record(
        {
            "user": who,
            "permission": needed,
            "has": ", ".join(told["groups"]) or "none",
            "may call": told["allowed"],
            "gateways": ", then ".join(ways) or "no route fits",
        }
    )


def _numbers(prefix: str) -> str:
    return "all numbers" if prefix == ANY_NUMBER else f"numbers that begin with {prefix}"
