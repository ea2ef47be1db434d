"""The old server's rows written into our database, or only compared with it. Must not know files, nor the
server that may be running.

A few hundred rows at a time, in a transaction of their own: nobody who is served meanwhile waits for an
import, and a million rows need no more memory than a thousand. What was interrupted is done again: it finds
what is here already, and does that no second time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice

from sqlalchemy import insert, select
from sqlalchemy.engine import Connection

from appliance.config import NamedDomain
from appliance.registrar.binding import Binding
from appliance.registrar.served import ServedDomain
from appliance.sip.uri import AddressOfRecord
from appliance.storage.administration import subscriber_apply
from appliance.storage.administration.subscriber_plan import Plan, Wanted, plan
from appliance.storage.channel import Channel
from appliance.storage.engine import Database
from appliance.storage.importing.domains import new_domains
from appliance.storage.importing.here import modified, permissions_of, read_known
from appliance.storage.importing.known_names import KnownNames
from appliance.storage.importing.left import Left
from appliance.storage.importing.old_database import Old, Row
from appliance.storage.importing.peers import new_addresses, new_trusted
from appliance.storage.importing.people import People
from appliance.storage.importing.phones import Phones
from appliance.storage.location_mariadb import MariaLocations
from appliance.storage.location_rows import row_of
from appliance.storage.location_sqlite import SqliteLocations
from appliance.storage.served_domains import read_domains
from appliance.storage.tables import address, domain_attrs, served_domain, trusted
from appliance.storage.telling import Tell, untold

_AT_ONCE = 500


class Taking:
    """One import; with ``check`` nothing is written. First ``take``, then the ``phones``.

    ``named`` are the domains of the settings, ``listeners`` our own as text; ``anything`` takes
    permissions of other names too; ``seal`` as for ``subscriber_apply.apply``. ``line(words)`` hears each
    change, without secrets, ``tell`` how it goes. ``added`` are counts; ``left`` is what could not be taken.
    """

    def __init__(
        self,
        database: Database,
        old: Old,
        *,
        check: bool,
        named: Sequence[NamedDomain],
        folded: bool,
        anything: bool,
        listeners: Sequence[str],
        now: float,
        seal: Callable[[AddressOfRecord, str], str],
        line: Callable[[str], object] = lambda _words: None,
        tell: Tell = untold,
    ) -> None:
        self._database, self._old, self._check = database, old, check
        self._named, self._folded, self._anything = named, folded, anything
        self._seal, self._line, self._tell = seal, line, tell
        self._realms: dict[str, str] = {}
        self._known = KnownNames(folded=folded)
        self.left = Left()
        self.added = dict.fromkeys(
            ("domains", "subscribers", "aliases", "permissions", "trusted", "phones"), 0
        )
        self.changed = 0
        self.coming = Phones(self._find, listeners, now=now, left=self.left)
        self._people = People({}, self._known, self.left)

    def close(self) -> None:
        """Nothing more is taken."""
        self._known.close()

    def take(self) -> None:
        """All but the phones. Raises StorageError."""
        served, lines = self._database.run(self._domains, "import")
        self._say(lines, "domains")
        self._realms = {host: domain.realm for host, domain in served.items()}
        self._people = People(served, self._known, self.left)
        read_known(self._database, self._known)
        for rows in self._some("subscriber"):
            self._take_people(self._people.wanted(rows))
        for rows in self._some("dbaliases"):
            aliases = self._people.aliases(rows)
            self._write(Plan(aliases_new=aliases))
            self._say([f"+ alias {alias} of {who}" for alias, who in aliases], "aliases")
        for rows in self._some("grp"):
            self._take_permissions(self._people.permissions(rows, anything=self._anything))
        self._say(self._database.run(self._peers, "import"), "trusted")

    def phones(self) -> Iterator[list[Binding]]:
        """The phones that are to be taken, some at a time; their deadline is in seconds since 1970."""
        for rows in self._some("location"):
            read = self.coming.read(rows)
            new = self.coming.newer(read, modified(self._database, [each.ruid for each in read]))
            self._say([f"+ phone {each.contact} of {each.aor}" for each in new], "phones")
            yield new

    # ---------------------------------------------------------------------------------------------- internals

    def _some(self, table: str) -> Iterator[list[Row]]:
        rows, count, done = self._old.rows(table), self._old.count(table), 0
        while some := list(islice(rows, _AT_ONCE)):
            yield some
            done += len(some)
            self._tell(table, done, max(done, count))

    def _say(self, lines: Sequence[str], what: str) -> None:
        self.added[what] += len(lines)
        for line in lines:
            self._line(line)

    def _find(self, username: object, domain: object) -> AddressOfRecord | None:
        return self._people.find(username, domain)

    def _domains(self, connection: Connection) -> tuple[Mapping[str, ServedDomain], list[str]]:
        """Every name that is served then, and what is new."""
        new = new_domains(self._old, tuple(self._named), *read_domains(connection), self.left)
        lines = []
        for name in new.names:
            domain = new.served[name.name]
            lines.append(f"+ domain {name.name}" + (f" of {domain.name}" if domain.name != name.name else ""))
            if not self._check:
                connection.execute(insert(served_domain).values(domain=name.name, did=name.did))
        for row in new.attributes:
            lines.append(f"+ attribute {row.name} of domain {row.did}: {row.value}")
            if not self._check:
                connection.execute(insert(domain_attrs).values(did=row.did, name=row.name, value=row.value))
        return new.served, lines

    def _take_people(self, wanted: Sequence[Wanted]) -> None:
        def work(connection: Connection) -> Plan:
            here = subscriber_apply.rows_of(connection, [each.who for each in wanted], lock=not self._check)
            made = plan(wanted, here, {}, self._realm, remove=False, folded=self._folded, mark="")
            if not self._check:
                subscriber_apply.write(connection, made)
                subscriber_apply.tell_phones(connection, made.passwords, self._seal)
            return made

        made = self._database.run(work, "import")
        self.changed += len(made.changed)
        self.added["subscribers"] += len(made.added)
        for line in made.lines:
            self._line(line)

    def _take_permissions(self, wanted: Sequence[tuple[AddressOfRecord, str]]) -> None:
        people = list(dict.fromkeys(who for who, _ in wanted))
        here = self._database.run(lambda connection: permissions_of(connection, people), "import")
        new = [each for each in dict.fromkeys(wanted) if each not in here]
        self._write(Plan(permissions_new=new))
        self._say([f"+ permission {group} of {who}" for who, group in new], "permissions")

    def _write(self, made: Plan) -> None:
        if not self._check:
            self._database.run(lambda connection: subscriber_apply.write(connection, made), "import")

    def _realm(self, host: str) -> str:
        return self._realms.get(host, host)

    def _peers(self, connection: Connection) -> list[str]:
        known = select(trusted.c.src_ip, trusted.c.proto, trusted.c.from_pattern)
        peers = {(row[0], row[1], row[2] or "") for row in connection.execute(known)}
        lines = []
        for row in new_trusted(self._old, peers, self.left):
            lines.append(f"+ trusted {row['src_ip']}")
            if not self._check:
                connection.execute(insert(trusted).values(**row))
        networks = select(address.c.grp, address.c.ip_addr, address.c.mask, address.c.port)
        there = {tuple(row) for row in connection.execute(networks)}
        for row in new_addresses(self._old, there, self.left):
            lines.append(f"+ trusted {row['ip_addr']}/{row['mask']} (group {row['grp']})")
            if not self._check:
                connection.execute(insert(address).values(**row))
        return lines


def take_phones(database: Database, bindings: Sequence[Binding]) -> None:
    """Write the bindings while no server runs; a row that is newer stays. Raises StorageError."""
    rows = sorted(row_of(each, 0) for each in bindings)  # their deadlines are seconds since 1970 already
    if database.dialect == "sqlite":
        SqliteLocations(database).replay(rows, ())
        return
    channel = Channel(database)
    try:
        MariaLocations(channel).replay(rows, ())
    finally:
        channel.close()
