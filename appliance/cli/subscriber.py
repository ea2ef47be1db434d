"""``sipbox subscriber``: people who may register and call."""

from __future__ import annotations

import click

from appliance.cli.address import address_of_record, domain_name, mail_address
from appliance.cli.invocation import Invocation, Noun, confirm, invocation, json_option, say, yes_option
from appliance.cli.output import show_json, show_record, show_table
from appliance.cli.passwords import read_password
from appliance.cli.phone_password import phone_password
from appliance.cli.subscriber_apply import apply
from appliance.errors import StorageError

store_password = click.option(
    "--store-password",
    is_flag=True,
    help="Keep the password itself too, readable in the database (25 characters).",
)


class NoSuchSubscriber(StorageError):
    """Nobody of that name."""

    def __init__(self, who: object) -> None:
        super().__init__(f"there is no subscriber {who}; 'sipbox subscriber list' shows all")


@click.group(cls=Noun)
def subscriber() -> None:
    """People who may register and call. The password is asked for, or read from standard input."""


@subscriber.command()
@click.argument("user")
@click.option("--email", default="", metavar="ADDRESS")
@click.option("--first-name", default="", metavar="NAME")
@click.option("--last-name", default="", metavar="NAME")
@store_password
@invocation
def add(
    run: Invocation, user: str, email: str, first_name: str, last_name: str, store_password: bool
) -> None:
    """Add USER (10, or 10@DOMAIN when several domains are served)."""
    who = address_of_record(run, user)
    names = [
        _name(text, option) for text, option in ((first_name, "--first-name"), (last_name, "--last-name"))
    ]
    from appliance.storage.administration import domains, subscribers

    profile = subscribers.Profile(mail_address(email), *names)
    password = read_password(str(who))
    with run.database() as database:
        folded = not run.settings.registrar.case_sensitive
        named = run.settings.named_domains
        subscribers.add(
            database, who, password, profile, plaintext=store_password, folded=folded, named=named
        )
        served = domains.gathered(database, named)
    if who.domain not in served:
        say(f"note: {who.domain} is not served yet; 'sipbox domain add {who.domain}' makes it so")
    run.forget("subscriber", who)
    say(f"{who} added")


subscriber.add_command(apply)


@subscriber.command()
@click.argument("user")
@store_password
@invocation
def passwd(run: Invocation, user: str, store_password: bool) -> None:
    """Give USER another password."""
    who = address_of_record(run, user)
    from appliance.storage.administration import subscribers

    with run.database() as database:
        if subscribers.find(database, who) is None:
            raise NoSuchSubscriber(who)
        password = read_password(str(who))
        phones = phone_password(run, database, who, password)
        if not subscribers.set_password(
            database,
            who,
            password,
            plaintext=store_password,
            named=run.settings.named_domains,
            then=phones,
        ):
            raise NoSuchSubscriber(who)
    run.forget("subscriber", who)
    say(f"the password of {who} is changed")
    if phones is not None:
        say(f"phones have to fetch it: 'sipbox phone resync {who}'")


@subscriber.command()
@click.argument("user")
@yes_option
@invocation
def remove(run: Invocation, user: str, yes: bool) -> None:
    """Take USER away, with permissions, aliases, preferences, speed dials and registrations."""
    who = address_of_record(run, user)
    from appliance.storage.administration import subscribers

    with run.database() as database:
        if subscribers.find(database, who) is None:
            raise NoSuchSubscriber(who)
        confirm(f"Remove {who} with all that belongs to it?", yes)
        if not subscribers.remove(database, who):
            raise NoSuchSubscriber(who)
    run.forget("subscriber", who)
    run.tell("registration_remove", aor=str(who))
    say(f"{who} removed")


@subscriber.command()
@click.argument("user")
@json_option
@invocation
def show(run: Invocation, user: str, as_json: bool) -> None:
    """Show what is known of USER; passwords and hashes are not shown."""
    who = address_of_record(run, user)
    from appliance.storage.administration import subscribers

    with run.database() as database:
        found = subscribers.find(database, who)
    if found is None:
        raise NoSuchSubscriber(who)
    if as_json:
        show_json(found)
    else:
        show_record({key.replace("_", " "): value for key, value in found.items() if value != ""})


@subscriber.command(name="list")
@click.option("--domain", metavar="DOMAIN", help="Only those of DOMAIN.")
@json_option
@invocation
def list_(run: Invocation, domain: str | None, as_json: bool) -> None:
    """List all subscribers."""
    from appliance.storage.administration import subscribers

    with run.database() as database:
        rows = subscribers.every(database, domain=domain_name(domain, "--domain") if domain else None)
    if as_json:
        show_json(rows)
        return
    columns = ("username", "domain", "first_name", "last_name", "email_address")
    heading = ("User", "Domain", "First name", "Last name", "E-Mail")
    show_table(heading, [[row[column] for column in columns] for row in rows], "no subscribers")


def _name(text: str, option: str) -> str:
    if len(text) > 25 or not text.isprintable():
        raise click.UsageError(f"{option} has at most 25 printable characters")
    return text
