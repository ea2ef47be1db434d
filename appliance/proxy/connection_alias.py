"""Connections that a peer wants us to use again (RFC 5923): its Via says ``alias``, and where it listens.

Only the sockets know what a peer has proved by TLS, and only we know whose address is trusted; so both are
asked. Must not know how connections are kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from appliance.proxy.pstn.trusted import Peer
from appliance.sip.hop import Hop
from appliance.sip.message import Request


class UseAgain(Protocol):
    """The sockets' own part: see ``transport/connections.py``."""

    def __call__(self, hop: Hop, port: int, *, trusted: bool) -> None: ...


class ConnectionAliases:
    """``use_again`` is the sockets' part, ``sender(request, hop)`` knows peers by their address."""

    def __init__(self, use_again: UseAgain, sender: Callable[[Request, Hop], Peer | None]) -> None:
        self._use_again = use_again
        self._sender = sender

    def note(self, request: Request, hop: Hop) -> None:
        """A request has come by a connection."""
        via = request.via
        if via.has_param("alias"):
            self._use_again(hop, via.sent_by[1], trusted=self._sender(request, hop) is not None)
