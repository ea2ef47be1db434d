"""Which subscribers, aliases and permissions of the old server can be taken, as
``subscriber_plan`` wants them.

Aliases and permissions that somebody has made here stay: what comes is added. A password that was readable is
taken as hashes for every algorithm, where it fits the stored one; a hash alone is taken as it is. Must not
know SQL.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from appliance.auth.digest import ha1 as hash_of
from appliance.registrar.served import ServedDomain
from appliance.sip.uri import AddressOfRecord
from appliance.storage.administration.subscriber_plan import Wanted
from appliance.storage.importing.domains import host_in
from appliance.storage.importing.known_names import KnownNames
from appliance.storage.importing.left import Left
from appliance.storage.importing.old_database import Row

#: The names of groups that gateways ask for (``sipbox permission``).
GROUPS = ("local", "ld", "int", "voicemail", "free-pstn")
_GROUP, _USER, _PASSWORD = 50, 64, 128
_PROFILE = {"first_name": 25, "last_name": 45, "email_address": 50}
_HASHES = {"ha1": 32, "ha1b": 32, "ha1_sha256": 64, "ha1_sha512_256": 64}
_MAIL = re.compile(r"[^@\s\"<>,;:]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")


class People:
    """Who is who, some rows after the other: ``served`` are the domains by every name, ``known`` whoever is
    here or has come."""

    def __init__(self, served: Mapping[str, ServedDomain], known: KnownNames, left: Left) -> None:
        self._served, self._known, self._left = served, known, left
        names = {each.name for each in served.values()}
        # A row without a domain is of the only one, as OpenSER's tutorial has it.
        self._only = names.pop() if len(names) == 1 else None

    def wanted(self, rows: Iterable[Row]) -> list[Wanted]:
        """The subscribers that can be; from now on they have come."""
        made = []
        for row in rows:
            what = f"subscriber {row['username']}@{row['domain']}"
            who = self._address(str(row["username"]), row["domain"])
            if who is None:
                self._left.say("subscribers", what, "the name cannot be a user's and a domain's in a SIP URI")
                continue
            known, leads = self._known.person(who), self._known.owner(who)
            if known is not None and known.came:
                self._left.say("subscribers", what, f"is {known.who} here, who came before")
            elif known is None and leads is not None:
                why = f"is an alias here; 'sipbox alias remove {who}' takes it away"
                self._left.say("subscribers", what, why)
            else:
                here = self._known.come(who)
                login, profile = self._login(here, row), self._profile(here, row)
                made.append(Wanted(here, "the old database", **login, profile=profile))
        return made

    def aliases(self, rows: Iterable[Row]) -> list[tuple[AddressOfRecord, AddressOfRecord]]:
        """New aliases, and whose they are; from now on they have come."""
        found = []
        for row in rows:
            what = f"alias {row['alias_username']}@{row['alias_domain']}"
            owner = self._came(row)
            alias = self._address(str(row["alias_username"]), row["alias_domain"])
            here = None if alias is None else self._known.owner(alias)
            if alias is None:
                self._left.say("aliases", what, "is no user of a domain that is served")
            elif owner is None:
                why = f"leads to {row['username']}@{row['domain']}, who is no subscriber there"
                self._left.say("aliases", what, why)
            elif self._known.person(alias) is not None:
                self._left.say("aliases", what, "is a subscriber's own address")
            elif here is None:
                found.append((alias, owner))
                self._known.come_aliases([(alias, owner)])
            elif not self._known.is_same(here.who, owner):
                self._left.say("aliases", what, f"leads to {here.who} {'too' if here.came else 'here'}")
        return found

    def permissions(self, rows: Iterable[Row], *, anything: bool) -> list[tuple[AddressOfRecord, str]]:
        """Who may do what; ``anything``: permissions of other names too."""
        found = []
        for row in rows:
            group, who = str(row["grp"]), f"{row['username']}@{row['domain']}"
            owner = self._came(row)
            if owner is None:
                self._left.say("permissions", f"permission {group} of {who}", "there is no such subscriber")
            elif not group or len(group) > _GROUP or not group.isprintable():
                why = f"a name has 1 to {_GROUP} printable characters"
                self._left.say("permissions", f"permission {group!r} of {who}", why)
            elif group not in GROUPS and not anything:
                why = f"is none of {', '.join(GROUPS)}; --any takes it"
                self._left.say("permissions", f"permission {group}", why)
            else:
                found.append((owner, group))
        return found

    def find(self, username: object, domain: object) -> AddressOfRecord | None:
        """Who that is, here or coming; without a domain, the only one of that name. For phones."""
        name = str(username or "")
        if not domain:
            return self._known.only(name)
        who = self._address(name, domain)
        known = None if who is None else self._known.person(who)
        return None if known is None else known.who

    # ---------------------------------------------------------------------------------------------- internals

    def _came(self, row: Row) -> AddressOfRecord | None:
        """The subscriber of a row of another table, if the old server has him."""
        who = self._address(str(row["username"]), row["domain"])
        known = None if who is None else self._known.person(who)
        return known.who if known is not None and known.came else None

    def _address(self, username: str, domain: object) -> AddressOfRecord | None:
        served = self._served.get((host_in(domain) if domain else self._only) or "")
        if served is None or not username or len(username) > _USER or not username.isprintable():
            return None
        return None if re.search(r"[\s@:<>\"]", username) else AddressOfRecord(username, served.name)

    def _login(self, who: AddressOfRecord, row: Row) -> dict[str, Any]:
        """``password``, or ``ha1`` and ``hashes``, or nothing."""
        what = f"password of {who}"
        domain = self._served[who.domain]
        hashes = {name: str(row.get(name) or "").lower() for name in _HASHES}
        hashes = {
            name: each for name, each in hashes.items() if re.fullmatch(rf"[0-9a-f]{{{_HASHES[name]}}}", each)
        }
        password = str(row.get("password") or "")
        if password and (len(password) > _PASSWORD or not password.isprintable()):
            self._left.say("passwords", what, f"has more than {_PASSWORD} characters, or some not printable")
            password = ""
        stored = hashes.pop("ha1", None)
        if password and (stored is None or stored == hash_of(who.username, domain.realm, password)):
            return {"password": password}
        there = host_in(row["domain"]) or domain.name
        if stored is not None and there not in (domain.name, domain.realm):
            why = f"was hashed for {there}, and the realm is {domain.realm} here; set it again"
            self._left.say("passwords", what, why)
            return {}
        if stored is None:
            self._left.say("passwords", what, "there is none; 'sipbox subscriber passwd' sets one")
            return {}
        return {"ha1": stored, "hashes": hashes}

    def _profile(self, who: AddressOfRecord, row: Row) -> dict[str, str]:
        found: dict[str, str] = {}
        for column, length in _PROFILE.items():
            value = str(row.get(column) or "")
            if len(value) > length or not value.isprintable():
                self._left.say("profiles", f"{column} of {who}", f"has at most {length} printable characters")
            elif column == "email_address" and value and not _MAIL.fullmatch(value):
                self._left.say("profiles", f"{column} of {who}", "is no E-Mail address")
            elif value:
                found[column] = value
        return found
