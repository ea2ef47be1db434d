"""Who is known by where a message comes from: gateways, and peers that are trusted (``allow_trusted``,
``from_gw`` and ``allow_source_address`` of an OpenSER script).

Only what the socket says counts: address, transport, and over UDP the port. No header makes anybody trusted;
From can only narrow it. Over a stream the port of the other side is a passing one, and the connection itself
proves the address. Must not know what a peer is let in to do.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import NamedTuple

from appliance.errors import MalformedMessage
from appliance.proxy.plain_address import plain_address
from appliance.proxy.pstn.peer_rows import AddressRow, GatewayRow, PeerRows, TrustedRow
from appliance.sip.hop import Hop
from appliance.sip.message import Request


class Peer(NamedTuple):
    """The sender of a request, known by his address.

    ``gateway`` says that he is one, of the group ``group``; ``trusted`` that he stands in ``trusted`` or
    ``address``; ``rights`` are the groups that his tags name: what he may call outside.
    """

    gateway: bool
    group: int
    trusted: bool
    rights: frozenset[str]


class _Trusted(NamedTuple):
    proto: str
    fits: Callable[[str], object] | None
    rights: frozenset[str]


class _Network(NamedTuple):
    network: IPv4Network | IPv6Network
    port: int


class Peers:
    """The gateways and the trusted peers. ``address_group`` is the group of ``address`` whose rows are
    trusted, 0 for none. ``is_own(request)`` says whether we have sent a request ourselves: a stranger can
    lead one around to us, and the address that it comes from then may well be trusted. ``any``: there are
    some."""

    def __init__(self, address_group: int, is_own: Callable[[Request], bool]) -> None:
        self._address_group = address_group
        self._is_own = is_own
        self._gateways: dict[str, list[GatewayRow]] = {}
        self._trusted: dict[str, list[_Trusted]] = {}
        self._networks: list[_Network] = []
        self.any = False

    def read(self, rows: PeerRows) -> None:
        """Knows these rows from now on, and no others. A pattern that cannot be read fits nobody."""
        gateways: dict[str, list[GatewayRow]] = {}
        for gateway in rows.gateways:
            gateways.setdefault(plain_address(gateway.host), []).append(gateway)
        trusted: dict[str, list[_Trusted]] = {}
        for row in rows.trusted:
            trusted.setdefault(plain_address(row.host), []).append(_trusted(row))
        group = self._address_group
        networks = [_network(row) for row in rows.addresses if group and row.group == group]
        self._gateways, self._trusted = gateways, trusted
        self._networks = [network for network in networks if network is not None]
        self.any = bool(gateways or trusted or networks)

    @property
    def places(self) -> list[IPv4Network | IPv6Network]:
        """Where they all are, whatever else has to fit."""
        found = [each.network for each in self._networks]
        for host in (*self._gateways, *self._trusted):
            try:
                found.append(ip_network(host))
            except ValueError:
                continue  # what somebody has written into his row
        return found

    def sender(self, request: Request, hop: Hop) -> Peer | None:
        """Whom a request comes from, when he is known by his address; None for everybody else."""
        if not self.any:
            return None
        host = plain_address(hop.host)
        if host not in self._gateways and host not in self._trusted and not self._networks:
            return None
        rights: frozenset[str] = frozenset()
        gateway, group = False, 0
        for each in self._gateways.get(host, ()):
            if _is_from(each, hop):
                gateway, group = True, each.group
                break
        found = [each for each in self._trusted.get(host, ()) if _fits(each, request, hop)]
        for entry in found:
            rights |= entry.rights
        trusted = bool(found) or (bool(self._networks) and self._in_a_network(host, hop.port))
        if not (gateway or trusted) or self._is_own(request):
            return None
        return Peer(gateway, group, trusted, rights)

    def trusts(self, host: str) -> bool:
        """Whether what we send to this IP literal stays among those who are trusted: gateways and peers. A
        peer who is trusted for some callers only is none."""
        if not self.any:
            return False
        host = plain_address(host)
        if host in self._gateways:
            return True
        if any(each.fits is None for each in self._trusted.get(host, ())):
            return True
        return bool(self._networks) and self._in_a_network(host, 0)

    def _in_a_network(self, host: str, port: int) -> bool:
        try:
            address = ip_address(host)
        except ValueError:
            return False
        return any(
            address in each.network  # of another version: it is not
            for each in self._networks
            if each.port in (0, port) or port == 0
        )


def _is_from(gateway: GatewayRow, hop: Hop) -> bool:
    if gateway.transport and gateway.transport != hop.transport:
        return False
    return gateway.port in (0, hop.port) or hop.reliable


def _fits(entry: _Trusted, request: Request, hop: Hop) -> bool:
    if entry.proto not in ("any", hop.transport):
        return False
    if entry.fits is None:
        return True
    try:
        return entry.fits(request.from_.uri_text) is not None
    except MalformedMessage:
        return False


def _trusted(row: TrustedRow) -> _Trusted:
    fits: Callable[[str], object] | None = None
    if row.pattern:
        try:
            fits = re.compile(row.pattern, re.IGNORECASE).search
        except re.error:
            fits = _never
    return _Trusted(row.proto.lower(), fits, frozenset(re.split(r"[,\s]+", row.tag)) - {""})


def _never(_: str) -> object:
    return None


def _network(row: AddressRow) -> _Network | None:
    host = plain_address(row.host)
    try:
        return _Network(ip_network(f"{host}/{row.mask}", strict=False), row.port)
    except ValueError:
        return None
