"""Where the server listens: ``transport:host:port``, with IPv6 in brackets as in a URI.

The host is an address and not a name, and never a wildcard: it stands in Via and Record-Route (RFC 3261
§18.1.1), where the other side has to be able to answer to it. Must not know: sockets.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import NamedTuple

TRANSPORTS = ("udp", "tcp")


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
            raise ValueError(f"{text!r} has to begin with {' or '.join(f'{name}:' for name in TRANSPORTS)}")
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
        return cls(transport.lower(), str(ip), port)

    @property
    def address(self) -> str:
        """``host:port``, IPv6 in brackets, as it stands in a URI."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __str__(self) -> str:
        return f"{self.transport}:{self.address}"


def split_address(text: str) -> tuple[str, int]:
    """``host:port`` into its halves, brackets of IPv6 removed; ValueError when it is none."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or (":" in host and not (host.startswith("[") and host.endswith("]"))):
        raise ValueError(f"{text!r} has to be HOST:PORT, with IPv6 as in [::1]:5060")
    if not (port.isascii() and port.isdigit()) or not 0 < int(port) < 65536:
        raise ValueError(f"{text!r} has to end with a port from 1 to 65535")
    return host.removeprefix("[").removesuffix("]"), int(port)
