"""Whom a person means: ``10``, ``10@example.org`` or ``sip:10@example.org``, checked before use."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import click

from appliance.cli.invocation import Invocation
from appliance.config.checks import is_host
from appliance.errors import BadUri, UnsupportedScheme
from appliance.sip.uri import AddressOfRecord, Uri

if TYPE_CHECKING:
    from appliance.registrar.served import ServedDomain
    from appliance.storage.engine import Database

USERNAME_LENGTH = 64
DOMAIN_LENGTH = 128
_MAIL = re.compile(r"[^@\s\"<>,;:]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")


def address_of_record(
    run: Invocation, text: str, what: str = "USER", *, stored: bool = True
) -> AddressOfRecord:
    """``text`` as user and domain; without a domain, the one that is served, when there is just one.

    It has the canonical name of its domain, as rows have; ``stored`` False leaves that to the server.
    click.UsageError says what is wrong with it.
    """
    bare = re.sub(r"^sips?:", "", text, flags=re.IGNORECASE)
    username, at, domain = bare.rpartition("@")
    if not at:
        return AddressOfRecord(user_part(domain, what), _only_domain(run, bare))
    who = AddressOfRecord(user_part(username, what), domain_name(domain, what))
    if not stored:
        return who
    with run.database() as database:
        served = served_hosts(run, database).get(who.domain)
    return who if served is None else AddressOfRecord(who.username, served.name)


def user_part(text: str, what: str = "USER") -> str:
    """A username as it may stand in a SIP URI and in the database."""
    if not text or len(text) > USERNAME_LENGTH or not text.isprintable() or re.search(r"[\s@:<>\"]", text):
        raise click.UsageError(
            f"{what} {text!r}: a user name has 1 to {USERNAME_LENGTH} characters,"
            " without blanks, quotes and any of @ : < >"
        )
    return text


def domain_name(text: str, what: str = "DOMAIN") -> str:
    """A domain in lower case, without a port and a final dot."""
    name = text.lower().rstrip(".")
    if not is_host(name) or len(name) > DOMAIN_LENGTH:
        raise click.UsageError(f"{what}: {text!r} is neither a domain name nor an address")
    return name


def sip_uri(text: str, what: str = "URI") -> str:
    """A SIP URI, written out: ``sip:`` is put before when it is missing."""
    complete = text if re.match(r"(?i)sips?:", text) else f"sip:{text}"
    try:
        uri = Uri.parse(complete)
    except (BadUri, UnsupportedScheme) as error:
        raise click.UsageError(f"{what}: {text!r} is no SIP URI ({error})") from error
    if not uri.host:
        raise click.UsageError(f"{what}: {text!r} names no host")
    return complete


def mail_address(text: str) -> str:
    """An E-Mail address that could be one, or nothing."""
    if text and (not _MAIL.fullmatch(text) or len(text) > 50):
        raise click.UsageError(f"{text!r} is no E-Mail address of at most 50 characters")
    return text


def served_hosts(run: Invocation, database: Database) -> dict[str, ServedDomain]:
    """Every name that is served, and its domain: those of the settings, then the rows."""
    from appliance.storage.administration import domains

    return domains.gathered(database, run.settings.named_domains)


def canonical_names(served: Mapping[str, ServedDomain]) -> list[str]:
    """The domains that are served, each by its canonical name."""
    return list(dict.fromkeys(domain.name for domain in served.values()))


def served_address(user: str, domain: str, served: Mapping[str, ServedDomain]) -> AddressOfRecord:
    """Who an entry of a file means: ``user`` may have a domain too; one of the two, or the only one, counts.

    click.UsageError when it is none of ``served``.
    """
    name, _, written = re.sub(r"^sips?:", "", user, flags=re.IGNORECASE).partition("@")
    domain = domain or written
    if written and domain_name(domain, "domain") != domain_name(written, "user"):
        raise click.UsageError(f"user {user!r} and domain {domain!r} differ; give the domain once")
    name = user_part(name, "user")
    if not served:
        raise click.UsageError(f"no domain is served for {name}; 'sipbox domain add DOMAIN' does it")
    names = canonical_names(served)
    if not domain and len(names) > 1:
        raise click.UsageError(
            f"user {name!r} has no domain, and {len(names)} are served; add domain: {names[0]}"
        )
    domain = domain_name(domain or names[0], "domain")
    if domain not in served:
        raise click.UsageError(
            f"{name}@{domain}: {domain} is not served; 'sipbox domain add {domain}' does it"
        )
    return AddressOfRecord(name, served[domain].name)


def _only_domain(run: Invocation, username: str) -> str:
    with run.database() as database:
        served = canonical_names(served_hosts(run, database))
    if len(served) == 1:
        return served[0]
    if not served:
        raise click.UsageError(
            f"no domain is served: write {username}@DOMAIN, and 'sipbox domain add DOMAIN'"
        )
    raise click.UsageError(
        f"{len(served)} domains are served: write {username}@{served[0]} or another of them"
    )
