"""Rows of ``subscriber``: who may register and call.

What is stored is HA1, HA1B and HA1 of SHA-256 (RFC 8760), each good for one realm only; the password itself
only when that is asked for, as the tutorial does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from sqlalchemy import ColumnElement, delete, func, insert, select, update
from sqlalchemy.engine import Connection

from appliance.auth.digest import ha1, stored_hashes
from appliance.config import NamedDomain
from appliance.errors import DuplicateRow, RowRefused
from appliance.sip.uri import AddressOfRecord
from appliance.storage.administration.domains import realm_of
from appliance.storage.engine import Database
from appliance.storage.tables.columns import utc_now
from appliance.storage.tables.core import aliases, dbaliases, location, subscriber
from appliance.storage.tables.directory import grp, silo, speed_dial, uri, usr_preferences

PLAINTEXT_LENGTH = 25  # of OpenSER's column
#: Where more is kept of a subscriber, by username and domain: it goes with him.
HIS_TABLES = (grp, dbaliases, uri, usr_preferences, speed_dial, silo, aliases, location)


class Profile(NamedTuple):
    """What is said about a subscriber beside the password."""

    email_address: str = ""
    first_name: str = ""
    last_name: str = ""


def add(
    database: Database,
    who: AddressOfRecord,
    password: str,
    profile: Profile | None = None,
    *,
    plaintext: bool = False,
    folded: bool = False,
    named: Sequence[NamedDomain] = (),
) -> None:
    """A new subscriber; DuplicateRow when there is one of that name (``folded``: in any case of letters).

    ``named`` are the domains of the settings, here and elsewhere: a hash is good for one realm.
    """
    said = (profile or Profile())._asdict()

    def work(connection: Connection) -> None:
        if folded and connection.execute(alike).first() is not None:
            raise DuplicateRow(str(who))
        hashes = _hashes(connection, who, password, plaintext, named)
        connection.execute(
            insert(subscriber).values(username=who.username, domain=who.domain, **said, **hashes)
        )

    alike = select(subscriber.c.id).where(
        subscriber.c.username_folded == who.username.lower(), subscriber.c.domain == who.domain
    )
    try:
        database.run(work, "subscriber_add")
    except DuplicateRow as error:
        raise DuplicateRow(
            f"there is a subscriber {who} already; 'sipbox subscriber passwd' changes the password"
        ) from error


def set_password(
    database: Database,
    who: AddressOfRecord,
    password: str,
    *,
    plaintext: bool = False,
    named: Sequence[NamedDomain] = (),
    then: Callable[[Connection], object] | None = None,
) -> bool:
    """A new password; False when there is no such subscriber. ``then`` goes with it in one transaction."""

    def work(connection: Connection) -> bool:
        hashes = _hashes(connection, who, password, plaintext, named)
        change = update(subscriber).where(_is(who)).values(datetime_modified=utc_now(), **hashes)
        changed = connection.execute(change).rowcount > 0
        if changed and then is not None:
            then(connection)
        return changed

    return database.run(work, "subscriber_password")


def remove(database: Database, who: AddressOfRecord) -> bool:
    """Take the subscriber away with all that is his: permissions, aliases, preferences, contacts …

    False when there is no such subscriber; then nothing is touched.
    """

    def work(connection: Connection) -> bool:
        if connection.execute(delete(subscriber).where(_is(who))).rowcount == 0:
            return False
        for table in HIS_TABLES:
            his = (table.c.username == who.username) & (table.c.domain == who.domain)
            connection.execute(delete(table).where(his))
        return True

    return database.run(work, "subscriber_remove")


def find(database: Database, who: AddressOfRecord) -> dict[str, object] | None:
    """What is known of a subscriber, without hashes; ``login`` says how the password is kept."""
    found = every(database, who)
    return found[0] if found else None


def every(
    database: Database, who: AddressOfRecord | None = None, domain: str | None = None
) -> list[dict[str, object]]:
    """All subscribers, or those of a domain, in the order of their names."""
    wanted = select(
        subscriber.c.username,
        subscriber.c.domain,
        subscriber.c.first_name,
        subscriber.c.last_name,
        subscriber.c.email_address,
        subscriber.c.datetime_created,
        (func.length(subscriber.c.ha1) > 0).label("hashed"),
        (func.length(subscriber.c.password) > 0).label("plain"),
    ).order_by(subscriber.c.domain, func.length(subscriber.c.username), subscriber.c.username)
    if who is not None:
        wanted = wanted.where(_is(who))
    if domain is not None:
        wanted = wanted.where(subscriber.c.domain == domain)

    def work(connection: Connection) -> list[dict[str, object]]:
        return [_told(dict(row)) for row in connection.execute(wanted).mappings()]

    return database.run(work, "subscriber_list")


def hashed_in(database: Database, domain: str) -> int:
    """How many subscribers of ``domain`` are stored as hashes, which are good for one realm only."""
    count = select(func.count()).where(subscriber.c.domain == domain, subscriber.c.ha1 != "")
    return int(database.run(lambda connection: connection.execute(count).scalar_one(), "subscriber_list"))


def has_password(
    database: Database, who: AddressOfRecord, password: str, *, named: Sequence[NamedDomain] = ()
) -> bool | None:
    """Whether ``password`` is the subscriber's; None when there is no such subscriber."""

    def work(connection: Connection) -> bool | None:
        row = connection.execute(select(subscriber.c.ha1, subscriber.c.password).where(_is(who))).first()
        if row is None:
            return None
        expected = ha1(who.username, realm_of(connection, who.domain, named), password)
        return bool(row.ha1 == expected) if row.ha1 else bool(row.password == password)

    return database.run(work, "subscriber_check")


def _told(row: dict[str, object]) -> dict[str, object]:
    hashed, plain = row.pop("hashed"), row.pop("plain")
    kept = [name for name, there in (("hash", hashed), ("plain text", plain)) if there]
    return row | {"login": " and ".join(kept) or "none yet"}


def _hashes(
    connection: Connection,
    who: AddressOfRecord,
    password: str,
    plaintext: bool,
    named: Sequence[NamedDomain],
) -> dict[str, str]:
    if plaintext and len(password) > PLAINTEXT_LENGTH:
        raise RowRefused(
            f"the column for plain passwords holds {PLAINTEXT_LENGTH} characters; leave --store-password out"
        )
    realm = realm_of(connection, who.domain, named)
    return {
        **stored_hashes(who.username, who.domain, realm, password),
        "password": password if plaintext else "",
    }


def _is(who: AddressOfRecord) -> ColumnElement[bool]:
    return (subscriber.c.username == who.username) & (subscriber.c.domain == who.domain)
