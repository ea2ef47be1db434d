"""The domains of the settings and of the tables ``domain`` and ``domain_attrs``, resident and never stale.

What a request asks of them is answered by ``proxy/domains.py``, which is told of every change; what other
rows ask (which names does this domain have, is there but one) is answered here. Must not know requests.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from sqlalchemy import select
from sqlalchemy.engine import Connection

from appliance.config import NamedDomain
from appliance.registrar.served import AttributeRow, DomainRow, ServedDomain, gather
from appliance.storage.changes import Change
from appliance.storage.engine import Database
from appliance.storage.tables import domain_attrs, served_domain

#: Who is told of the domains: every name of a host, in lower case, and its domain; False as long as rows have
#: never been read, so that there may be more.
Watcher = Callable[[Mapping[str, ServedDomain], bool], None]


class ServedDomains:
    """The domains that are served; those of the settings alone until ``load`` has succeeded (``loaded``)."""

    def __init__(self, database: Database, named: Iterable[NamedDomain] = ()) -> None:
        self._database = database
        self._named = list(named)
        self._watchers: list[Watcher] = []
        self._stale = False
        self.loaded = False
        self._complete = False
        self._take(gather(self._named, (), ()))

    @property
    def by_host(self) -> Mapping[str, ServedDomain]:
        """Every name of a host that is served, in lower case, and its domain."""
        return self._by_host

    def watch(self, watcher: Watcher) -> None:
        """Tell ``watcher`` the domains, now and whenever they are read again."""
        self._watchers.append(watcher)
        watcher(self._by_host, self._complete)

    def only(self) -> str | None:
        """The served domain when there is exactly one: rows without a domain mean that one."""
        return self._only

    def canonical(self, host: str) -> str:
        """The name under which rows of the domain of ``host`` are kept; itself when it is none of ours."""
        domain = self._by_host.get(host)
        return host if domain is None else domain.name

    def hosts(self, host: str) -> tuple[str, ...]:
        """All names of the domain of ``host``, the canonical one first; itself when it is none of ours."""
        domain = self._by_host.get(host)
        return (host,) if domain is None else domain.hosts

    def name(self, named: Iterable[NamedDomain]) -> None:
        """From the next ``load`` on these are the domains of the settings."""
        self._named = list(named)

    def load(self) -> None:
        """Read the tables. Raises StorageError, and what was known before stays."""
        self._stale = True
        rows, attributes = self._database.run(read_domains, "domains")
        self._stale = False
        self.loaded = self._complete = True
        self._take(gather(self._named, rows, attributes))

    def follow(self, changes: Iterable[Change]) -> None:
        """Read them again when one has changed; what fails now is read the next time. Raises StorageError."""
        if any(change.table in (served_domain.name, domain_attrs.name) for change in changes):
            self._stale = True
        if self._stale or not self.loaded:
            self.load()

    def forget_all(self) -> None:
        """Any row may have changed: read all at the next ``follow``."""
        self.loaded = False

    def _take(self, by_host: Mapping[str, ServedDomain]) -> None:
        names = {domain.name for domain in by_host.values()}
        self._by_host = by_host
        self._only = names.pop() if len(names) == 1 else None
        for watcher in self._watchers:
            watcher(by_host, self._complete)


def read_domains(connection: Connection) -> tuple[list[DomainRow], list[AttributeRow]]:
    """All rows of both tables, in the order in which they were added."""
    names = select(served_domain.c.domain, served_domain.c.did, served_domain.c.digest_realm)
    attributes = select(domain_attrs.c.did, domain_attrs.c.name, domain_attrs.c.value)
    return (
        [DomainRow(*row) for row in connection.execute(names.order_by(served_domain.c.id))],
        [AttributeRow(*row) for row in connection.execute(attributes.order_by(domain_attrs.c.id))],
    )
