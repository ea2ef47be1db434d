"""``sipbox phone``: desk phones that get their configuration from the agent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from appliance.cli.address import address_of_record
from appliance.cli.entries import Entry
from appliance.cli.invocation import Invocation, Noun, confirm, invocation, json_option, say, yes_option
from appliance.cli.output import show_json, show_record, show_table
from appliance.cli.passwords import read_password
from appliance.cli.phone_apply import apply, tell, wanted_phones
from appliance.cli.phone_shown import moment, state_of, told_of
from appliance.errors import DuplicateRow, PhoneRefused, StorageError

if TYPE_CHECKING:
    from appliance.storage.phones import StoredPhone

RESYNC_SECONDS = 40  # a NOTIFY without an answer ends after 32 (timer F)


class NoSuchPhone(StorageError):
    """No phone with that MAC."""

    def __init__(self, mac: str) -> None:
        super().__init__(f"there is no phone {mac}; 'sipbox phone list' shows all")


@click.group(cls=Noun)
def phone() -> None:
    """Desk phones that get their configuration from here."""


@phone.command()
@click.argument("mac")
@click.argument("model")
@click.argument("users", metavar="USER...", nargs=-1, required=True)
@click.option("--display-name", default="", metavar="NAME", help="What the phone shows and sends.")
@click.option("--voicemail", default="", metavar="NUMBER", help="What its message key dials.")
@click.option(
    "--password", "ask", is_flag=True, help="Ask for the password of the USER, who is there already."
)
@click.option(
    "--new-passwords", "new", is_flag=True, help="Give a USER whose password nobody knows a new one."
)
@invocation
def add(
    run: Invocation,
    mac: str,
    model: str,
    users: tuple[str, ...],
    display_name: str,
    voicemail: str,
    ask: bool,
    new: bool,
) -> None:
    """Add the phone with this MAC; each USER is one of its lines, and is made when there is none such."""
    from appliance.provisioning.vault import open_vault
    from appliance.storage.administration import phone_apply, phones

    mac = _mac(mac)
    people = [address_of_record(run, user) for user in users]
    vault = open_vault(run.settings.phones.key_file)
    accounts = [
        {
            "user": str(who),
            "display_name": display_name,
            "voicemail": voicemail,
            "password": read_password(str(who)) if ask else None,
        }
        for who in people
    ]
    with run.database() as database:
        if phones.find(database, mac) is not None:
            raise DuplicateRow(f"there is a phone {mac} already; 'sipbox phone show {mac}' tells whose")
        accounts = [{key: value for key, value in each.items() if value} for each in accounts]
        entry = Entry(f"phone {mac}", {"mac": mac, "model": model, "accounts": accounts})
        wanted = wanted_phones(run, database, [entry])
        named = run.settings.named_domains
        done = phone_apply.apply(database, wanted, vault, new_passwords=new, named=named, mark="")
    tell(run, done)
    for who in done.new_subscribers:
        say(f"{who} added")
    say(f"the phone {mac} added; 'sipbox phone show {mac}' tells its URL")


phone.add_command(apply)


@phone.command()
@click.argument("mac")
@yes_option
@invocation
def remove(run: Invocation, mac: str, yes: bool) -> None:
    """Take the phone away; its subscribers stay."""
    from appliance.storage.administration import phones

    mac = _mac(mac)
    with run.database() as database:
        found = _find(database, mac)
        confirm(f"Remove the phone {mac} ({found.model})?", yes)
        if not database.run(lambda connection: phones.take_away(connection, mac), "phone_remove"):
            raise NoSuchPhone(mac)
    say(f"the phone {mac} removed")


@phone.command()
@click.argument("mac")
@invocation
def enable(run: Invocation, mac: str) -> None:
    """Serve the phone again."""
    _set_enabled(run, mac, True)


@phone.command()
@click.argument("mac")
@invocation
def disable(run: Invocation, mac: str) -> None:
    """Give the phone nothing any more; what it has, it keeps."""
    _set_enabled(run, mac, False)


@phone.command()
@click.argument("mac")
@invocation
def renew(run: Invocation, mac: str) -> None:
    """Give the phone's URL another secret; the phone has to be told."""
    from appliance.storage.administration import phones

    mac = _mac(mac)
    with run.database() as database:
        if phones.renew_token(database, mac) is None:
            raise NoSuchPhone(mac)
    say(f"the phone {mac} has another URL; 'sipbox phone show {mac}' tells it")


@phone.command()
@click.argument("mac")
@json_option
@invocation
def show(run: Invocation, mac: str, as_json: bool) -> None:
    """Show what is known of the phone, and the URL that is its secret; SIP passwords are not shown."""
    from appliance.provisioning.stored import folder

    mac = _mac(mac)
    with run.database() as database:
        found = _find(database, mac)
    told = told_of(found) | {"url": folder(run.settings, found.token) or None, "token": found.token}
    if as_json:
        show_json(told)
        return
    lines = told.pop("lines")
    record = {key.replace("_", " "): value for key, value in told.items() if value not in ("", {}, [])}
    for line in lines:
        said = [f"{line['user']}", f'"{line["display_name"]}"']
        said += [f"voicemail {line['voicemail']}"] if line["voicemail"] else []
        record[f"line {line['line']}"] = ", ".join(said)
    show_record(record)


@phone.command(name="list")
@json_option
@invocation
def list_(run: Invocation, as_json: bool) -> None:
    """List all phones, and those that have asked and are unknown."""
    from appliance.storage.administration import phones

    with run.database() as database:
        known, strangers = phones.every(database), phones.strangers(database)
    if as_json:
        show_json({"phones": [told_of(each) for each in known], "unknown": strangers})
        return
    rows = [
        (
            each.mac,
            each.model,
            ", ".join(line.owner for line in each.lines),
            state_of(each),
            moment(each.last_seen),
            each.last_address,
        )
        for each in known
    ]
    rows += [
        (each["mac"], each["vendor"], "", "unknown", moment(each["last_seen"]), each["address"])
        for each in strangers
    ]
    show_table(("MAC", "Model", "Lines", "State", "Last seen", "Address"), rows, "no phones")


@phone.command()
@click.argument("mac", required=False)
@json_option
@invocation
def dhcp(run: Invocation, mac: str | None, as_json: bool) -> None:
    """Print DHCP options 66 and 160 and a file for dnsmasq, for the phone or for all; they hold secrets."""
    from appliance.provisioning.dhcp import dhcp_options, dnsmasq
    from appliance.provisioning.stored import folder
    from appliance.storage.administration import phones

    with run.database() as database:
        found = (
            [_find(database, _mac(mac))] if mac else [each for each in phones.every(database) if each.enabled]
        )
    if not folder(run.settings, "x"):
        raise StorageError("phones are not served: set http in the section [phones] of the settings")
    told = [(each.mac, each.vendor, folder(run.settings, each.token)) for each in found]
    if as_json:
        show_json(
            [
                {"mac": address, "option": option.number, "value": option.value}
                for address, vendor, url in told
                for option in dhcp_options(url, vendor)
            ]
        )
        return
    for address, vendor, url in told:
        for option in dhcp_options(url, vendor):
            click.echo(f"# {address}: option {option.number}: {option.value}")
    click.echo(dnsmasq(told), nl=False)


@phone.command()
@click.argument("user")
@json_option
@click.pass_context
@invocation
def resync(run: Invocation, ctx: click.Context, user: str, as_json: bool) -> None:
    """Ask USER's registered phones to fetch their configuration again. Exit code 1 when none answers."""
    who = address_of_record(run, user)
    answers = run.ask("resync", timeout=RESYNC_SECONDS, aor=str(who))
    if as_json:
        show_json(answers)
    else:
        rows = [
            (each["contact"], f"{each['status']} {each['reason']}" if each["answered"] else "no answer")
            for each in answers
        ]
        show_table(("Contact", "Answer"), rows, "nobody to ask")
    if not any(each["answered"] for each in answers):
        ctx.exit(1)


def _set_enabled(run: Invocation, mac: str, enabled: bool) -> None:
    from appliance.storage.administration import phones

    mac = _mac(mac)
    with run.database() as database:
        if not phones.set_enabled(database, mac, enabled):
            raise NoSuchPhone(mac)
    say(f"the phone {mac} is {'served' if enabled else 'served no more'}")


def _find(database: Any, mac: str) -> StoredPhone:
    from appliance.storage.administration import phones

    found = phones.find(database, mac)
    if found is None:
        raise NoSuchPhone(mac)
    return found


def _mac(text: str) -> str:
    from appliance.provisioning.values import mac_address

    try:
        return mac_address(text)
    except PhoneRefused as error:
        raise click.UsageError(str(error)) from error
