"""Gateways, the routes to them, and trusted peers: ``gw``, ``lcr``, ``trusted`` and ``address``, resident.

They are few and asked with every request, so any change has all of them read again. What cannot be used (a
gateway whose address is none, a transport that there is not) is left out, and told once. Must not know what
is decided by them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from ipaddress import ip_address
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.engine import Connection

from appliance.storage.changes import Change
from appliance.storage.engine import Database
from appliance.storage.tables import address, gw, gw_grp, lcr, trusted

#: Whose changes concern them.
WATCHED = frozenset({gw.name, gw_grp.name, lcr.name, trusted.name, address.name})
#: OpenSER's numbers of transports that there are: 0 is any.
TRANSPORTS = {0: "", 1: "udp", 2: "tcp", 3: "tls"}
SCHEMES = {0: "sip", 1: "sip"}


class Gateway(NamedTuple):
    """A row of ``gw``: ``host`` is an IP literal, ``port`` 0 the usual one, ``transport`` "" any;
    ``hostname`` stands in the Request-URI in place of the address, when it is not empty."""

    id: int
    name: str
    group: int
    group_name: str
    host: str
    port: int
    transport: str
    strip: int
    prefix: str
    hostname: str


class Route(NamedTuple):
    """A row of ``lcr``."""

    id: int
    prefix: str
    from_uri: str
    group: int
    priority: int


class Trusted(NamedTuple):
    """A row of ``trusted``."""

    id: int
    host: str
    proto: str
    pattern: str
    tag: str


class Address(NamedTuple):
    """A row of ``address``."""

    id: int
    group: int
    host: str
    mask: int
    port: int


class Rows(NamedTuple):
    """All of them, as they are now, in the order of their ids."""

    gateways: tuple[Gateway, ...] = ()
    routes: tuple[Route, ...] = ()
    trusted: tuple[Trusted, ...] = ()
    addresses: tuple[Address, ...] = ()


class Peers:
    """The rows of a database. Empty until ``load`` has succeeded (``loaded``).

    ``warn(message)`` is told what is left out.
    """

    def __init__(self, database: Database, warn: Callable[[str], None]) -> None:
        self.rows = Rows()
        self.loaded = False
        self._database = database
        self._warn = warn
        self._stale = False
        self._warned: frozenset[str] = frozenset()
        self._watchers: list[Callable[[Rows], None]] = []

    def watch(self, watcher: Callable[[Rows], None]) -> None:
        """Tell ``watcher`` the rows, now and whenever one of them has changed."""
        self._watchers.append(watcher)
        watcher(self.rows)

    def has_gateways(self) -> bool:
        """Whether there is any gateway."""
        return bool(self.rows.gateways)

    def load(self) -> None:
        """Read all of them. Raises StorageError, and what was known before stays."""
        problems: list[str] = []
        rows = self._database.run(lambda connection: _read(connection, problems), "peers")
        for problem in problems:
            if problem not in self._warned:
                self._warn(problem)
        self._warned = frozenset(problems)
        self._stale = False
        self.loaded = True
        if rows != self.rows:
            self.rows = rows
            for watcher in self._watchers:
                watcher(rows)

    def follow(self, changes: Iterable[Change]) -> None:
        """Read again when the change log names one; what fails now is read the next time. Raises
        StorageError."""
        for change in changes:
            if change.table in WATCHED:
                self._stale = True
        if self._stale or not self.loaded:
            self.load()

    def forget_all(self) -> None:
        """Any row may have changed: read all at the next ``follow``."""
        self.loaded = False


def _read(connection: Connection, problems: list[str]) -> Rows:
    names = {row.grp_id: row.grp_name for row in connection.execute(select(gw_grp))}
    gateways = []
    for row in connection.execute(select(gw).order_by(gw.c.id)):
        problem = _problem(row.ip_addr, row.transport, row.uri_scheme)
        if problem:
            problems.append(f"the gateway {row.gw_name} is left out: {problem}; 'sipbox gateway' mends it")
            continue
        gateways.append(
            Gateway(
                row.id,
                row.gw_name,
                row.grp_id,
                names.get(row.grp_id, ""),
                str(ip_address(row.ip_addr)),
                row.port or 0,
                TRANSPORTS[row.transport or 0],
                row.strip or 0,
                row.prefix or "",
                row.hostname or "",
            )
        )
    routes = [
        Route(row.id, row.prefix or "", row.from_uri or "", row.grp_id, row.priority)
        for row in connection.execute(select(lcr).order_by(lcr.c.id))
    ]
    peers = []
    for row in connection.execute(select(trusted).order_by(trusted.c.id)):
        if not _is_address(row.src_ip):
            problems.append(f"a trusted peer is left out: src_ip {row.src_ip!r} is no IP address")
            continue
        peers.append(
            Trusted(row.id, row.src_ip, row.proto.lower() or "any", row.from_pattern or "", row.tag or "")
        )
    addresses = []
    for row in connection.execute(select(address).order_by(address.c.id)):
        if not _is_address(row.ip_addr) or not 0 <= row.mask <= 128:
            problems.append(f"an address is left out: {row.ip_addr!r}/{row.mask} is no network")
            continue
        addresses.append(Address(row.id, row.grp, row.ip_addr, row.mask, row.port))
    return Rows(tuple(gateways), tuple(routes), tuple(peers), tuple(addresses))


def _problem(host: str, transport: int | None, scheme: int | None) -> str:
    """Why a gateway cannot be used; "" when it can."""
    if not _is_address(host):
        return f"ip_addr {host!r} is no IP address"
    if (transport or 0) not in TRANSPORTS:
        return f"transport {transport} is none of 0 (any), 1 (UDP), 2 (TCP) and 3 (TLS)"
    if (scheme or 0) not in SCHEMES:
        return f"uri_scheme {scheme} is not 1 (sip)"
    return ""


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
