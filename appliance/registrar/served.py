"""The domains that a registrar serves (RFC 3261 §10.3), each with all names of hosts that mean it.

Names with one ``did`` are one domain, as SER and Kamailio have it: its users are the same by every name, and
so are its realm and whatever else is set for it. The first name is the canonical one. Domains come from the
settings, and from rows of ``domain`` and ``domain_attrs``; they are put together here, the same way for the
server and for whoever changes rows. Must not know SQL, nor what a request does with a domain.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from appliance.config import NamedDomain

#: The attribute that gives a domain another realm than its own name, as in SER.
DIGEST_REALM = "digest_realm"
#: The attribute that makes a domain a walled garden, or none, whatever the settings say.
WALLED_GARDEN = "walled_garden"


class ServedDomain(NamedTuple):
    """One domain: all in lower case but the realm and the attributes.

    ``name`` is the canonical name, the first of ``hosts``; ``did`` is what its attributes are found by, the
    canonical name where nothing else was given.
    """

    name: str
    realm: str
    did: str
    hosts: tuple[str, ...]
    attributes: Mapping[str, str]


class DomainRow(NamedTuple):
    """A row of ``domain``; ``did`` and ``realm`` may be empty."""

    name: str
    did: str | None
    realm: str | None


class AttributeRow(NamedTuple):
    """A row of ``domain_attrs``."""

    did: str
    name: str
    value: str


class _Gathered:
    """A domain while it is put together."""

    def __init__(self, did: str) -> None:
        self.did = did
        self.hosts: dict[str, None] = {}
        self.realm = ""
        self.attributes: dict[str, str] = {}


def gather(
    named: Iterable[NamedDomain], rows: Iterable[DomainRow], attributes: Iterable[AttributeRow]
) -> dict[str, ServedDomain]:
    """Every name of a host that is served, and its domain, in the order in which they are given.

    Where a name or an attribute stands in the settings (``named``) and in the tables, the tables count: they
    can be changed while the server runs.
    """
    rows = [row for row in rows if row.name]
    said = {row.name.lower(): row.did.lower() for row in rows if row.did}
    found: dict[str, _Gathered] = {}
    of_host: dict[str, str] = {}
    for domain in named:
        did = said.get(domain.name, domain.name)
        _domain(found, did).attributes.update(domain.attributes)
        for host in (domain.name, *domain.hosts):
            of_host.setdefault(host, said.get(host, did))
            _domain(found, of_host[host]).hosts[host] = None
    for row in rows:
        host = row.name.lower()
        gathered = _domain(found, of_host.setdefault(host, said.get(host, host)))
        gathered.hosts[host] = None
        gathered.realm = gathered.realm or row.realm or ""
    given: set[tuple[str, str]] = set()
    for attribute in attributes:
        did = attribute.did.lower()
        if did in found and (did, attribute.name) not in given:
            given.add((did, attribute.name))
            found[did].attributes[attribute.name] = attribute.value
    served: dict[str, ServedDomain] = {}
    for each in found.values():
        hosts = tuple(each.hosts)
        if not hosts:
            continue  # all its names were given to another domain before
        realm = each.attributes.get(DIGEST_REALM) or each.realm or hosts[0]
        domain_ = ServedDomain(hosts[0], realm, each.did, hosts, each.attributes)
        served.update(dict.fromkeys(hosts, domain_))
    return served


def _domain(found: dict[str, _Gathered], did: str) -> _Gathered:
    domain = found.get(did)
    if domain is None:
        domain = found[did] = _Gathered(did)
    return domain
