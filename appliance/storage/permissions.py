"""What subscribers may call, and as whom: the groups of ``grp``, and the identity that a gateway is told.

Resident, because they are asked for with every call outside, and read only while there are gateways: nobody
else asks. The identity is the attribute ``asserted_id`` of ``usr_preferences``, where there is one; a
``subscriber``'s ``rpid`` comes with his credentials. Must not know what a group allows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import gevent
from sqlalchemy import Select, and_, select, tuple_

from appliance.sip.uri import AddressOfRecord
from appliance.storage.changes import Change
from appliance.storage.engine import Database
from appliance.storage.tables import grp, usr_preferences

IDENTITY = "asserted_id"
_ROWS_AT_ONCE = 5000
#: More changed users than this are read with all the others.
_ONE_BY_ONE = 500
_NONE: frozenset[str] = frozenset()

Key = tuple[str, str]


class Permissions:
    """The groups and identities of a database; empty while ``wanted()`` is false.

    ``only()`` gives the one served domain or None: a row whose domain is empty is of a user there.
    ``hosts(domain)`` are all names of a domain.
    """

    def __init__(
        self,
        database: Database,
        wanted: Callable[[], bool],
        *,
        only: Callable[[], str | None] = lambda: None,
        hosts: Callable[[str], Sequence[str]] = lambda domain: (domain,),
        case_sensitive: bool = True,
    ) -> None:
        self._database = database
        self._wanted = wanted
        self._only = only
        self._hosts = hosts
        self._fold = not case_sensitive
        self.loaded = False
        self._stale: set[Key] = set()
        self._groups: dict[Key, frozenset[str]] = {}
        self._identities: dict[Key, str] = {}
        # Most users are in one of a few sets of groups.
        self._same: dict[frozenset[str], frozenset[str]] = {}

    def groups(self, aor: AddressOfRecord) -> frozenset[str]:
        """The groups that a user is in."""
        found = _NONE
        for key in self._keys(aor):
            found = found | self._groups.get(key, _NONE)
        return found

    def identity(self, aor: AddressOfRecord) -> str:
        """As whom a gateway sees him by his preferences; "" when they say nothing."""
        return next((self._identities[key] for key in self._keys(aor) if key in self._identities), "")

    def load(self) -> None:
        """Read all of them. Raises StorageError, and what was known before stays."""
        stale = set(self._stale)
        groups: dict[Key, set[str]] = {}
        identities: dict[Key, str] = {}
        if self._wanted():
            for query, take in (
                (_of_groups, self._take_group(groups)),
                (_of_identities, self._take(identities)),
            ):
                last = 0
                while rows := self._rows(query(after=last)):
                    for row in rows:
                        take(*row[1:])
                    last = rows[-1][0]
                    gevent.sleep(0)
        self._groups = {key: self._shared(found) for key, found in groups.items()}
        self._identities = identities
        self.loaded = self._wanted()
        self._stale -= stale

    def follow(self, changes: Iterable[Change]) -> None:
        """Read again what the change log names; what fails now is read the next time. Raises StorageError."""
        wanted = self._wanted()
        if not wanted and not self.loaded:
            return
        for change in changes:
            if change.table in (grp.name, usr_preferences.name):
                self._stale.add((change.username, change.domain))
        # In any case of letters several users' rows are one user's, and only some of them were named.
        if not self.loaded or not wanted or len(self._stale) > _ONE_BY_ONE or (self._fold and self._stale):
            self.load()
        elif self._stale:
            self._refresh(set(self._stale))

    def forget_all(self) -> None:
        """Any row may have changed: read all at the next ``follow``."""
        self.loaded = False

    def _refresh(self, keys: set[Key]) -> None:
        groups: dict[Key, set[str]] = {}
        identities: dict[Key, str] = {}
        for row in self._rows(_of_groups(keys=keys)):
            groups.setdefault(self._key(row[1], row[2]), set()).add(row[3])
        for row in self._rows(_of_identities(keys=keys)):
            identities[self._key(row[1], row[2])] = row[3]
        for username, domain in keys:
            key = self._key(username, domain)
            self._groups.pop(key, None)
            self._identities.pop(key, None)
        self._groups |= {key: self._shared(found) for key, found in groups.items()}
        self._identities |= identities
        self._stale -= keys

    def _read_all(self, query: Callable[[int], Select[Any]], take: Callable[[str, str, str], None]) -> None:
        last = 0
        while rows := self._rows(query(last)):
            for _, username, domain, value in rows:
                take(username, domain, value)
            last = rows[-1][0]
            gevent.sleep(0)

    def _rows(self, query: Select[Any]) -> list[tuple[Any, ...]]:
        return self._database.run(
            lambda connection: [tuple(row) for row in connection.execute(query)], "permissions"
        )

    def _take_group(self, groups: dict[Key, set[str]]) -> Callable[[str, str, str], None]:
        def take(username: str, domain: str, group: str) -> None:
            groups.setdefault(self._key(username, domain), set()).add(group)

        return take

    def _take(self, identities: dict[Key, str]) -> Callable[[str, str, str], None]:
        def take(username: str, domain: str, value: str) -> None:
            identities[self._key(username, domain)] = value

        return take

    def _shared(self, groups: set[str]) -> frozenset[str]:
        frozen = frozenset(groups)
        return self._same.setdefault(frozen, frozen)

    def _key(self, username: str, domain: str) -> Key:
        return (username.lower() if self._fold else username), domain.lower()

    def _keys(self, aor: AddressOfRecord) -> list[Key]:
        """The keys that rows of this user may have: any name of his domain, none when there is just one."""
        hosts = dict.fromkeys((aor.domain, *self._hosts(aor.domain)))
        only = self._only()
        return [self._key(aor.username, host) for host in hosts] + [
            self._key(aor.username, "") for host in hosts if host == only
        ]


def _of_groups(after: int = 0, keys: set[Key] | None = None) -> Select[Any]:
    columns = grp.c
    query = select(columns.id, columns.username, columns.domain, columns.grp)
    if keys is not None:
        return query.where(tuple_(columns.username, columns.domain).in_(sorted(keys)))
    return query.where(columns.id > after).order_by(columns.id).limit(_ROWS_AT_ONCE)


def _of_identities(after: int = 0, keys: set[Key] | None = None) -> Select[Any]:
    columns = usr_preferences.c
    query = select(columns.id, columns.username, columns.domain, columns.value)
    chosen = columns.attribute == IDENTITY
    if keys is not None:
        return query.where(and_(chosen, tuple_(columns.username, columns.domain).in_(sorted(keys))))
    return query.where(chosen, columns.id > after).order_by(columns.id).limit(_ROWS_AT_ONCE)
