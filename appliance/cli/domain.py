"""``sipbox domain``: the names that are served, besides those of ``[sip] domains``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from appliance.cli.address import domain_name
from appliance.cli.invocation import Invocation, Noun, confirm, invocation, json_option, say, yes_option
from appliance.cli.output import show_json, show_table
from appliance.errors import StorageError

if TYPE_CHECKING:
    from appliance.storage.engine import Database


@click.group(cls=Noun)
def domain() -> None:
    """Domains that are served."""


@domain.command()
@click.argument("name")
@click.option("--did", metavar="ID", help="Names with one ID are one domain.")
@click.option("--realm", metavar="REALM", help="The realm for passwords.  [default: the domain's first name]")
@invocation
def add(run: Invocation, name: str, did: str | None, realm: str | None) -> None:
    """Serve NAME."""
    name = domain_name(name, "NAME")
    for text, option in ((did, "--did"), (realm, "--realm")):
        if text is not None and (not text or len(text) > 64 or not text.isprintable() or '"' in text):
            raise click.UsageError(f"{option} has 1 to 64 printable characters without quotes")
    from appliance.storage.administration import domains

    with run.database() as database:
        before = domains.realm(database, name)
        domains.add(database, name, did, realm)
        _note_hashes(database, name, before)
    run.forget("domain", ("", name))
    say(f"{name} is served")


@domain.command()
@click.argument("name")
@yes_option
@invocation
def remove(run: Invocation, name: str, yes: bool) -> None:
    """Serve NAME no longer; its subscribers stay in the database."""
    name = domain_name(name, "NAME")
    from appliance.storage.administration import domains

    confirm(f"Serve {name} no longer?", yes)
    with run.database() as database:
        before = domains.realm(database, name)
        if not domains.remove(database, name):
            hint = "; it stands in the settings ([sip] domains)" if name in run.settings.sip.domains else ""
            raise StorageError(f"there is no domain {name} in the database{hint}")
        if name in run.settings.sip.domains:
            _note_hashes(database, name, before)
    run.forget("domain", ("", name))
    say(f"{name} is not served any more")


@domain.command(name="list")
@json_option
@invocation
def list_(run: Invocation, as_json: bool) -> None:
    """List the domains, of the settings and of the database."""
    from appliance.storage.administration import domains

    with run.database() as database:
        rows = domains.every(database)
    told: list[dict[str, object]] = [
        {"domain": name, "did": None, "digest_realm": None, "from": "settings"}
        for name in run.settings.sip.domains
    ]
    told += [{**row, "from": "database"} for row in rows]
    if as_json:
        show_json(told)
    else:
        columns = ("domain", "did", "digest_realm", "from")
        show_table(("Domain", "Id", "Realm", "From"), [[row[column] for column in columns] for row in told])


def _note_hashes(database: Database, name: str, before: str) -> None:
    """A hash is good for one realm (RFC 7616 §3.4.2): say whose passwords are to be set again."""
    from appliance.storage.administration import domains, subscribers

    now = domains.realm(database, name)
    count = subscribers.hashed_in(database, name) if now != before else 0
    if count:
        say(
            f"note: {count} passwords of {name} are stored for the realm {before!r}, and it is {now!r} now;"
            " 'sipbox subscriber passwd' sets each again"
        )
