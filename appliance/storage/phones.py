"""What the agent reads and writes about phones: who asks, and that somebody has asked.

A phone is looked up by the hash of its token: how long an index takes to find nothing tells no more than what
the asker has hashed himself. Nothing here opens a secret. ``phone_seen`` is bounded: a stranger who asks with
ever new names pushes out the oldest strangers, and never a phone of ours.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, delete, func, insert, select, update
from sqlalchemy.engine import Connection

from appliance.storage.engine import Database
from appliance.storage.tables.columns import utc_now
from appliance.storage.tables.phones import phone, phone_line, phone_seen

TOKEN_BYTES = 20
SEEN_AT_MOST = 1000


class StoredLine(NamedTuple):
    """One account of a phone; ``secret`` is sealed, "" when there is none."""

    line: int
    username: str
    domain: str
    auth_user: str
    display_name: str
    label: str
    voicemail: str
    secret: str

    @property
    def owner(self) -> str:
        """Whose password it is."""
        return f"{self.username}@{self.domain}"


class StoredPhone(NamedTuple):
    """A row of ``phone`` with its lines in order. Times are UTC, None for never."""

    mac: str
    vendor: str
    model: str
    token: str
    enabled: bool
    options: Mapping[str, Any]
    serial: int
    served: int
    first_seen: datetime | None
    last_seen: datetime | None
    last_address: str
    user_agent: str
    managed_by: str
    lines: tuple[StoredLine, ...]


def new_token() -> str:
    """A secret of 160 bits that may stand in a path."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def token_hash(token: str) -> str:
    """What a token is looked up by."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def read_phones(connection: Connection, condition: ColumnElement[bool] | None = None) -> list[StoredPhone]:
    """The phones for which ``condition`` holds, or all, in the order of their MACs."""
    wanted = select(phone).order_by(phone.c.mac)
    of_them = select(phone_line).order_by(phone_line.c.mac, phone_line.c.line)
    if condition is not None:
        wanted = wanted.where(condition)
        of_them = of_them.where(phone_line.c.mac.in_(select(phone.c.mac).where(condition)))
    lines: dict[str, list[StoredLine]] = {}
    for row in connection.execute(of_them).mappings():
        lines.setdefault(row["mac"], []).append(StoredLine(*(row[name] for name in StoredLine._fields)))
    return [
        StoredPhone(
            **{
                name: row[name] for name in StoredPhone._fields if name not in ("enabled", "options", "lines")
            },
            enabled=bool(row["enabled"]),
            options=json.loads(row["options"] or "{}"),
            lines=tuple(lines.get(row["mac"], ())),
        )
        for row in connection.execute(wanted).mappings()
    ]


class PhoneRows:
    """The rows as the agent needs them. Each method raises StorageError."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def by_token(self, token: str) -> StoredPhone | None:
        """The phone whose token this is."""
        found = self._one(phone.c.token_hash == token_hash(token), "phone_by_token")
        return found if found and secrets.compare_digest(found.token.encode(), token.encode()) else None

    def by_mac(self, mac: str) -> StoredPhone | None:
        """The phone with this MAC, twelve digits in lower case."""
        return self._one(phone.c.mac == mac, "phone_by_mac")

    def asked(self, mac: str, address: str, user_agent: str, served: int | None = None) -> None:
        """A phone of ours was here; with ``served`` it got the configuration of that serial."""
        values: dict[str, Any] = {
            "last_seen": utc_now(),
            "first_seen": func.coalesce(phone.c.first_seen, utc_now()),
            "last_address": address[:45],
            "user_agent": user_agent[:255],
        }
        if served is not None:
            values["served"] = served
        change = update(phone).where(phone.c.mac == mac).values(values)
        self._database.run(lambda connection: connection.execute(change), "phone_asked")

    def unknown(self, mac: str, vendor: str, how: str, address: str, user_agent: str) -> None:
        """A phone that we do not know has asked, by ``http`` or ``pnp``."""
        said = {"vendor": vendor, "how": how, "address": address[:45], "user_agent": user_agent[:255]}
        again = (
            update(phone_seen)
            .where(phone_seen.c.mac == mac)
            .values(**said, times=phone_seen.c.times + 1, last_seen=utc_now())
        )
        count = select(func.count()).select_from(phone_seen)
        oldest = select(phone_seen.c.id).order_by(phone_seen.c.last_seen, phone_seen.c.id).limit(1)

        def work(connection: Connection) -> None:
            if connection.execute(again).rowcount:
                return
            if int(connection.execute(count).scalar_one()) >= SEEN_AT_MOST:
                gone = connection.execute(oldest).scalar()
                connection.execute(delete(phone_seen).where(phone_seen.c.id == gone))
            connection.execute(insert(phone_seen).values(mac=mac, **said))

        self._database.run(work, "phone_seen")

    def _one(self, condition: ColumnElement[bool], name: str) -> StoredPhone | None:
        found = self._database.run(lambda connection: read_phones(connection, condition), name)
        return found[0] if found else None
