"""Which domains of the old server are new here. Must not know SQL.

Where a domain stands here already, ours counts. A subscriber's domain that no table names is served too: the
old server knew it from its script.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from appliance.config import NamedDomain
from appliance.config.checks import is_host
from appliance.registrar.served import WALLED_GARDEN, AttributeRow, DomainRow, ServedDomain, gather
from appliance.storage.importing.left import Left
from appliance.storage.importing.old_database import Old

_NAME, _DID, _ATTRIBUTE, _VALUE = 128, 64, 32, 255
_GARDENS = ("off", "inbound", "both")


class NewDomains(NamedTuple):
    """Rows to add; ``served`` is every name that is served then, and its domain."""

    names: list[DomainRow]
    attributes: list[AttributeRow]
    served: dict[str, ServedDomain]


def new_domains(
    old: Old,
    named: tuple[NamedDomain, ...],
    rows: list[DomainRow],
    attributes: list[AttributeRow],
    left: Left,
) -> NewDomains:
    """``named`` are the domains of the settings, ``rows`` and ``attributes`` those of our tables."""
    served = gather(named, rows, attributes)
    names: list[DomainRow] = []
    for row in old.rows("domain"):
        name = host_in(row["domain"])
        if name is None:
            left.say("domains", f"domain {row['domain']!r}", "is neither a name of a host nor an address")
            continue
        if row.get("attrs"):
            left.say(
                "domains", f"attrs of domain {name}", "sipbox has no such; see 'sipbox domain attribute'"
            )
        if name not in served and all(name != each.name for each in names):
            names.append(DomainRow(name, _did(row.get("did"), name, left), None))
    there = {*served, *(each.name for each in names)}
    for said in old.domains():
        name = host_in(said)
        if name is not None and name not in there:
            there.add(name)
            names.append(DomainRow(name, None, None))
    after = gather(named, [*rows, *names], attributes)
    new = list(_attributes(old, after, left))
    return NewDomains(names, new, gather(named, [*rows, *names], [*attributes, *new]))


def host_in(said: object) -> str | None:
    """A domain in lower case without a final dot; None when it is none."""
    name = str(said or "").lower().rstrip(".")
    return name if len(name) <= _NAME and is_host(name) else None


def _did(said: object, name: str, left: Left) -> str | None:
    did = str(said or "")
    if len(did) > _DID or not did.isprintable():
        left.say("domains", f"did of domain {name}", f"has more than {_DID} printable characters")
        return None
    return did or None


def _attributes(old: Old, served: Mapping[str, ServedDomain], left: Left) -> list[AttributeRow]:
    by_did = {each.did.lower(): each for each in served.values()}
    found: dict[tuple[str, str], AttributeRow] = {}
    for row in old.rows("domain_attrs"):
        did, name, value = str(row["did"]), str(row["name"]), str(row["value"])
        domain = by_did.get(did.lower())
        what = f"attribute {name} of domain {did}"
        if domain is None:
            left.say("domains", what, "there is no such domain")
        elif not 0 < len(name) <= _ATTRIBUTE or len(value) > _VALUE or not (name + value).isprintable():
            left.say("domains", what, "is too long, or not printable")
        elif name == WALLED_GARDEN and value not in _GARDENS:
            left.say("domains", what, f"is one of {', '.join(_GARDENS)} here, not {value!r}")
        elif (domain.did, name) in found:
            left.say("domains", what, f"has one value here, and not {value!r} too")
        elif name not in domain.attributes:
            found[domain.did, name] = AttributeRow(domain.did, name, value)
    return list(found.values())
