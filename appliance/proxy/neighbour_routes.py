"""Calls between neighbour nodes: a phone that is reached by a flow is called through the node that has it.

Its binding, as a neighbour tells it (``appliance.neighbours``), has a Route to its owner::

    <sip:192.0.2.2:5060;lr;nb=RUID>

Each request that leaves by such a Route gets a time and a MAC in it, over the owner's address, the binding,
the Call-ID, the From tag and the method, by the key that all nodes share. The owner believes it for a while,
asks for no password, and sends the request to that binding and nowhere else. A phone may not register such
a Path (``registrar.contact``), or it could have us send to any binding of a neighbour; and what is signed is
good at the address in it alone. Must not know sockets.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

from appliance.errors import MalformedMessage
from appliance.registrar.binding import OWNED_ELSEWHERE
from appliance.sip.headers import NameAddr
from appliance.sip.message import Request
from appliance.sip.uri import Uri


class NeighbourRoutes:
    """Signs Routes to neighbours, and knows those of neighbours to us.

    ``key``: 16 to 64 bytes, the same on all nodes; ``window``: for how many seconds a Route is believed;
    ``wall``: seconds since 1970.
    """

    def __init__(self, key: bytes, window: float, wall: Callable[[], float]) -> None:
        self._mac = hashlib.blake2b(key=key, digest_size=16, person=b"neighbour-route")
        self._window = window
        self._wall = wall

    def sign(self, path: str, request: Request) -> str:
        """The Route that a request leaves with; a Path that leads to no neighbour stays as it is."""
        before, mark, ruid = path.partition(OWNED_ELSEWHERE)
        if not mark or not before.startswith("<sip:") or not ruid.endswith(">"):
            return path
        ruid = ruid[:-1]
        when = f"{int(self._wall()):x}"
        signature = self._signature(before.removeprefix("<sip:"), ruid, when, request)
        return f"{before}{OWNED_ELSEWHERE}{ruid};at={when};sig={signature}>"

    def binding_of(self, request: Request, is_me: Callable[[Uri], bool]) -> str | None:
        """The ruid of the binding that a neighbour sends this to; its Route is taken off then. None for every
        other request. Raises MalformedMessage."""
        routes = request.items("route")
        if len(routes) != 1 or request.to_tag is not None:
            return None
        route = NameAddr.parse(routes[0]).uri
        ruid, when, given = route.param("nb"), route.param("at"), route.param("sig")
        if not ruid or not when or not given or not is_me(route):
            return None
        host = route.host if route.port is None else f"{route.host}:{route.port}"
        expected = self._signature(host, ruid, when, request)
        if not hmac.compare_digest(expected.encode(), given.encode("utf-8", "surrogateescape")):
            return None
        try:
            age = self._wall() - int(when, 16)
        except ValueError:
            raise MalformedMessage("a neighbour's Route has no time") from None
        if abs(age) > self._window:
            return None
        request.remove_first_item("route")
        return ruid

    def _signature(self, address: str, ruid: str, when: str, request: Request) -> str:
        mac = self._mac.copy()
        said = (address, ruid, when, request.method, request.call_id, request.from_tag or "")
        mac.update("\n".join(said).encode("utf-8", "surrogateescape"))
        return mac.hexdigest()
