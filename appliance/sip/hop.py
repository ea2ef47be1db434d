"""Where a message came from, or where it goes to: a value, no socket (RFC 3261 §18)."""

from __future__ import annotations

from typing import NamedTuple


class Hop(NamedTuple):
    """One way to a peer.

    ``host`` is an IP literal without brackets. ``listener`` is the index of the listening socket by which a
    message came in or must leave (-1: any that fits), ``connection`` the number of a stream connection
    (0: none, or any to that address). ``sent_by_port`` is where the sender of a request over a stream takes
    new connections, for replies whose own is gone (§18.2.2; 0: nowhere). ``name`` is whom the peer has to
    prove to be where a connection is opened by TLS ("": whoever has that address).
    """

    transport: str
    host: str
    port: int
    listener: int = 0
    connection: int = 0
    sent_by_port: int = 0
    name: str = ""

    @property
    def reliable(self) -> bool:
        """True when the transport itself repeats what is lost, so that transactions need not (§17.1.1.2)."""
        return self.transport != "udp"

    @property
    def secure(self) -> bool:
        """True when nobody on the way can read along."""
        return self.transport in ("tls", "wss")

    def __str__(self) -> str:
        """``udp:192.0.2.1:5060``, ``tcp:[2001:db8::1]:5060``: the form that settings and logs use."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.transport}:{host}:{self.port}"
