"""Which servers a SIP URI leads to, in the order in which they are tried (RFC 3263 §4).

A transport that the URI names, a port and a numeric address are taken as they are. Else the domain's NAPTR
records say by what it wants to be spoken to, its SRV records which hosts do so; a domain without both is a
host. What leads to nothing that we speak is passed over. Must not know how names are looked up, nor what is
sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from appliance.proxy.plain_address import is_one_host, wire_address
from appliance.proxy.pstn.failed_destinations import FailedDestinations
from appliance.sip.hop import Hop
from appliance.sip.hosts import is_hostname
from appliance.sip.naptr import Naptr
from appliance.sip.srv import Srv, chance_of, in_order
from appliance.sip.uri import Uri

#: So many servers of a domain are tried, and so many of its records are read: it is a stranger's list.
_MOST = 8
_MOST_RECORDS = 64
_SERVICE = {"udp": "_sip._udp", "tcp": "_sip._tcp", "tls": "_sips._tcp"}
_NAPTR_SERVICE = {"SIP+D2U": "udp", "SIP+D2T": "tcp", "SIPS+D2T": "tls"}
# What is spoken to a SIPS URI, by its transport parameter (RFC 3261 §19.1.4, RFC 7118 §5).
_SECURE = {"tcp": "tls", "tls": "tls", "ws": "wss", "wss": "wss"}
TRANSPORTS = frozenset({"udp", "tcp", "tls", "ws", "wss"})


class Unroutable(Exception):
    """There is no way to a target; the text says why, for the log; ``status`` is what a caller is told."""

    def __init__(self, problem: str, status: int = 480) -> None:
        super().__init__(problem)
        self.status = status


class Names(Protocol):
    """Who looks names up; every method may block, and what nobody answers is empty."""

    def addresses_of(self, hosts: Sequence[str]) -> list[list[str]]:
        """The IP addresses of each host, the best first."""

    def services(
        self, host: str, services: Sequence[str], *, naptr: bool
    ) -> tuple[Sequence[Naptr], list[Sequence[Srv]]]:
        """The NAPTR records of a domain, if they are wanted, and the SRV records of each of its services
        (``_sip._udp``)."""

    def srv(self, names: Sequence[str]) -> list[Sequence[Srv]]:
        """The SRV records of each name."""


class Locator:
    """``listeners`` are (transport, host, port) of our sockets: what none of them speaks is no way.
    ``records`` False: no NAPTR and SRV records are asked for. ``failed`` knows where nobody has answered."""

    def __init__(
        self,
        names: Names,
        listeners: Sequence[tuple[str, str, int]],
        *,
        records: bool = True,
        failed: FailedDestinations | None = None,
    ) -> None:
        self._names = names
        self._records = records
        self._failed = failed
        self._families = {(transport, ":" in host) for transport, host, _ in listeners}
        spoken = {transport for transport, _, _ in listeners}
        self._by_choice = [transport for transport in ("udp", "tcp") if transport in spoken]
        self._may_be_secure = "tls" in spoken
        self._secure = not spoken.isdisjoint(("tls", "wss"))

    def servers(self, uri: Uri, same: str = "") -> list[Hop]:
        """The hops of a URI, at least one. Whoever asks with the same text ``same`` is sent to the same
        server, while nothing changes. May block; raises Unroutable."""
        said = uri.transport or ""
        secure = uri.scheme == "sips"
        if uri.scheme != "sip" and not (secure and self._secure):
            raise Unroutable(f"no way to a {uri.scheme} URI", 416)
        if said:
            said = _SECURE.get(said, "") if secure else said
            if said not in TRANSPORTS:
                raise Unroutable(f"no transport {uri.transport}")
        transport = said or ("tls" if secure else "udp")
        host = wire_address(uri.address)
        if host is not None:
            if not is_one_host(host):
                raise Unroutable(f"{host} is not one host's address", 404)
            return [Hop(transport, host, uri.port or port_of(transport), -1)]
        name = uri.host.removesuffix(".")
        found: list[Hop] | None = None
        if self._records and uri.port is None and transport in _SERVICE and "." in name:
            found = self._by_records(name, said, secure, chance_of(same + name))
        if found is None:
            found = self._hops(name, [(transport, uri.host, uri.port or port_of(transport))])
        if not found:
            raise Unroutable(f"{uri.host} has no address that we reach by {transport}", 404)
        failed = self._failed
        return found if failed is None or len(found) == 1 else failed.last_of(found)

    def _by_records(self, name: str, said: str, secure: bool, chance: int) -> list[Hop] | None:
        """What the domain's records lead to; None when it has none that are for us (§4.1, §4.2)."""
        wanted = [said] if said else ["tls"] if secure else self._by_choice
        naptr, srv = self._names.services(name, [_SERVICE[each] for each in wanted], naptr=not said)
        services = self._chosen(naptr, secure)
        if services:
            wanted = [transport for transport, _ in services]
            srv = self._names.srv([replacement for _, replacement in services])
        if not any(srv):
            return None
        servers = [
            (transport, each.target, each.port)
            for transport, records in zip(wanted, srv, strict=True)
            for each in in_order(records[:_MOST_RECORDS], chance)
            if is_hostname(each.target)
        ]
        return self._hops(name, servers[:_MOST])

    def _chosen(self, records: Iterable[Naptr], secure: bool) -> list[tuple[str, str]]:
        """Transports and the names of their SRV records, as the domain prefers them (RFC 3263 §4.1)."""
        found = []
        for record in sorted(records, key=_preference):
            transport = _NAPTR_SERVICE.get(record.service.upper(), "")
            if transport == "tls":
                spoken = self._may_be_secure
            else:
                spoken = not secure and transport in self._by_choice
            if spoken and record.flags.lower() == "s" and is_hostname(record.replacement):
                found.append((transport, record.replacement))
        return found[:_MOST]

    def _hops(self, name: str, servers: Sequence[tuple[str, str, int]]) -> list[Hop]:
        """Every address of every server that we have a socket for. By TLS, each has to prove that it is the
        domain (RFC 5922 §4), whatever host that led to."""
        hosts = list(dict.fromkeys(host for _, host, _ in servers))
        addresses = dict(zip(hosts, self._names.addresses_of(hosts), strict=True))
        found = []
        for transport, host, port in servers:
            for each in addresses[host]:
                address = wire_address(each)
                # An address with a zone is one of this machine's own links.
                if address is None or "%" in address or not port or not is_one_host(address):
                    continue
                if (transport, ":" in address) in self._families:
                    proves = name if transport == "tls" else ""
                    found.append(Hop(transport, address, port, -1, name=proves))
        return list(dict.fromkeys(found))[:_MOST]


def port_of(transport: str) -> int:
    """The usual port (RFC 3261 §19.1.2)."""
    return 5061 if transport == "tls" else 5060


def _preference(record: Naptr) -> tuple[int, int]:
    return record.order, record.preference
