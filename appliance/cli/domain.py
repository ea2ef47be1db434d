"""``sipbox domain``: the domains that are served, their further names, and what is set for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from appliance.cli.address import domain_name, served_hosts
from appliance.cli.domain_attribute import attribute, note_hashes, realm_text
from appliance.cli.invocation import Invocation, Noun, confirm, invocation, json_option, say, yes_option
from appliance.cli.output import show_json, show_record, show_table
from appliance.errors import DuplicateRow, StorageError

if TYPE_CHECKING:
    from appliance.registrar.served import ServedDomain
    from appliance.storage.engine import Database


@click.group(cls=Noun)
def domain() -> None:
    """Domains that are served. What is changed here is served at once, without a restart."""


@domain.command()
@click.argument("name")
@click.option("--did", metavar="ID", help="Names with one ID are one domain.")
@click.option("--realm", metavar="REALM", help="The realm for passwords.  [default: the domain's first name]")
@invocation
def add(run: Invocation, name: str, did: str | None, realm: str | None) -> None:
    """Serve NAME."""
    name = domain_name(name, "NAME")
    for text, option in ((did, "--did"), (realm, "--realm")):
        if text is not None:
            realm_text(text, option)
    _add(run, name, did, realm)
    say(f"{name} is served")


@domain.command()
@click.argument("name")
@yes_option
@invocation
def remove(run: Invocation, name: str, yes: bool) -> None:
    """Serve NAME no longer; its subscribers stay in the database."""
    name = domain_name(name, "NAME")
    confirm(f"Serve {name} no longer?", yes)
    _remove(run, name)
    say(f"{name} is not served any more")


@domain.command(name="list")
@json_option
@invocation
def list_(run: Invocation, as_json: bool) -> None:
    """List the domains, of the settings and of the database."""
    with run.database() as database:
        told = _told(run, database)
    if as_json:
        show_json(told)
        return
    rows = [
        (each["domain"], ", ".join(each["hosts"][1:]) or None, each["realm"], each["from"]) for each in told
    ]
    show_table(("Domain", "Further names", "Realm", "From"), rows, "no domain is served")


@domain.command()
@click.argument("name")
@json_option
@invocation
def show(run: Invocation, name: str, as_json: bool) -> None:
    """Show the domain that NAME is a name of, and what is set for it."""
    name = domain_name(name, "NAME")
    with run.database() as database:
        found = next((each for each in _told(run, database) if name in each["hosts"]), None)
    if found is None:
        raise StorageError(f"{name} is not served; 'sipbox domain list' shows what is")
    if as_json:
        show_json(found)
        return
    attributes = "; ".join(f"{key} = {value}" for key, value in found["attributes"].items())
    show_record({**found, "hosts": ", ".join(found["hosts"]), "attributes": attributes or None})


@domain.command()
@invocation
def reload(run: Invocation) -> None:
    """Have the running server read its domains again now: those of the settings file too."""
    say(f"{run.ask('domains_reload')} names are served")


@domain.group(cls=Noun)
def alias() -> None:
    """Further names of a domain: its users are the same by each of them."""


@alias.command(name="add")
@click.argument("name", metavar="DOMAIN")
@click.argument("host")
@invocation
def add_alias(run: Invocation, name: str, host: str) -> None:
    """HOST is a further name of DOMAIN."""
    name, host = domain_name(name), domain_name(host, "HOST")
    with run.database() as database:
        served = served_hosts(run, database)
    if name not in served:
        raise StorageError(f"{name} is not served; 'sipbox domain add {name}' does it")
    if host in served:
        raise DuplicateRow(f"{host} is a name of {served[host].name} already")
    _add(run, host, served[name].did)
    say(f"{host} is a further name of {served[name].name}")


@alias.command(name="remove")
@click.argument("host")
@invocation
def remove_alias(run: Invocation, host: str) -> None:
    """HOST is no further name of its domain any more."""
    host = domain_name(host, "HOST")
    with run.database() as database:
        served = served_hosts(run, database).get(host)
    if served is not None and served.name == host:
        raise StorageError(f"{host} is a domain's own name; 'sipbox domain remove {host}' takes it away")
    _remove(run, host)
    say(f"{host} is not served any more")


domain.add_command(attribute)


def _add(run: Invocation, name: str, did: str | None, realm: str | None = None) -> None:
    from appliance.storage.administration import domains

    with run.database() as database:
        before = served_hosts(run, database)
        domains.add(database, name, did, realm)
        note_hashes(run, database, before)
    run.forget("domain", ("", name))


def _remove(run: Invocation, name: str) -> None:
    from appliance.storage.administration import domains

    with run.database() as database:
        before = served_hosts(run, database)
        served = before.get(name)
        if served is not None and served.name == name and name not in run.settings.sip.domains:
            others = ", ".join(served.hosts[1:])
            if others:
                # Its users' rows have this name, and would be nobody's.
                raise StorageError(
                    f"{name} has further names ({others}): 'sipbox domain alias remove' takes them away first"
                )
        if not domains.remove(database, name):
            hint = "; it stands in the settings" if served is not None else ""
            raise StorageError(f"there is no domain {name} in the database{hint}")
        note_hashes(run, database, before)
    run.forget("domain", ("", name))


def _told(run: Invocation, database: Database) -> list[dict[str, Any]]:
    from appliance.storage.administration import domains

    rows = {str(row["domain"]).lower() for row in domains.every(database)}
    served = {each.name: each for each in served_hosts(run, database).values()}
    named = {host for each in run.settings.named_domains for host in (each.name, *each.hosts)}
    return [_row(each, rows, named) for each in served.values()]


def _row(served: ServedDomain, rows: set[str], named: set[str]) -> dict[str, Any]:
    sources = {"settings": named, "database": rows}
    return {
        "domain": served.name,
        "did": served.did,
        "realm": served.realm,
        "hosts": list(served.hosts),
        "attributes": dict(served.attributes),
        "from": " and ".join(name for name, hosts in sources.items() if hosts.intersection(served.hosts)),
    }
