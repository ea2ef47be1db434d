"""``sipbox phone apply``: the phones made so as a file wants them, and their subscribers with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from appliance.cli.address import served_address, served_hosts
from appliance.cli.entries import BadEntry, Entry, read_entries
from appliance.cli.invocation import Invocation, Verb, confirm, invocation, json_option, yes_option
from appliance.cli.output import show_applied
from appliance.errors import PhoneRefused
from appliance.sip.uri import AddressOfRecord

if TYPE_CHECKING:
    from appliance.provisioning.phone import Phone, Site
    from appliance.registrar.served import ServedDomain
    from appliance.storage.administration.phone_plan import PhonePlan, WantedPhone
    from appliance.storage.engine import Database

ACCOUNT = ("user", "domain", "password", "auth_user", "display_name", "label", "voicemail")
_OF_THE_ENTRY = ("mac", "model", "enabled", "state", "accounts", "options")
_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


@click.command(cls=Verb)
@click.argument("file", metavar="FILE")
@click.option("--check", is_flag=True, help="Change nothing; say whether something would change.")
@click.option("--diff", is_flag=True, help="Print each change, without secrets.")
@click.option(
    "--remove", is_flag=True, help="Remove phones that an earlier apply made, and FILE has no more."
)
@click.option(
    "--new-passwords", is_flag=True, help="Replace passwords that nobody knows; other phones notice."
)
@json_option
@yes_option
@invocation
def apply(
    run: Invocation,
    file: str,
    check: bool,
    diff: bool,
    remove: bool,
    new_passwords: bool,
    as_json: bool,
    yes: bool,
) -> None:
    """Make the phones as FILE (YAML, JSON or CSV; - is standard input) says: all of them, or none."""
    from appliance.provisioning.phone import OPTIONS
    from appliance.provisioning.vault import open_vault
    from appliance.storage.administration import phone_apply

    entries = read_entries(file, "phones", (*_OF_THE_ENTRY, *ACCOUNT, *OPTIONS))
    if remove and not entries:
        raise BadEntry(file, "names no phone, and --remove would take all away; give entries 'state: absent'")
    vault = open_vault(run.settings.phones.key_file)
    with run.database() as database:
        wanted = wanted_phones(run, database, entries)

        def work(*, check: bool) -> PhonePlan:
            return phone_apply.apply(
                database,
                wanted,
                vault,
                remove=remove,
                new_passwords=new_passwords,
                check=check,
                named=run.settings.named_domains,
            )

        done = work(check=check or (remove and not yes))
        if remove and not yes and not check:
            if done.removed:
                confirm(f"Remove {', '.join(done.removed[:5])} ({len(done.removed)} in all)?", yes)
            done = work(check=False)
    if not check:
        tell(run, done)
    told = {
        "added": done.added,
        "changed_phones": done.changed,
        "removed": done.removed,
        "added_subscribers": [str(who) for who in done.new_subscribers],
        "changed_subscribers": [str(who) for who in done.new_passwords],
    }
    show_applied(done.changes, told, done.lines, as_json=as_json, diff=diff, check=check)


def tell(run: Invocation, done: PhonePlan) -> None:
    """The running server reads again whose passwords were written."""
    if done.people:
        run.forget("subscriber", *done.people)


def wanted_phones(run: Invocation, database: Database, entries: Iterable[Entry]) -> list[WantedPhone]:
    """The entries, checked one by one and together. BadEntry says what is wrong, and where."""
    from appliance.provisioning.rendering import Templates
    from appliance.provisioning.stored import site_of

    served = served_hosts(run, database)
    own = run.settings.phones.templates
    templates = Templates(Path(own) if own else None)
    site = site_of(run.settings)
    wanted: dict[str, WantedPhone] = {}
    for entry in entries:
        try:
            one = _wanted(entry, site, served, templates)
        except (PhoneRefused, click.UsageError) as error:
            problem = error.message if isinstance(error, click.UsageError) else str(error)
            raise BadEntry(entry.place, problem) from error
        first = wanted.setdefault(one.mac, one)
        if first is not one:
            raise BadEntry(
                entry.place, f"the phone {one.mac} stands there twice (first {first.place}); take one out"
            )
    return list(wanted.values())


def _wanted(entry: Entry, site: Site, served: Mapping[str, ServedDomain], templates: Any) -> WantedPhone:
    from appliance.provisioning import files
    from appliance.provisioning.phone import OPTIONS, parse_phone
    from appliance.provisioning.values import mac_address
    from appliance.storage.administration.phone_plan import WantedPhone

    values = {key: value for key, value in entry.values.items() if value not in (None, "")}
    state = values.pop("state", "present")
    if state not in ("present", "absent"):
        raise click.UsageError(f"the state {state!r} is none; write present or absent")
    if state == "absent":
        return WantedPhone(mac_address(values.get("mac")), entry.place, absent=True)
    enabled = _truth(values.pop("enabled", "true"))
    options = values.pop("options", {})
    if not isinstance(options, dict):
        raise click.UsageError("options: has to be a mapping, as in {language: de}")
    values = {**options, **values}
    if isinstance(values.get("accounts"), list):
        values["accounts"] = [_with_domain(each, served) for each in values["accounts"]]
    else:
        values = _with_domain(values, served)
    phone = parse_phone(values, site)
    files.check(phone, templates)
    return WantedPhone(
        phone.mac,
        entry.place,
        vendor=phone.vendor,
        model=phone.model.name,
        enabled=enabled,
        options={key: _plain(getattr(phone.site, key)) for key in OPTIONS if key in values},
        lines=_lines(phone),
    )


def _lines(phone: Phone) -> Any:
    from appliance.storage.administration.phone_plan import WantedLine

    return tuple(
        WantedLine(
            line.number,
            AddressOfRecord(line.user, line.domain),
            line.auth_user,
            line.display_name,
            line.label,
            line.voicemail,
            line.password or None,
        )
        for line in phone.lines
    )


def _with_domain(account: Any, served: Mapping[str, ServedDomain]) -> Any:
    """An account with its user and its domain apart, a domain that is served."""
    if not isinstance(account, Mapping) or account.get("user") in (None, ""):
        return account  # whoever reads the phone says what is missing
    who = served_address(str(account["user"]), str(account.get("domain") or ""), served)
    return {**account, "user": who.username, "domain": who.domain}


def _truth(text: object) -> bool:
    word = str(text).lower()
    if word not in (*_TRUE, *_FALSE):
        raise click.UsageError(f"enabled: {text!r} is neither true nor false")
    return word in _TRUE


def _plain(value: Any) -> Any:
    """As it comes back out of JSON."""
    return list(value) if isinstance(value, tuple) else value
