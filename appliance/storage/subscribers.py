"""Credentials of subscribers, resident and never stale.

Phones come back once an hour, so what was read once stays in memory (least recently used go first) until the
change log says that the row has changed. Misses that arrive together are one query. A check that fails may
ask for the row to be read again (``refetch``), at most once a second for each user, so that a new password
works at once and a guesser costs the database nothing.

A row whose domain is empty serves when exactly one domain is served, as OpenSER's rows did. Must not know
what is verified with the credentials.
"""

from __future__ import annotations

import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Sequence
from sys import intern
from typing import Any, NamedTuple, TypeVar

import gevent
from pymysql.converters import escape_string
from sqlalchemy import literal_column, select, tuple_
from sqlalchemy.engine import Connection

from appliance.auth.digest import ha1, ha1b
from appliance.errors import DatabaseUnavailable
from appliance.sip.uri import AddressOfRecord
from appliance.storage.changes import Change
from appliance.storage.channel import Channel
from appliance.storage.engine import Database
from appliance.storage.shared_reads import AT_ONCE, SharedReads
from appliance.storage.tables import subscriber as table

Key = tuple[str, str]
_COLUMNS = ("username", "domain", "password", "ha1", "ha1b", "ha1_sha256", "ha1_sha512_256", "rpid")
#: Columns that are read only where their algorithm is asked for: a hash for each is dear with a million.
_COLUMN_OF = {"SHA-256": "ha1_sha256", "SHA-512-256": "ha1_sha512_256"}
V = TypeVar("V")

#: Names that nobody has are remembered too, fewer of them: scanners make them up.
_UNKNOWN_CACHED = 10_000
#: Seconds between two readings of one row because of failed checks.
_REFETCH_PAUSE = 1.0
#: Seconds between two queries for rows that nobody waits for: whoever waits has the loop meanwhile.
_BETWEEN = 0.005


class Subscriber(NamedTuple):
    """One subscriber, with the hashes for one realm.

    ``ha1`` is MD5 of ``username:realm:password``, ``ha1b`` of ``username@domain:realm:password`` (RFC 2617
    §3.2.2.2); None when the row has neither it nor a password. A row without any credential has an ``ha1``
    that nobody can know. ``domain`` is the one that was asked for, also when the row's is empty.
    """

    username: str
    domain: str
    ha1: str
    ha1b: str | None = None
    ha1_sha256: str | None = None
    ha1_sha512_256: str | None = None
    rpid: str | None = None


class _Row(NamedTuple):
    username: str
    domain: str
    password: str
    ha1: str
    ha1b: str
    ha1_sha256: str
    ha1_sha512_256: str
    rpid: str | None


class Subscribers:
    """The subscribers of a database.

    ``only()`` gives the one served domain, or None when there are several. ``hosts(domain)`` are all names of
    a domain, the canonical one first: his row may have any of them. ``cached`` bounds how many are kept;
    hashes are those for ``algorithms`` and MD5.
    """

    def __init__(
        self,
        database: Database,
        *,
        cached: int = 1_000_000,
        only: Callable[[], str | None] = lambda: None,
        hosts: Callable[[str], Sequence[str]] = lambda domain: (domain,),
        case_sensitive: bool = True,
        clock: Callable[[], float] = time.monotonic,
        algorithms: Collection[str] = ("MD5",),
    ) -> None:
        unread = {column for name, column in _COLUMN_OF.items() if name not in algorithms}
        self._columns = tuple("''" if column in unread else column for column in _COLUMNS)
        self._sha256 = "SHA-256" in algorithms
        self._sha512_256 = "SHA-512-256" in algorithms
        self._database = database
        self._cached = max(1, cached)
        self._only = only
        self._hosts = hosts
        self._fold = not case_sensitive
        self._clock = clock
        self._known: OrderedDict[Key, tuple[_Row, str, Subscriber]] = OrderedDict()
        self._unknown: OrderedDict[Key, None] = OrderedDict()
        self._reads: SharedReads[Key, _Row] = SharedReads(self._select, self._remember_row)
        self._channel = None if database.dialect == "sqlite" else Channel(database)
        self._refetched: OrderedDict[Key, float] = OrderedDict()

    def __len__(self) -> int:
        """How many subscribers are resident."""
        return len(self._known)

    def close(self) -> None:
        """Ask the database no more."""
        if self._channel is not None:
            self._channel.close()

    def find(self, username: str, domain: str, realm: str) -> Subscriber | None:
        """The subscriber, or None when there is none. Raises StorageError when it is not in memory and the
        database cannot be asked.
        """
        key = (username.lower() if self._fold else username, domain)
        known = self._known.get(key)
        if known is not None:
            self._known.move_to_end(key)
            if known[1] == (f"{username}@{realm}" if self._fold else realm):
                return known[2]
            return self._keep(key, known[0], username, realm)
        if key in self._unknown:
            return None
        row = self._reads.read(key)
        # It has just been read: a check that fails now need not ask once more.
        self._refetched.pop(key, None)
        _remember(self._refetched, key, self._clock(), _UNKNOWN_CACHED)
        if row is None:
            return None
        if self._known.get(key, (None,))[0] is row:
            return self._keep(key, row, username, realm)
        return self._subscriber(row, username, domain, realm)

    def refetch(self, username: str, domain: str, realm: str) -> Subscriber | None:
        """The subscriber as the row is now, unless it was read again less than a second ago."""
        key = (username.lower() if self._fold else username, domain)
        now = self._clock()
        last = self._refetched.get(key)
        if last is None or now - last >= _REFETCH_PAUSE:
            self._refetched.pop(key, None)
            _remember(self._refetched, key, now, _UNKNOWN_CACHED)
            try:
                self._reads.read(key)
            except DatabaseUnavailable:
                pass  # what is in memory stands until the database is back
        return self.find(username, domain, realm)

    def read_ahead(self, addresses: Sequence[AddressOfRecord]) -> None:
        """Read the credentials of these users, who are expected soon, a few hundred in one query.

        After a start all phones come within an hour, and each by itself would cost a good part of a query.
        Raises StorageError when the database cannot be asked; what was read is kept.
        """
        keys = [
            (username.lower() if self._fold else username, domain)
            for username, domain in addresses[: self._cached]
        ]
        for first in range(0, len(keys), AT_ONCE):
            some = keys[first : first + AT_ONCE]
            self._reads.read_ahead([key for key in some if key not in self._known])
            gevent.sleep(_BETWEEN)

    def forget(self, username: str, domain: str) -> None:
        """The row may have changed: read it again when it is asked for. An empty domain is that of a row
        without.
        """
        folded = username.lower() if self._fold else username
        domains = {domain, self._hosts(domain)[0]}
        only = self._only()
        if not domain and only is not None:
            domains.add(only)
        for name in domains:
            key = (folded, name)
            self._known.pop(key, None)
            self._unknown.pop(key, None)
            self._reads.outdate(key)

    def follow(self, changes: Iterable[Change]) -> None:
        """Forget what the change log names."""
        for change in changes:
            if change.table == table.name:
                self.forget(change.username, change.domain)

    def forget_all(self) -> None:
        """Any row may have changed."""
        self._known.clear()
        self._unknown.clear()
        self._reads.outdate_all()

    # ------------------------------------------------------------------------------------------------ reading

    def _keep(self, key: Key, row: _Row, username: str, realm: str) -> Subscriber:
        found = self._subscriber(row, username, intern(key[1]), realm)
        # HA1 is of the name as the phone spells it, and phones may differ where any spelling will do.
        self._known[key] = (row, f"{username}@{realm}" if self._fold else intern(realm), found)
        self._known.move_to_end(key)
        return found

    def _subscriber(self, row: _Row, username: str, domain: str, realm: str) -> Subscriber:
        """The row's credentials in ``realm``: what is hashed already, else from the password."""
        md5, md5b, sha256, sha512_256 = row.ha1, row.ha1b, row.ha1_sha256, row.ha1_sha512_256
        if row.password:
            md5 = md5 or ha1(username, realm, row.password)
            md5b = md5b or ha1b(username, domain, realm, row.password)
            if self._sha256:
                sha256 = sha256 or ha1(username, realm, row.password, "SHA-256")
            if self._sha512_256:
                sha512_256 = sha512_256 or ha1(username, realm, row.password, "SHA-512-256")
        return Subscriber(
            row.username,
            domain,
            md5 or secrets.token_hex(16),
            md5b or None,
            sha256 or None,
            sha512_256 or None,
            row.rpid,
        )

    def _remember_row(self, key: Key, row: _Row | None) -> None:
        self._known.pop(key, None)
        self._unknown.pop(key, None)
        if row is not None:
            username = row.username if row.username == key[0] else key[0]
            _remember(self._known, (username, intern(key[1])), (row, "", _NOBODY), self._cached)
        else:
            _remember(self._unknown, key, None, _UNKNOWN_CACHED)

    def _select(self, keys: list[Key]) -> dict[Key, _Row]:
        only = self._only()
        wanted: list[Key] = []
        for username, domain in keys:
            wanted += [(username, host) for host in self._hosts(domain)]
            if domain == only:
                wanted.append((username, ""))
        if self._channel is None:
            rows = self._database.run(lambda connection: self._select_on(connection, wanted), "subscriber")
        else:
            rows = self._channel.select(_statement(wanted, self._columns, folded=self._fold), "subscriber")
        by_key = {(row[0], row[2].lower()): _row(*row[1:]) for row in rows}
        found: dict[Key, _Row] = {}
        for username, domain in keys:
            names = (*self._hosts(domain), "") if domain == only else self._hosts(domain)
            row = next((by_key[username, name] for name in names if (username, name) in by_key), None)
            if row is not None:
                found[username, domain] = row
        return found

    def _select_on(self, connection: Connection, wanted: list[Key]) -> Sequence[Sequence[Any]]:
        """As ``_statement``, for SQLite."""
        name = table.c.username_folded if self._fold else table.c.username
        columns = [
            literal_column("''").label(name) if column == "''" else table.c[column]
            for name, column in zip(_COLUMNS, self._columns, strict=True)
        ]
        query = select(name.label("key"), *columns).where(tuple_(name, table.c.domain).in_(wanted))
        return connection.execute(query.order_by(table.c.id.desc())).all()


def _statement(wanted: Iterable[Key], columns: Sequence[str], *, folded: bool) -> str:
    """The rows of these users and domains. After a start thousands are read within seconds, and SQLAlchemy
    would spend as long on them as all the rest of their registrations takes.
    """
    name = "username_folded" if folded else "username"
    keys = ",".join([f"('{escape_string(user)}','{escape_string(domain)}')" for user, domain in wanted])
    return (
        f"SELECT {name},{','.join(columns)} FROM subscriber"  # noqa: S608 - every value is escaped
        f" WHERE ({name},domain) IN ({keys}) ORDER BY id DESC"
    )


#: Stands in the cache until the realm is known.
_NOBODY = Subscriber("", "", "")


def _remember(cache: OrderedDict[Key, V], key: Key, value: V, at_most: int) -> None:
    cache[key] = value
    while len(cache) > at_most:
        cache.popitem(last=False)


def _row(
    username: str,
    domain: str,
    password: str,
    ha1: str,
    ha1b: str,
    ha1_sha256: str,
    ha1_sha512_256: str,
    rpid: str | None,
) -> _Row:
    """A row as it is kept, a million times perhaps: what many rows have in common is one text."""
    return _Row(
        username,
        intern(domain),
        password,
        ha1.lower(),
        ha1b.lower(),
        ha1_sha256.lower(),
        ha1_sha512_256.lower(),
        rpid,
    )
