"""``sipbox domain attribute``: what is set for a whole domain (table domain_attrs)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from appliance.cli.address import domain_name, served_hosts
from appliance.cli.invocation import Invocation, Noun, invocation, json_option, say
from appliance.cli.output import show_json, show_table
from appliance.errors import StorageError

if TYPE_CHECKING:
    from appliance.registrar.served import ServedDomain
    from appliance.storage.engine import Database

_GARDENS = ("off", "inbound", "both")
_NAME_LENGTH, _VALUE_LENGTH, _REALM_LENGTH = 32, 255, 64


@click.group(cls=Noun)
def attribute() -> None:
    """What is set for a domain, by all its names: digest_realm is the realm for passwords, walled_garden says
    whether it meets other domains."""


@attribute.command(name="set")
@click.argument("domain")
@click.argument("name")
@click.argument("value")
@invocation
def set_(run: Invocation, domain: str, name: str, value: str) -> None:
    """The attribute NAME of DOMAIN has this VALUE."""
    from appliance.registrar.served import DIGEST_REALM, WALLED_GARDEN
    from appliance.storage.administration import domains

    _attribute_name(name)
    if name == DIGEST_REALM:
        realm_text(value, "VALUE")
    if name == WALLED_GARDEN and value not in _GARDENS:
        raise click.UsageError(f"{name} is one of {', '.join(_GARDENS)}")
    if len(value) > _VALUE_LENGTH or not value.isprintable():
        raise click.UsageError(f"VALUE has at most {_VALUE_LENGTH} printable characters")
    with run.database() as database:
        before = served_hosts(run, database)
        served = _served(domain, before)
        domains.set_attribute(database, served.did, name, value)
        note_hashes(run, database, before)
    run.forget("domain_attrs", ("", served.did))
    say(f"{served.name} has {name} = {value}")


@attribute.command()
@click.argument("domain")
@click.argument("name")
@invocation
def remove(run: Invocation, domain: str, name: str) -> None:
    """Take the attribute NAME of DOMAIN away."""
    from appliance.storage.administration import domains

    _attribute_name(name)
    with run.database() as database:
        before = served_hosts(run, database)
        served = _served(domain, before)
        if not domains.remove_attribute(database, served.did, name):
            hint = "; it stands in the settings" if name in served.attributes else ""
            raise StorageError(f"{served.name} has no attribute {name} in the database{hint}")
        note_hashes(run, database, before)
    run.forget("domain_attrs", ("", served.did))
    say(f"{name} of {served.name} removed")


@attribute.command(name="list")
@click.argument("domain", required=False)
@json_option
@invocation
def list_(run: Invocation, domain: str | None, as_json: bool) -> None:
    """List the attributes of all domains, or of DOMAIN."""
    with run.database() as database:
        served = served_hosts(run, database)
    wanted = {each.name: each for each in served.values()}
    if domain is not None:
        one = _served(domain, served)
        wanted = {one.name: one}
    if as_json:
        show_json({name: dict(each.attributes) for name, each in wanted.items()})
        return
    rows = [(name, key, value) for name, each in wanted.items() for key, value in each.attributes.items()]
    show_table(("Domain", "Attribute", "Value"), rows, "no attributes")


def realm_text(text: str, what: str) -> None:
    """A realm, or a domain's id: click.UsageError when it cannot stand in a header and in its column."""
    if not text or len(text) > _REALM_LENGTH or not text.isprintable() or '"' in text:
        raise click.UsageError(f"{what} has 1 to {_REALM_LENGTH} printable characters without quotes")


def note_hashes(run: Invocation, database: Database, before: Mapping[str, ServedDomain]) -> None:
    """A hash is good for one realm (RFC 7616 §3.4.2): say whose passwords are to be set again, compared to
    what was served before."""
    from appliance.storage.administration import subscribers

    now = served_hosts(run, database)
    for host in {**before, **now}:
        was = before[host].realm if host in before else host
        if host not in now or now[host].realm == was:
            continue
        count = subscribers.hashed_in(database, host)
        if count:
            say(
                f"note: {count} passwords of {host} are stored for the realm {was!r}, and it is"
                f" {now[host].realm!r} now; 'sipbox subscriber passwd' sets each again"
            )


def _attribute_name(name: str) -> None:
    if not 0 < len(name) <= _NAME_LENGTH or not name.isprintable():
        raise click.UsageError(f"NAME has 1 to {_NAME_LENGTH} printable characters")


def _served(domain: str, served: Mapping[str, ServedDomain]) -> ServedDomain:
    name = domain_name(domain)
    if name not in served:
        raise StorageError(f"{name} is not served; 'sipbox domain add {name}' does it")
    return served[name]
