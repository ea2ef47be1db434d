"""Who is known by which name while an import runs: those who are here, and those who come.

A million names would fill the memory, so they lie in a file of SQLite's own, which goes by itself. Names are
compared as the server compares them: ``folded``, whose case alone differs is one. Must not know where they
come from.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import NamedTuple

from appliance.sip.uri import AddressOfRecord

_TABLES = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
CREATE TABLE person (name TEXT, domain TEXT, username TEXT, came INTEGER, PRIMARY KEY (name, domain))
  WITHOUT ROWID;
CREATE TABLE alias (name TEXT, domain TEXT, username TEXT, at TEXT, came INTEGER, PRIMARY KEY (name, domain))
  WITHOUT ROWID;
BEGIN
"""
_PERSON = "SELECT username, domain, came FROM person WHERE name = ? AND domain = ?"
_NAMED = "SELECT username, domain FROM person WHERE name = ? LIMIT 2"
_ALIAS = "SELECT username, at, came FROM alias WHERE name = ? AND domain = ?"


class Known(NamedTuple):
    """A subscriber as he is written; ``came``: by this import."""

    who: AddressOfRecord
    came: bool


class KnownNames:
    """People and aliases; ``close`` when done."""

    def __init__(self, *, folded: bool) -> None:
        self._folded = folded
        self._rows = sqlite3.connect("", isolation_level=None)
        self._rows.executescript(_TABLES)

    def close(self) -> None:
        self._rows.close()

    def keep(self, people: Iterable[AddressOfRecord]) -> None:
        """They are here."""
        rows = [(*self._key(who), who.username, 0) for who in people]
        self._rows.executemany("INSERT OR REPLACE INTO person VALUES (?, ?, ?, ?)", rows)

    def keep_aliases(self, aliases: Iterable[tuple[AddressOfRecord, AddressOfRecord]]) -> None:
        """Aliases that are here, and whose they are."""
        self._put_aliases(aliases, came=False)

    def come(self, who: AddressOfRecord) -> AddressOfRecord:
        """He comes; returns how he is written here."""
        self._rows.execute(
            "INSERT INTO person VALUES (?, ?, ?, 1) ON CONFLICT DO UPDATE SET came = 1",
            (*self._key(who), who.username),
        )
        known = self.person(who)
        return who if known is None else known.who

    def come_aliases(self, aliases: Iterable[tuple[AddressOfRecord, AddressOfRecord]]) -> None:
        """Aliases that come, and whose they are."""
        self._put_aliases(aliases, came=True)

    def person(self, who: AddressOfRecord) -> Known | None:
        """The subscriber of this name."""
        row = self._rows.execute(_PERSON, self._key(who)).fetchone()
        return None if row is None else Known(AddressOfRecord(row[0], row[1]), bool(row[2]))

    def only(self, username: str) -> AddressOfRecord | None:
        """The only subscriber of this name, in whichever domain."""
        name = username.lower() if self._folded else username
        rows = self._rows.execute(_NAMED, (name,)).fetchall()
        return AddressOfRecord(*rows[0]) if len(rows) == 1 else None

    def owner(self, alias: AddressOfRecord) -> Known | None:
        """To whom an alias leads."""
        row = self._rows.execute(_ALIAS, self._key(alias)).fetchone()
        return None if row is None else Known(AddressOfRecord(row[0], row[1]), bool(row[2]))

    def is_same(self, one: AddressOfRecord, other: AddressOfRecord) -> bool:
        """Whether both are one."""
        return self._key(one) == self._key(other)

    def _put_aliases(self, aliases: Iterable[tuple[AddressOfRecord, AddressOfRecord]], *, came: bool) -> None:
        rows = [(*self._key(alias), *owner, int(came)) for alias, owner in aliases]
        self._rows.executemany("INSERT OR REPLACE INTO alias VALUES (?, ?, ?, ?, ?)", rows)

    def _key(self, who: AddressOfRecord) -> tuple[str, str]:
        return (who.username.lower() if self._folded else who.username, who.domain.lower())
