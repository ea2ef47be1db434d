"""``sipbox prefix``: numbers that begin with a prefix belong to another site (table pdt)."""

from __future__ import annotations

import re

import click

from appliance.cli.address import DOMAIN_LENGTH, domain_name, sip_uri
from appliance.cli.invocation import Invocation, Noun, invocation, json_option, say
from appliance.cli.output import show_rows
from appliance.cli.rows import EVERYBODY, Rows

ANY = "*"
_PREFIX = re.compile(r"[A-Za-z0-9+*#_.-]{1,32}")
_domain_option = click.option(
    "--domain", default=ANY, metavar="DOMAIN", help="Only for users of DOMAIN.  [default: all]"
)


@click.group(cls=Noun)
def prefix() -> None:
    """Numbers that belong to another site, by how they begin."""


@prefix.command()
@click.argument("beginning", metavar="PREFIX")
@click.argument("site")
@_domain_option
@invocation
def add(run: Invocation, beginning: str, site: str, domain: str) -> None:
    """What begins with PREFIX is called at SITE, HOST or HOST:PORT, without the PREFIX."""
    row = _row(beginning, domain)
    host = site.lower()
    if len(host) > DOMAIN_LENGTH or sip_uri(f"x@{host}", "SITE") != f"sip:x@{host}" or "@" in host:
        raise click.UsageError(f"SITE {site!r} is no HOST or HOST:PORT of at most {DOMAIN_LENGTH} characters")
    taken = f"{beginning} leads somewhere already; 'sipbox prefix remove {beginning}' first"
    Rows(run, "pdt").add(EVERYBODY, taken, **row, domain=host)
    say(f"{beginning} leads to {host}")


@prefix.command()
@click.argument("beginning", metavar="PREFIX")
@_domain_option
@invocation
def remove(run: Invocation, beginning: str, domain: str) -> None:
    """Numbers that begin with PREFIX are of this site again."""
    missing = f"there is no prefix {beginning}; 'sipbox prefix list' shows all"
    Rows(run, "pdt").remove(EVERYBODY, missing, _row(beginning, domain))
    say(f"{beginning} removed")


@prefix.command(name="list")
@json_option
@invocation
def list_(run: Invocation, as_json: bool) -> None:
    """List all prefixes, and where they lead."""
    show_rows(
        ("Prefix", "For", "Site"),
        Rows(run, "pdt").every(("prefix", "sdomain", "domain")),
        lambda row: (row["prefix"], "all" if row["sdomain"] == ANY else row["sdomain"], row["domain"]),
        "no prefixes",
        as_json=as_json,
    )


def _row(beginning: str, domain: str) -> dict[str, str]:
    if not _PREFIX.fullmatch(beginning):
        raise click.UsageError(f"PREFIX {beginning!r} has 1 to 32 letters, digits and any of + * # _ . -")
    return {"prefix": beginning, "sdomain": domain if domain == ANY else domain_name(domain)}
