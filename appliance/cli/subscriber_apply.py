"""``sipbox subscriber apply``: the database made so as a file of subscribers wants it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import click

from appliance.cli.address import domain_name, mail_address, served_address, served_hosts, user_part
from appliance.cli.entries import SUBSCRIBER_COLUMNS, BadEntry, Entry, read_entries
from appliance.cli.invocation import Invocation, Verb, confirm, invocation, json_option, yes_option
from appliance.cli.output import show_applied
from appliance.cli.passwords import checked_password
from appliance.cli.permission import GROUPS
from appliance.cli.phone_password import sealer
from appliance.cli.progress import progress
from appliance.sip.uri import AddressOfRecord

if TYPE_CHECKING:
    from appliance.registrar.served import ServedDomain
    from appliance.storage.administration.subscriber_plan import Plan, Wanted

LENGTHS = {"first_name": 25, "last_name": 45}
#: Of more than these the server forgets all that it keeps in memory.
TOLD_BY_NAME = 1000
#: A command to the server is one line of bounded length, and each removal is durable when it is done.
_REMOVED_AT_ONCE = 1000
_HA1 = re.compile(r"[0-9a-fA-F]{32}")


@click.command(cls=Verb)
@click.argument("file", metavar="FILE")
@click.option("--check", is_flag=True, help="Change nothing; say whether something would change.")
@click.option("--diff", is_flag=True, help="Print each change, without secrets.")
@click.option("--remove", is_flag=True, help="Remove whom an earlier apply made, and FILE has no more.")
@click.option("--any", "anything", is_flag=True, help="Allow permissions of other names too.")
@json_option
@yes_option
@invocation
def apply(
    run: Invocation,
    file: str,
    check: bool,
    diff: bool,
    remove: bool,
    anything: bool,
    as_json: bool,
    yes: bool,
) -> None:
    """Make the subscribers as FILE (CSV, YAML or JSON; - is standard input) says: all of them, or none."""
    from appliance.storage.administration import subscriber_apply

    entries = read_entries(file, "subscribers", SUBSCRIBER_COLUMNS)
    if remove and not entries:
        raise BadEntry(file, "names nobody, and --remove would take all away; give entries 'state: absent'")
    folded = not run.settings.registrar.case_sensitive
    seal = sealer(run)
    with run.database() as database, progress() as tell:
        served = served_hosts(run, database)
        wanted = [_wanted(entry, served, anything) for entry in entries]
        _refuse_twins(wanted, folded)
        named = run.settings.named_domains
        done = subscriber_apply.apply(
            database,
            wanted,
            remove=remove,
            folded=folded,
            check=check or (remove and not yes),
            named=named,
            seal=seal,
            tell=tell,
        )
        if remove and not yes and not check:
            if done.removed:
                names = ", ".join(str(who) for who in done.removed[:5])
                more = f" and {len(done.removed) - 5} more" if len(done.removed) > 5 else ""
                confirm(f"Remove {names}{more} with all that belongs to them?", yes)
            done = subscriber_apply.apply(
                database, wanted, remove=remove, folded=folded, named=named, seal=seal, tell=tell
            )
    if not check:
        _tell(run, done)
    told = {
        "added": [str(who) for who in done.added],
        "changed_subscribers": [str(who) for who in done.changed],
        "removed": [str(who) for who in done.removed],
    }
    show_applied(done.changes, told, done.lines, as_json=as_json, diff=diff, check=check)


def _tell(run: Invocation, done: Plan) -> None:
    """The running server is told once for all of them; whom nobody knows any more is called no more."""
    people = [*done.added, *done.changed, *done.removed]
    aliases = [*done.aliases_gone, *(alias for alias, _ in done.aliases_new)]
    if len(people) > TOLD_BY_NAME or len(aliases) > TOLD_BY_NAME:
        run.tell("reload")
    elif people:
        run.forget("subscriber", *people)
        if aliases or done.removed:
            run.forget("dbaliases", *aliases)
    for first in range(0, len(done.removed), _REMOVED_AT_ONCE):
        gone = done.removed[first : first + _REMOVED_AT_ONCE]
        run.tell("registrations_remove", aors=[str(who) for who in gone], timeout=120)


# ----------------------------------------------------------------------------------------- what an entry says


def _wanted(entry: Entry, served: Mapping[str, ServedDomain], anything: bool) -> Wanted:
    """The entry, checked. BadEntry says what is wrong with it and what to do."""
    from appliance.storage.administration.subscriber_plan import Wanted

    values, place = entry.values, entry.place
    for column, value in values.items():
        if isinstance(value, dict) or (isinstance(value, list) and column not in ("aliases", "permissions")):
            raise BadEntry(place, f"{column} has to be text")
    try:
        if not values.get("user"):
            raise click.UsageError("there is no user; every entry needs one")
        who = served_address(values["user"], values.get("domain") or "", served)
        state = values.get("state") or "present"
        if state not in ("present", "absent"):
            raise click.UsageError(f"the state {state!r} is none; write present or absent")
        password, ha1 = values.get("password") or None, values.get("ha1") or None
        if password is not None:
            checked_password(password)
        if ha1 is not None and (password is not None or not _HA1.fullmatch(ha1)):
            raise click.UsageError("ha1 is 32 hexadecimal digits, and stands in place of a password")
        return Wanted(
            who,
            place,
            password=password,
            ha1=ha1.lower() if ha1 else None,
            profile=_profile(values),
            aliases=_aliases(values, who),
            permissions=_permissions(values, anything),
            absent=state == "absent",
        )
    except click.UsageError as error:
        raise BadEntry(place, error.message) from error


def _profile(values: dict[str, Any]) -> dict[str, str]:
    profile: dict[str, str] = {}
    for column, length in LENGTHS.items():
        if column in values:
            text = values[column] or ""
            if len(text) > length or not text.isprintable():
                raise click.UsageError(f"{column} {text!r} has at most {length} printable characters")
            profile[column] = text
    if "email" in values:
        profile["email_address"] = mail_address(values["email"] or "")
    return profile


def _aliases(values: dict[str, Any], who: AddressOfRecord) -> tuple[AddressOfRecord, ...] | None:
    if "aliases" not in values:
        return None
    found: list[AddressOfRecord] = []
    for text in _words(values["aliases"], "aliases"):
        name, _, domain = re.sub(r"^sips?:", "", text, flags=re.IGNORECASE).partition("@")
        alias = AddressOfRecord(user_part(name, "alias"), domain_name(domain or who.domain, "alias"))
        found.append(alias)
    return tuple(dict.fromkeys(found))


def _permissions(values: dict[str, Any], anything: bool) -> tuple[str, ...] | None:
    if "permissions" not in values:
        return None
    found = _words(values["permissions"], "permissions")
    for group in found:
        if group not in GROUPS and not anything:
            raise click.UsageError(
                f"the permission {group!r} is none of {', '.join(GROUPS)}; --any allows it"
            )
        if len(group) > 50 or not group.isprintable():
            raise click.UsageError(f"the permission {group!r} has at most 50 printable characters")
    return tuple(dict.fromkeys(found))


def _words(value: Any, column: str) -> list[str]:
    """A list, or words that blanks, commas or semicolons part, as they stand in a cell."""
    if value is None:
        return []
    if isinstance(value, str):
        return [word for word in re.split(r"[\s,;]+", value) if word]
    if not all(isinstance(each, str) and each for each in value):
        raise click.UsageError(f"{column} is a list of names")
    return list(value)


def _refuse_twins(wanted: Iterable[Wanted], folded: bool) -> None:
    seen: dict[tuple[str, str], Wanted] = {}
    for each in wanted:
        name = each.who.username.lower() if folded else each.who.username
        first = seen.setdefault((name, each.who.domain), each)
        if first is not each:
            raise BadEntry(
                each.place, f"the user {each.who} stands there twice (first {first.place}); take one out"
            )
