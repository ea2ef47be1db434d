"""Who is asked about presence, busy lamps and waiting messages: a server that the settings name (RFC 6665,
RFC 3903, RFC 3842).

SUBSCRIBE and PUBLISH of the packages that the server knows go to it, with the Request-URI as it is and a
Route before. What it sends itself, and every NOTIFY, goes to the user's phones. Must not know what an event
means.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from appliance.errors import MalformedMessage
from appliance.proxy.incoming import Incoming
from appliance.proxy.locating import Unroutable
from appliance.proxy.plain_address import plain_address
from appliance.proxy.target import Target
from appliance.sip.hop import Hop
from appliance.sip.uri import Uri

# What belongs to an event package; it is refused with 489 where nobody knows the package.
EVENT_METHODS = frozenset({"SUBSCRIBE", "PUBLISH", "NOTIFY"})
_FOR_THE_SERVER = frozenset({"SUBSCRIBE", "PUBLISH"})


class PresenceServer:
    """``server`` is HOST or HOST:PORT, perhaps with ``;transport=tcp``; ``packages`` are the event packages
    that it knows. ``servers(uri)`` finds the hops of a URI and may block."""

    def __init__(self, server: str, packages: Sequence[str], servers: Callable[[Uri], list[Hop]]) -> None:
        self._path = f"<sip:{server};lr>"
        self._uri = Uri.parse(f"sip:{server}")
        self._packages = frozenset(package.lower() for package in packages)
        self._servers = servers

    def target(self, incoming: Incoming) -> Target | None:
        """The server, if this request is for it; None when it is for the user, or from the server itself."""
        request = incoming.request
        if request.method not in _FOR_THE_SERVER:
            return None
        try:
            event = (request.first("event") or "").partition(";")[0].strip().lower()
        except MalformedMessage:
            return None
        if event not in self._packages or self._is_at(plain_address(incoming.hop.host)):
            return None
        return Target(request.uri_text, path=self._path, named=True)

    def _is_at(self, address: str) -> bool:
        try:
            servers = self._servers(self._uri)
        except Unroutable:
            return False
        return any(plain_address(server.host) == address for server in servers)
