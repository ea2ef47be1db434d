"""Subscribers and phones of an inventory, checked on the control machine and made ready for the box.

One pass in Python in place of thousands of asserts: ten thousand subscribers take a second. The program's own
readers decide what an entry may say, so nothing is refused here that the box would take. Needs nothing beyond
the standard library and Ansible's YAML. Must not know which host it is for, nor reach one.
"""

from __future__ import annotations

import json
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from appliance.cli.entries import SUBSCRIBER_COLUMNS, BadEntry, Entry, read_entries
from appliance.errors import PhoneRefused
from appliance.provisioning.phone import Site, parse_phone
from appliance.provisioning.values import mac_address, user_name
from appliance.sip.hosts import is_hostname, is_ipv4, is_ipv6_reference

Address = tuple[str, str]
LONGEST = 300


class Wrong(Exception):
    """The sentence without the host: ``VARIABLE: entry 3 ('10'): what is wrong; what to do``."""


def sipbox_inventory(
    subscribers: Any, phones: Any = (), domains: Any = (), file: str = "", text: str = ""
) -> dict[str, str]:
    """``problem`` ("" when all is well), and ``subscribers`` and ``phones`` as JSON for ``sipbox … apply -``.

    ``file`` names what ``text`` has been read from: ``subscribers_file`` of the inventory.
    """
    try:
        served = _domains(domains)
        entries = [*_listed(subscribers, "subscribers"), *_of_file(file, text)]
        people = _people(entries, served)
        made = list(_phones(_listed(phones, "phones"), served, people))
    except Wrong as wrong:
        return {"problem": str(wrong), "subscribers": "[]", "phones": "[]"}
    return {
        "problem": "",
        "subscribers": json.dumps([entry.values for entry in entries]),
        "phones": json.dumps(made),
    }


class Served:
    """The domains: ``names`` in their order, ``canonical`` the domain of each name of a host."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.canonical: dict[str, str] = {}

    def add(self, name: str, hosts: Sequence[str] = ()) -> None:
        self.names.append(name)
        self.canonical |= dict.fromkeys((name, *hosts), name)


def _domains(domains: Any) -> Served:
    entries = [domains] if isinstance(domains, str | Mapping) else list(domains)
    if not entries:
        raise Wrong("sipbox_domain: names no domain; write it like example.org")
    served = Served()
    for entry in entries:
        whole = entry if isinstance(entry, Mapping) else {"name": entry}
        hosts = whole.get("hosts") or []
        if isinstance(hosts, str) or not isinstance(hosts, Sequence):
            raise Wrong(f"sipbox_domains: hosts of {whole.get('name')!r} is no list; write hosts: [{hosts}]")
        for name in (whole.get("name", ""), *hosts):
            if not _is_host(str(name)):
                raise Wrong(
                    f"sipbox_domain (or sipbox_domains): {str(name)!r} is no domain;"
                    " write it like example.org"
                )
        served.add(_plain_host(whole["name"]), [_plain_host(host) for host in hosts])
    return served


def _plain_host(name: Any) -> str:
    return str(name).lower().rstrip(".")


def _is_host(name: str) -> bool:
    plain = name.lower().rstrip(".")
    if is_ipv4(plain) or is_ipv6_reference(plain):
        return True
    return len(plain) <= 128 and is_hostname(plain) and not plain.rpartition(".")[2].isdigit()


# ------------------------------------------------------------------------------------------------ subscribers


def _listed(value: Any, variable: str) -> list[Entry]:
    if value in (None, ""):
        return []
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise Wrong(f"{variable}: is no list; write each entry with '- ' before it")
    entries = []
    for number, each in enumerate(value, start=1):
        place = f"{variable}: entry {number}"
        if not isinstance(each, Mapping) or not each:
            raise Wrong(f"{place}: says nothing of {variable}; write '- user: \"10\"', or take it out")
        if isinstance(each.get("mac"), int):
            # 00:15:65:12:34:56 is a number to the base of 60 for YAML.
            raise Wrong(f'{place}: mac is a number for YAML; write it in quotes, mac: "00:0b:82:12:34:56"')
        entries.append(Entry(place, {str(key): _plain(item) for key, item in each.items()}))
    return entries


def _of_file(file: str, text: str) -> list[Entry]:
    if not file:
        return []
    with tempfile.TemporaryDirectory() as directory:  # of this user alone
        copy = Path(directory, Path(file).name)
        copy.touch(mode=0o600)
        copy.write_text(text)
        try:
            found = read_entries(str(copy), "subscribers", SUBSCRIBER_COLUMNS)
        except BadEntry as wrong:
            raise Wrong(f"subscribers_file: {str(wrong).replace(f'{directory}/', '')}") from None
    return [
        Entry(f"subscribers_file: {each.place.replace(f'{directory}/', '')}", each.values) for each in found
    ]


def _people(entries: Sequence[Entry], served: Served) -> dict[Address, dict[str, Any]]:
    """The subscribers by user and domain. What is said of them beside that, the program checks."""
    people: dict[Address, dict[str, Any]] = {}
    places: dict[Address, str] = {}
    for place, values in entries:
        for column in values:
            if column not in SUBSCRIBER_COLUMNS:
                raise Wrong(
                    f"{place}: a subscriber has no {column!r}; write one of {', '.join(SUBSCRIBER_COLUMNS)}"
                )
        who = _address(values, served, place)
        if who in people:
            raise Wrong(
                f"{place}: the user {'@'.join(who)} stands there twice (first in {places[who]}); take one out"
            )
        people[who], places[who] = values, place
    return people


def _address(values: Mapping[str, Any], served: Served, place: str) -> Address:
    written = values.get("user")
    if not isinstance(written, str) or not written:
        raise Wrong(f'{place}: there is no user; write user: "10"')
    name, _, behind = re.sub(r"^sips?:", "", written, flags=re.IGNORECASE).partition("@")
    if not name or re.search(r"[\s:<>\"]", name) or len(name) > 64:
        raise Wrong(f"{place}: user {written!r} is no user name; write it without blanks and quotes, like 10")
    domain = str(values.get("domain") or behind or (served.names[0] if len(served.names) == 1 else ""))
    if not domain:
        raise Wrong(
            f"{place}: user {name!r} has no domain, and {len(served.names)} are served;"
            f" write domain: {served.names[0]}"
        )
    if not _is_host(domain):
        raise Wrong(
            f"{place}: domain {domain!r} of user {name!r} is no domain; write it like {served.names[0]}"
        )
    found = served.canonical.get(_plain_host(domain))
    if found is None:
        raise Wrong(
            f"{place}: domain {domain!r} of user {name!r} is not served;"
            f" write one of {', '.join(served.names)}, or add it to sipbox_domains"
        )
    return name, found


# ----------------------------------------------------------------------------------------------------- phones


def _phones(
    entries: Sequence[Entry], served: Served, people: Mapping[Address, Mapping[str, Any]]
) -> Iterator[dict[str, Any]]:
    """The phones, each of their accounts with the password that the inventory gives its subscriber."""
    seen: dict[str, str] = {}
    site = Site(domain=served.names[0])
    for place, values in entries:
        called = f"{place} ({values.get('mac') or values.get('user') or 'without mac'})"
        if values.get("mac") in (None, ""):
            raise Wrong(
                f'{called}: the phone has no mac; write the address on its label, mac: "00:0b:82:12:34:56"'
            )
        try:
            mac = mac_address(values["mac"])
            if values.get("state") != "absent":
                _accounts(values, served, called, people)
                _readable(values, site)
        except PhoneRefused as refused:
            raise Wrong(f"{called}: {_short(str(refused))}; correct the entry") from None
        if mac in seen:
            raise Wrong(f"{called}: the phone stands there twice (first in {seen[mac]}); take one out")
        seen[mac] = place
        yield values


def _short(sentence: str) -> str:
    """Without the end of a list of all models that there are."""
    return sentence if len(sentence) <= LONGEST else f"{sentence[:LONGEST].rpartition(',')[0]} ..."


def _accounts(
    values: dict[str, Any], served: Served, place: str, people: Mapping[Address, Mapping[str, Any]]
) -> None:
    accounts = values.get("accounts")
    for account in accounts if isinstance(accounts, list) else [values]:
        if not isinstance(account, dict) or account.get("user") in (None, ""):
            continue  # whoever reads the phone says what is missing
        who = _address(account, served, place)
        user_name(who[0], "user")
        account["user"], account["domain"] = who
        known = people.get(who, {})
        if known.get("state") == "absent":
            raise Wrong(
                f"{place}: its user {'@'.join(who)} is absent in subscribers; give it another, or take it out"
            )
        if known.get("password") and not account.get("password"):
            account["password"] = known["password"]


def _readable(values: Mapping[str, Any], site: Site) -> None:
    options = values.get("options") or {}
    if not isinstance(options, Mapping):
        raise PhoneRefused("options: has to be a mapping, as in {language: de}")
    kept = {
        key: value
        for key, value in values.items()
        if key not in ("state", "enabled", "options") and value not in (None, "")
    }
    parse_phone({**options, **kept}, site)


def _plain(value: Any) -> Any:
    """Numbers and truth values as text, as in the program's own files."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return str(value)


class FilterModule:
    """What Ansible asks for."""

    def filters(self) -> dict[str, Any]:
        return {"sipbox_inventory": sipbox_inventory}
