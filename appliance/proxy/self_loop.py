"""The demonstration of 2007: a request is sent through the proxy twice, so that its replies can be watched
arriving.

A stateful proxy sees the replies of others, but not its own. When a request goes to the proxy itself first,
and only its second arrival is processed, every reply of our own comes back to us over the network before it
goes to the phone. The mark ``P-hint: Self-Looped`` tells the second arrival; it changes the loop detection's
hash, so the request's coming back is a spiral and no loop (RFC 3261 §16.3 step 4).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from appliance.proxy.target import Target
from appliance.sip.hop import Hop
from appliance.sip.message import Request

_HEADER, _MARK = "P-hint", "Self-Looped"


class SelfLoop:
    """Which requests are looped: those whose method is in ``methods``, the first time that they come."""

    def __init__(self, methods: Collection[str], listeners: Sequence[tuple[str, str, int]]) -> None:
        self._methods = frozenset(method.upper() for method in methods)
        self._listeners = listeners

    def takes(self, request: Request) -> bool:
        if request.method not in self._methods:
            return False
        return not any(hint.lower() == _MARK.lower() for hint in request.all("p-hint"))

    def mark(self, request: Request) -> None:
        request.add(_HEADER, _MARK)

    def target(self, request: Request, arrived: Hop) -> Target:
        """The very socket that the request arrived at.

        The route is recorded, and the call counted, at the second arrival only: ACK and BYE are not to pass
        twice, and nothing is signed before the caller has proved who it is.
        """
        transport, host, port = self._listeners[arrived.listener]
        return Target(request.uri_text, Hop(transport, host, port, arrived.listener), looped=True)
