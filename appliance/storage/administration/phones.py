"""Rows of ``phone`` and ``phone_line``: what an administrator changes about phones.

The functions that take a connection are steps of a larger transaction (``sipbox phone apply``). A change that
the phone has to hear of raises its ``serial``. Secrets come sealed and leave sealed.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from sqlalchemy import delete, insert, select, update
from sqlalchemy.engine import Connection

from appliance.storage.engine import Database
from appliance.storage.phones import StoredLine, StoredPhone, new_token, read_phones, token_hash
from appliance.storage.tables.columns import utc_now
from appliance.storage.tables.phones import phone, phone_line, phone_seen


class Wanted(NamedTuple):
    """What a phone shall be: ``vendor`` and ``model`` by their names in ``provisioning.models``."""

    mac: str
    vendor: str
    model: str
    enabled: bool
    options: Mapping[str, Any]
    lines: tuple[StoredLine, ...]
    managed_by: str = ""


def every(database: Database) -> list[StoredPhone]:
    """All phones."""
    return database.run(read_phones, "phone_list")


def find(database: Database, mac: str) -> StoredPhone | None:
    """The phone with this MAC."""
    found = database.run(lambda connection: read_phones(connection, phone.c.mac == mac), "phone_list")
    return found[0] if found else None


def strangers(database: Database) -> list[dict[str, Any]]:
    """Phones that have asked and are unknown, the last one first."""
    columns = [column for column in phone_seen.c if column.name != "id"]
    known = select(phone.c.mac)
    wanted = select(*columns).where(phone_seen.c.mac.not_in(known)).order_by(phone_seen.c.last_seen.desc())
    return database.run(
        lambda connection: [dict(row) for row in connection.execute(wanted).mappings()], "phone_list"
    )


def put(connection: Connection, wanted: Wanted, present: StoredPhone | None) -> None:
    """Make ``wanted`` true of the phone that is ``present`` now, or is not there yet."""
    values = {
        "vendor": wanted.vendor,
        "model": wanted.model,
        "enabled": int(wanted.enabled),
        "options": json.dumps(wanted.options, sort_keys=True) if wanted.options else None,
        "managed_by": wanted.managed_by,
    }
    if present is None:
        token = new_token()
        connection.execute(
            insert(phone).values(mac=wanted.mac, token=token, token_hash=token_hash(token), **values)
        )
        connection.execute(delete(phone_seen).where(phone_seen.c.mac == wanted.mac))
    else:
        change = update(phone).where(phone.c.mac == wanted.mac)
        connection.execute(change.values(**values, serial=phone.c.serial + 1, modified=utc_now()))
        connection.execute(delete(phone_line).where(phone_line.c.mac == wanted.mac))
    rows = [{"mac": wanted.mac, **line._asdict()} for line in wanted.lines]
    if rows:
        connection.execute(insert(phone_line), rows)


def take_away(connection: Connection, mac: str) -> bool:
    """No such phone any more; False when there was none. Its subscribers stay."""
    connection.execute(delete(phone_line).where(phone_line.c.mac == mac))
    return connection.execute(delete(phone).where(phone.c.mac == mac)).rowcount > 0


def set_enabled(database: Database, mac: str, enabled: bool) -> bool:
    """Serve it, or serve it no longer; False when there is no such phone."""
    change = update(phone).where(phone.c.mac == mac).values(enabled=int(enabled), modified=utc_now())
    return database.run(lambda connection: connection.execute(change).rowcount > 0, "phone_enable")


def renew_token(database: Database, mac: str) -> str | None:
    """A new secret for its path: the old URL leads nowhere from now on. None when there is no such phone."""
    token = new_token()
    values = {"token": token, "token_hash": token_hash(token), "modified": utc_now()}
    change = update(phone).where(phone.c.mac == mac).values(**values, serial=phone.c.serial + 1)
    found = database.run(lambda connection: connection.execute(change).rowcount > 0, "phone_token")
    return token if found else None


def has_lines(database: Database, username: str, domain: str) -> bool:
    """Whether any phone has a line of this user."""
    his = (phone_line.c.username == username) & (phone_line.c.domain == domain)
    query = select(phone_line.c.id).where(his).limit(1)
    return database.run(lambda connection: connection.execute(query).first() is not None, "phone_list")


def keep_password(
    connection: Connection, username: str, domain: str, sealed: str, but_not: Collection[str] = ()
) -> int:
    """Another password, sealed, on all lines of a user, except on the phones ``but_not``; how many lines."""
    his = (phone_line.c.username == username) & (phone_line.c.domain == domain)
    rows = connection.execute(select(phone_line.c.id, phone_line.c.mac).where(his)).all()
    ids = [number for number, mac in rows if mac not in but_not]
    if ids:
        connection.execute(update(phone_line).where(phone_line.c.id.in_(ids)).values(secret=sealed))
        macs = {mac for _, mac in rows if mac not in but_not}
        newer = update(phone).where(phone.c.mac.in_(macs))
        connection.execute(newer.values(serial=phone.c.serial + 1, modified=utc_now()))
    return len(ids)
