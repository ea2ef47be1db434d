"""``sipbox database``: the database as a whole. Passwords come from a prompt or standard input."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

import click

from appliance.cli.administrator import database_url, member_url, root_url
from appliance.cli.invocation import Invocation, Noun, confirm, invocation, json_option, say, yes_option
from appliance.cli.output import show_json, show_record
from appliance.cli.passwords import read_password

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

Function = TypeVar("Function", bound=Callable[..., Any])

GROUPS = ("core", "phones", "presence", "extra", "serweb")
QUESTIONS = {
    "presence": "Install presence related tables?",
    "extra": "Install extra tables - imc, cpl, siptrace, domainpolicy?",
    "serweb": "Install SERWEB related tables?",
}


def admin_options(function: Function) -> Function:
    """Whose rights are used on a MariaDB server."""
    function = click.option(
        "--admin-url",
        metavar="URL",
        help="The MariaDB server's administrator: mysql+pymysql://root@HOST, no password.",
    )(function)
    return click.option("--admin-password", is_flag=True, help="Ask for the administrator's password.")(
        function
    )


@click.group(cls=Noun)
def database() -> None:
    """Create, upgrade and look at the database."""


@database.command()
@click.option(
    "--group", "groups", multiple=True, type=click.Choice(GROUPS), help="Tables besides the core; repeatable."
)
@click.option("--all", "everything", is_flag=True, help="All groups of tables.")
@admin_options
@click.option("--reader", metavar="NAME", help="Make a MariaDB user who may only read; asks for a password.")
@yes_option
@invocation
def create(
    run: Invocation,
    groups: tuple[str, ...],
    everything: bool,
    admin_url: str | None,
    admin_password: bool,
    reader: str | None,
    yes: bool,
) -> None:
    """Make the database and its tables; what is there stays. On a terminal it asks for what is left open."""
    from appliance.storage import schema

    chosen = list(GROUPS if everything else groups)
    if not chosen and not yes and sys.stdin.isatty():
        chosen = [group for group, question in QUESTIONS.items() if click.confirm(question, err=True)]
    url = member_url(run.settings.database)
    steps = schema.create(
        url,
        chosen,
        others=run.settings.database.others,
        admin_url=administrator(admin_url, admin_password) or root_url(url),
        reader=reader,
        reader_password=read_password(reader) if reader else None,
    )
    _say_steps(steps, "the database was there already, and is up to date")


@database.command()
@admin_options
@yes_option
@invocation
def drop(run: Invocation, admin_url: str | None, admin_password: bool, yes: bool) -> None:
    """Remove the database with all that is in it."""
    from appliance.config import hide_password
    from appliance.storage import schema

    url = member_url(run.settings.database)
    confirm(f"Remove the database {hide_password(url)} and everything in it?", yes)
    by = administrator(admin_url, admin_password) or root_url(url)
    schema.drop(url, admin_url=by)
    say("the database is gone")


@database.command()
@click.option(
    "--group", "groups", multiple=True, type=click.Choice(GROUPS), help="Add a group of tables; repeatable."
)
@admin_options
@invocation
def upgrade(run: Invocation, groups: tuple[str, ...], admin_url: str | None, admin_password: bool) -> None:
    """Bring the tables up to date; run twice, it changes nothing the second time."""
    from appliance.storage import schema

    url = member_url(run.settings.database)
    by = administrator(admin_url, admin_password) or root_url(url)
    steps = schema.upgrade(url, admin_url=by, groups=groups)
    _say_steps(steps, "the database is up to date")


@database.command()
@json_option
@click.pass_context
@invocation
def status(run: Invocation, ctx: click.Context, as_json: bool) -> None:
    """Tell whether the database is there and up to date. Exit code 1: away, 3: something is to be done."""
    from appliance.config import hide_password
    from appliance.storage import schema

    url = member_url(run.settings.database)
    found = schema.status(database_url(url))
    found.url = hide_password(url)
    if as_json:
        show_json({**asdict(found), "ready": found.ready})
    else:
        show_record(
            {
                "database": found.url,
                "state": "ready" if found.ready else found.problem or "not ready",
                "groups": ", ".join(f"{group} ({step})" for group, step in found.groups.items()) or "none",
                "pending": ", ".join(found.pending) or "nothing",
                "missing": ", ".join(found.missing) or "nothing",
                **{f"rows of {table}": count for table, count in found.rows.items()},
                **found.settings,
            }
        )
    if not found.ready:
        ctx.exit(3 if found.reachable else 1)


def administrator(url: str | None, ask: bool) -> URL | None:
    """The URL of ``--admin-url``, with the password that ``--admin-password`` asks for; None without."""
    if url is None:
        if ask:
            raise click.UsageError("--admin-password goes with --admin-url")
        return None
    if urlsplit(url).password:
        raise click.UsageError(
            "a password on the command line can be read by everybody; use --admin-password"
        )
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        complete = make_url(url)
    except ArgumentError:
        raise click.UsageError("--admin-url has to be like mysql+pymysql://root@localhost") from None
    return complete.set(password=read_password("the database's administrator")) if ask else complete


def _say_steps(steps: list[str], nothing: str) -> None:
    for step in steps:
        say(f"done: {step}")
    if not steps:
        say(nothing)
