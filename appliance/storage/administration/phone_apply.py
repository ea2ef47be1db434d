"""Phones made as a file wants them: read, compared, and written in one transaction, their subscribers too."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sqlalchemy import insert, select, update
from sqlalchemy.engine import Connection

from appliance.config import NamedDomain
from appliance.sip.uri import AddressOfRecord
from appliance.storage.administration import phones
from appliance.storage.administration.domains import realms_of
from appliance.storage.administration.phone_plan import (
    APPLY,
    Person,
    PhonePlan,
    Planner,
    Vault,
    WantedPhone,
)
from appliance.storage.engine import Database
from appliance.storage.phones import read_phones
from appliance.storage.tables.columns import utc_now
from appliance.storage.tables.core import subscriber

_AT_ONCE = 500


def apply(
    database: Database,
    wanted: Sequence[WantedPhone],
    vault: Vault,
    *,
    remove: bool = False,
    new_passwords: bool = False,
    check: bool = False,
    named: Sequence[NamedDomain] = (),
    mark: str = APPLY,
) -> PhonePlan:
    """Make the phones as ``wanted`` says, all or none; with ``check`` only say what would be done.

    ``named`` are the domains of the settings.
    Raises StorageError: an entry that cannot be has its place in the text.
    """
    who = sorted({line.who for each in wanted for line in each.lines})

    def work(connection: Connection) -> PhonePlan:
        realms = realms_of(connection, named)
        planner = Planner(
            read_phones(connection),
            _people(connection, who),
            lambda name: realms.get(name, name),
            vault,
            new_passwords=new_passwords,
            mark=mark,
        )
        made = planner.plan(wanted, remove=remove)
        if not check:
            _write(connection, made)
        return made

    return database.run(work, "phone_apply")


def _people(connection: Connection, who: Sequence[AddressOfRecord]) -> dict[AddressOfRecord, Person]:
    wanted, found = set(who), {}
    names = sorted({each.username for each in who})
    columns = (subscriber.c.username, subscriber.c.domain, subscriber.c.ha1, subscriber.c.password)
    for first in range(0, len(names), _AT_ONCE):
        query = select(*columns).where(subscriber.c.username.in_(names[first : first + _AT_ONCE]))
        for name, domain, hashed, password in connection.execute(query):
            person = AddressOfRecord(name, domain.lower())
            if person in wanted:
                found[person] = Person(hashed, password)
    return found


def _write(connection: Connection, made: PhonePlan) -> None:
    for who, hashes in made.new_subscribers.items():
        connection.execute(insert(subscriber).values(username=who.username, domain=who.domain, **hashes))
    for who, hashes in made.new_passwords.items():
        his = (subscriber.c.username == who.username) & (subscriber.c.domain == who.domain)
        connection.execute(update(subscriber).where(his).values(datetime_modified=utc_now(), **hashes))
    for mac in made.removed:
        phones.take_away(connection, mac)
    for wanted, now in made.puts:
        phones.put(connection, wanted, now)
    _seal_elsewhere(connection, made, (wanted.mac for wanted, _ in made.puts))


def _seal_elsewhere(connection: Connection, made: PhonePlan, written: Iterable[str]) -> None:
    done = set(written)
    for who, sealed in made.sealed.items():
        phones.keep_password(connection, who.username, who.domain, sealed, but_not=done)
