"""Where the server listens: ``transport:host:port``, with IPv6 in brackets as in a URI.

The host is an address and not a name, and never a wildcard: it stands in Via and Record-Route (RFC 3261
§18.1.1), where the other side has to be able to answer to it. Behind a NAT that hands everything on (1:1, as
clouds have it) the world knows that address by another one, or by a name: that is what is advertised. Must
not know: sockets.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from ipaddress import IPv6Address, ip_address
from typing import NamedTuple

TRANSPORTS = ("udp", "tcp", "tls", "ws", "wss")
SECURE_TRANSPORTS = ("tls", "wss")


class Listener(NamedTuple):
    """One listening address: ``transport`` in lower case, ``host`` an IP literal without brackets."""

    transport: str
    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Listener:
        """``udp:192.0.2.1:5060`` or ``tcp:[2001:db8::1]:5060``; ValueError says what is allowed."""
        transport, colon, address = text.partition(":")
        if not colon or transport.lower() not in TRANSPORTS:
            allowed = f"{', '.join(f'{name}:' for name in TRANSPORTS[:-1])} or {TRANSPORTS[-1]}:"
            raise ValueError(f"{text!r} has to begin with {allowed}")
        host, port = split_address(address)
        try:
            ip = ip_address(host)
        except ValueError:
            raise ValueError(
                f"{text!r} has to name an IP address of this machine,"
                " as in udp:192.0.2.1:5060 or udp:[2001:db8::1]:5060"
            ) from None
        if ip.is_unspecified:
            raise ValueError(
                f"{text!r} listens everywhere, and a phone cannot send an answer to {host}:"
                " name each address of this machine that phones use"
            )
        if ip.is_multicast:
            raise ValueError(f"{text!r} is a multicast address, where no phone can reach one server")
        if isinstance(ip, IPv6Address) and (ip.scope_id or ip.ipv4_mapped):
            raise ValueError(
                f"{text!r} is an address that no phone can write: name a global one of IPv6, or the IPv4 one"
            )
        return cls(transport.lower(), str(ip), port)

    @property
    def socket(self) -> Listener:
        """The same as the kernel knows it: a datagram socket (udp) or one of streams (tcp)."""
        return self if self.transport in ("udp", "tcp") else self._replace(transport="tcp")

    @property
    def address(self) -> str:
        """``host:port``, IPv6 in brackets, as it stands in a URI."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.transport}:{self.address}"


class Advertised(NamedTuple):
    """What stands in Via and Record-Route in place of a listener's own address.

    ``listener`` is which: ``transport:host:port``, or the host alone, "" for all. ``port`` 0 is its own one.
    """

    listener: str
    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Advertised:
        """``203.0.113.7``, ``sip.example.org:5060``, ``udp:10.0.0.5:5060=203.0.113.7:5080`` or
        ``10.0.0.5=203.0.113.7``; ValueError says what is allowed."""
        listener, _, name = text.rpartition("=")
        if listener:
            try:
                listener = str(Listener.parse(listener)) if listener.startswith(_PREFIXES) else listener
                if ":" not in listener or listener[0] == "[":
                    listener = str(ip_address(listener.strip("[]")))
            except ValueError:
                raise ValueError(
                    f"{text!r} has to begin with one of listen, or with its host alone"
                ) from None
        host, colon, port = name.rpartition(":") if not name.endswith("]") else (name, "", "")
        if not colon or (":" in host and not host.startswith("[")):
            host, port = name, ""
        try:
            ip = ip_address(host.strip("[]"))
        except ValueError:
            if not host or ":" in host or " " in host or host.rpartition(".")[2].isdigit():
                raise ValueError(f"{text!r} has to name HOST or HOST:PORT, as in 203.0.113.7") from None
            return cls(listener, host.lower(), _port_of(port, text))
        if ip.is_unspecified or ip.is_multicast:
            raise ValueError(f"{text!r} names an address where nobody can answer to")
        return cls(listener, str(ip), _port_of(port, text))


_PREFIXES = tuple(f"{name}:" for name in TRANSPORTS)


def names_of(listeners: Sequence[tuple[str, str, int]], texts: Iterable[str]) -> list[tuple[str, str, int]]:
    """(transport, host, port) of each listener as the world knows it; what names it most exactly counts."""
    by_listener = {each.listener: each for each in map(Advertised.parse, texts)}
    names = []
    for transport, host, port in listeners:
        own = str(Listener(transport, host, port))
        found = by_listener.get(own) or by_listener.get(host) or by_listener.get("")
        names.append((transport, found.host, found.port or port) if found else (transport, host, port))
    return names


def _port_of(port: str, text: str) -> int:
    if not port:
        return 0
    if not (port.isascii() and port.isdigit()) or not 0 < int(port) < 65536:
        raise ValueError(f"{text!r} has to end with a port from 1 to 65535, or with none")
    return int(port)


def split_name_server(text: str) -> tuple[str, int]:
    """``address`` or ``address:port`` of a name server, 53 without a port; ValueError when it is none."""
    try:
        return str(ip_address(text.removeprefix("[").removesuffix("]"))), 53
    except ValueError:
        host, port = split_address(text)
        return str(ip_address(host)), port


def split_address(text: str) -> tuple[str, int]:
    """``host:port`` into its halves, brackets of IPv6 removed; ValueError when it is none."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or (":" in host and not (host.startswith("[") and host.endswith("]"))):
        raise ValueError(f"{text!r} has to be HOST:PORT, with IPv6 as in [::1]:5060")
    if not (port.isascii() and port.isdigit()) or not 0 < int(port) < 65536:
        raise ValueError(f"{text!r} has to end with a port from 1 to 65535")
    return host.removeprefix("[").removesuffix("]"), int(port)
