"""Subscribers made as a file wants them: read with a few queries, compared, written in one transaction.

Nothing here is done row by row: ten thousand subscribers are a few dozen statements. Must not know files.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import Select, Table, delete, insert, or_, select, tuple_
from sqlalchemy.dialects.mysql import insert as insert_mysql
from sqlalchemy.dialects.sqlite import insert as insert_sqlite
from sqlalchemy.engine import Connection

from appliance.config import NamedDomain
from appliance.sip.uri import AddressOfRecord
from appliance.storage.administration import phones
from appliance.storage.administration.domains import realms_of
from appliance.storage.administration.subscriber_plan import (
    APPLY,
    CREDENTIALS,
    PROFILE,
    Kept,
    Plan,
    Wanted,
    plan,
)
from appliance.storage.administration.subscribers import HIS_TABLES
from appliance.storage.engine import Database
from appliance.storage.tables.core import dbaliases, subscriber
from appliance.storage.tables.directory import grp
from appliance.storage.tables.phones import phone_line
from appliance.storage.telling import Tell, untold

T = TypeVar("T")

_AT_ONCE = 500
_READ = ("username", "domain", "managed_by", *PROFILE, *CREDENTIALS)
_WRITTEN = (*PROFILE, *CREDENTIALS, "managed_by", "datetime_modified")


def apply(
    database: Database,
    wanted: Sequence[Wanted],
    *,
    remove: bool = False,
    folded: bool = False,
    check: bool = False,
    named: Sequence[NamedDomain] = (),
    seal: Callable[[AddressOfRecord, str], str],
    tell: Tell = untold,
) -> Plan:
    """Make the subscribers as ``wanted`` says, all or none; with ``check`` only say what would be done.

    ``remove`` takes those away that an earlier call made or took over and that are not wanted now.
    ``named`` are the domains of the settings. ``seal(who, password)`` is asked only for who has a phone that
    gets its configuration from here. ``tell(what, done, all)`` hears how it goes.
    Raises StorageError: an entry that cannot be has its place in the text.
    """
    domains = sorted({each.who.domain for each in wanted} | _alias_domains(wanted))

    def work(connection: Connection) -> Plan:
        kept = list(kept_in(connection, domains, lock=not check))
        realms = realms_of(connection, named)
        owners = alias_owners(connection, domains)
        made = plan(wanted, kept, owners, lambda name: realms.get(name, name), remove=remove, folded=folded)
        if not check:
            write(connection, made, tell)
            tell_phones(connection, made.passwords, seal)
        return made

    return database.run(work, "subscriber_apply")


def _alias_domains(wanted: Sequence[Wanted]) -> set[str]:
    return {alias.domain for each in wanted for alias in each.aliases or ()}


# ---------------------------------------------------------------------------------------------------- reading


def kept_in(connection: Connection, domains: Sequence[str], *, lock: bool) -> Iterator[Kept]:
    """The subscribers of these domains as they are, and all that a file keeps; ``lock``: until the end."""
    query = _rows().where(or_(subscriber.c.domain.in_(domains), subscriber.c.managed_by == APPLY))
    if lock:
        query = query.with_for_update()  # what is compared stays so until it is written
    aliases: dict[AddressOfRecord, set[AddressOfRecord]] = defaultdict(set)
    for row in connection.execute(select(dbaliases).where(dbaliases.c.domain.in_(domains))):
        aliases[_aor(row.username, row.domain)].add(_aor(row.alias_username, row.alias_domain))
    groups: dict[AddressOfRecord, set[str]] = defaultdict(set)
    for row in connection.execute(select(grp).where(grp.c.domain.in_(domains))):
        groups[_aor(row.username, row.domain)].add(row.grp)
    for found in connection.execute(query).mappings():
        who = _aor(found["username"], found["domain"])
        yield Kept(who, dict(found), frozenset(aliases.get(who, ())), frozenset(groups.get(who, ())))


def rows_of(connection: Connection, people: Sequence[AddressOfRecord], *, lock: bool) -> list[Kept]:
    """These subscribers as they are, as far as they are here, without their aliases and permissions."""
    query = _rows().where(
        tuple_(subscriber.c.username, subscriber.c.domain).in_([tuple(who) for who in people])
    )
    if lock:
        query = query.with_for_update()
    found = connection.execute(query).mappings()
    return [Kept(_aor(row["username"], row["domain"]), dict(row), frozenset(), frozenset()) for row in found]


def alias_owners(connection: Connection, domains: Sequence[str]) -> dict[AddressOfRecord, AddressOfRecord]:
    """Each alias in these domains, and whose it is."""
    query = select(dbaliases).where(dbaliases.c.alias_domain.in_(domains))
    return {
        _aor(row.alias_username, row.alias_domain): _aor(row.username, row.domain)
        for row in connection.execute(query)
    }


def _rows() -> Select[Any]:
    return select(*(subscriber.c[name] for name in _READ))


def _aor(username: str, domain: str) -> AddressOfRecord:
    return AddressOfRecord(username, domain.lower())


# ---------------------------------------------------------------------------------------------------- writing


def write(connection: Connection, made: Plan, tell: Tell = untold) -> None:
    """Do what the plan says; ``tell(what, done, all)`` hears how it goes."""
    for table in (subscriber, *HIS_TABLES):
        _delete(connection, table, ("username", "domain"), made.removed)
    _delete(connection, dbaliases, ("alias_username", "alias_domain"), made.aliases_gone)
    _delete(
        connection,
        grp,
        ("username", "domain", "grp"),
        [(*who, group) for who, group in made.permissions_gone],
    )
    now = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
    done = 0
    for rows in _parts([{**row, "datetime_modified": now} for row in made.rows]):
        _upsert(connection, rows)
        done += len(rows)
        tell("subscribers", done, len(made.rows))
    for some in _parts(made.aliases_new):
        connection.execute(
            insert(dbaliases),
            [
                {
                    "alias_username": alias.username,
                    "alias_domain": alias.domain,
                    "username": who.username,
                    "domain": who.domain,
                }
                for alias, who in some
            ],
        )
    for permitted in _parts(made.permissions_new):
        connection.execute(
            insert(grp),
            [{"username": who.username, "domain": who.domain, "grp": group} for who, group in permitted],
        )


def tell_phones(
    connection: Connection,
    passwords: Mapping[AddressOfRecord, str],
    seal: Callable[[AddressOfRecord, str], str],
) -> None:
    """Phones of these people are to be told their new passwords, else they would be locked out."""
    if not passwords:
        return
    for row in connection.execute(select(phone_line.c.username, phone_line.c.domain).distinct()).all():
        who = _aor(row.username, row.domain)
        if who in passwords:
            sealed = seal(who, passwords[who])
            phones.keep_password(connection, row.username, row.domain, sealed)


def _delete(
    connection: Connection, table: Table, columns: tuple[str, ...], keys: Sequence[tuple[str, ...]]
) -> None:
    for some in _parts(keys):
        key = tuple_(*(table.c[name] for name in columns))
        connection.execute(delete(table).where(key.in_([tuple(each) for each in some])))


def _upsert(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """New rows, and new values for those that are there, in one statement."""
    if connection.dialect.name == "sqlite":
        lite = insert_sqlite(subscriber)
        connection.execute(
            lite.on_conflict_do_update(
                index_elements=["username", "domain"],
                set_={column: lite.excluded[column] for column in _WRITTEN},
            ),
            rows,
        )
        return
    maria = insert_mysql(subscriber)
    connection.execute(
        maria.on_duplicate_key_update({column: maria.inserted[column] for column in _WRITTEN}), rows
    )


def _parts(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for first in range(0, len(items), _AT_ONCE):
        yield items[first : first + _AT_ONCE]
