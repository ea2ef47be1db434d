"""Request forwarding (RFC 3261 §16.6): what the proxy changes in a request, and the next hop that it is sent
to.

Everything else in the message leaves byte for byte as it came. Must not know why a request goes where it
goes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from appliance.errors import MalformedMessage
from appliance.proxy.branch import Branches
from appliance.proxy.failed_destinations import FailedDestinations
from appliance.proxy.guard import Guard
from appliance.proxy.incoming import Incoming
from appliance.proxy.loose_route import yield_to_strict_router
from appliance.proxy.neighbour_routes import NeighbourRoutes
from appliance.proxy.plain_address import is_one_host, wire_address
from appliance.proxy.record_route import INITIATOR_NATED, OTHER_SIDE_NATED, DialogRoutes
from appliance.proxy.target import Target
from appliance.sip.headers import NameAddr
from appliance.sip.hop import Hop
from appliance.sip.message import Request
from appliance.sip.uri import Uri

# Requests that begin a dialog or a subscription, whose later requests must pass here too. A NOTIFY may be the
# first message of its dialog even when it has a Route (RFC 6665 §4.4.1).
_RECORD_ROUTED = frozenset({"INVITE", "SUBSCRIBE", "REFER", "NOTIFY"})
_DEFAULT_BREADTH = 60


class Unroutable(Exception):
    """There is no way to a target; the text says why, for the log; ``status`` is what a caller is told."""

    def __init__(self, problem: str, status: int = 480) -> None:
        super().__init__(problem)
        self.status = status


class Connections(Protocol):
    """The sockets, as far as forwarding knows them."""

    def local_for(self, hop: Hop) -> Hop: ...
    def connect(self, hop: Hop) -> None: ...


class Outgoing(NamedTuple):
    """A request ready to be sent."""

    request: Request
    hop: Hop


class Forwarder:
    """Turns a request and a target into a message and a next hop.

    ``listeners`` are (transport, host, port) of our sockets by listener index, ``names`` the same as the
    world knows them, where a NAT or a name stands before us; ``addresses(host)`` looks a host name up and may
    block. ``guard`` looks at the address that each request is sent to, ``neighbours`` signs what goes to
    another node; ``failed`` knows the addresses at which nobody has answered.
    """

    def __init__(
        self,
        *,
        listeners: Sequence[tuple[str, str, int]],
        connections: Connections,
        addresses: Callable[[str], list[str]],
        branches: Branches,
        dialog_routes: DialogRoutes,
        max_forwards: int,
        names: Sequence[tuple[str, str, int]] | None = None,
        guard: Guard | None = None,
        neighbours: NeighbourRoutes | None = None,
        failed: FailedDestinations | None = None,
    ) -> None:
        self._guard = guard
        self._neighbours = neighbours
        self._failed = failed
        self._listeners = listeners
        self.names = names = listeners if names is None else names
        self._connections = connections
        self._addresses = addresses
        self._branches = branches
        self._dialog_routes = dialog_routes
        self._max_forwards = max_forwards
        self._sent_by = [f"{_bracketed(host)}:{port}" for _, host, port in names]
        self._families = {(transport, ":" in host) for transport, host, _ in listeners}

    def is_loop(self, incoming: Incoming) -> bool:
        """Whether we have sent this request on before, the same way that it would go now (§16.3 step 4)."""
        request = incoming.request
        keys = request.keys
        several = keys.count("via") > 1 or "," in request.lines[keys.index("via")]
        return several and self._branches.is_loop(request)

    def prepare(
        self, incoming: Incoming, target: Target, number: int, breadth: int | None = None
    ) -> Outgoing:
        """The copy of the request for branch ``number`` to ``target`` (§16.6 steps 1 to 8).

        Raises Unroutable. Blocks while a name is looked up or a connection is opened.
        """
        request = incoming.request
        outgoing = request.copy()
        outgoing.uri_text = target.uri
        self._count_down(outgoing)
        if breadth is not None:
            outgoing.replace("max-breadth", str(breadth))
        if target.path:
            neighbours = self._neighbours
            path = target.path if neighbours is None else neighbours.sign(target.path, request)
            outgoing.prepend("Route", path)
        hop = self._open_way(incoming, outgoing, target)
        yield_to_strict_router(outgoing)
        begins = request.to_tag is None or request.method == "NOTIFY"
        if begins and request.method in _RECORD_ROUTED and not target.looped:
            flags = incoming.marks
            if incoming.nated:
                flags += INITIATOR_NATED
            if target.nated:
                flags += OTHER_SIDE_NATED
            self._record_route(outgoing, incoming, hop, flags)
        transport = self._listeners[hop.listener][0].upper()
        branch = self._branches.make(request, number, self._branches.mark_of(*incoming.came_as))
        outgoing.prepend("Via", f"SIP/2.0/{transport} {self._sent_by[hop.listener]};branch={branch}")
        return Outgoing(outgoing, hop)

    def _open_way(self, incoming: Incoming, outgoing: Request, target: Target) -> Hop:
        """The next hop with its flow open: the known one, else what the request itself says."""
        known = target.hop
        if known is None:
            hop = self._by_listener(self.next_hop(outgoing), target.listener)
            self._look_at(hop, incoming, outgoing, target)
            try:
                return self._open(hop)
            except Unroutable:
                if self._failed is not None:
                    self._failed.failed(hop)
                raise
        self._look_at(known, incoming, outgoing, target)
        try:
            return self._open(self._by_listener(known, target.listener))
        except Unroutable:
            # The connection that a phone registered by is gone; it may listen where its Contact says. Over
            # UDP nobody would tell us that it does not, and the caller would wait for Timer B.
            hop = self.next_hop(outgoing)
            if not hop.reliable:
                raise
            self._look_at(hop, incoming, outgoing, target)
            return self._open(hop)

    def _look_at(self, hop: Hop, incoming: Incoming, outgoing: Request, target: Target) -> None:
        """Nothing goes to a gateway that was not let in for it (``guard``); raises Unroutable."""
        guard = self._guard
        if guard is None or not guard.watches:
            return
        if not guard.admits(incoming, outgoing, target.gateway, hop):
            raise Unroutable(f"{hop.host} is a gateway, and nobody has let this in for it", 403)

    def _by_listener(self, hop: Hop, listener: int) -> Hop:
        """The hop by that listener, if it has none and that one's transport."""
        if listener < 0 or hop.listener >= 0 or self._listeners[listener][0] != hop.transport:
            return hop
        return hop._replace(listener=listener)

    def _open(self, hop: Hop) -> Hop:
        try:
            hop = self._connections.local_for(hop)
            self._connections.connect(hop)
        except OSError as error:
            raise Unroutable(str(error)) from None
        return hop

    def next_hop(self, request: Request) -> Hop:
        """The hop of the topmost Route, else of the Request-URI (§16.6 step 7, §8.1.2); raises Unroutable."""
        try:
            routes = request.items("route")
            uri = NameAddr.parse(routes[0]).uri if routes else request.uri
        except MalformedMessage as error:
            raise Unroutable(str(error)) from None
        return self.hop_of(uri)

    def hop_of(self, uri: Uri) -> Hop:
        """The hop of a SIP URI (RFC 3263 §4, addresses only); raises Unroutable."""
        if uri.scheme != "sip":
            raise Unroutable(f"no way to a {uri.scheme} URI", 416)
        transport = (uri.transport or "udp").lower()
        if transport not in ("udp", "tcp"):
            raise Unroutable(f"no transport {transport}")
        host = wire_address(uri.address)
        if host is None:
            families = self._families
            addresses = [each for each in self._addresses(uri.host) if (transport, ":" in each) in families]
            if not addresses:
                raise Unroutable(f"{uri.host} has no address that we reach by {transport}", 404)
            failed = self._failed
            host = addresses[0] if failed is None else failed.best_of(transport, addresses, uri.port or 5060)
        if not is_one_host(host):
            raise Unroutable(f"{host} is not one host's address", 404)
        return Hop(transport, host, uri.port or 5060, -1)

    def may_wait(self, target: Target) -> bool:
        """Whether ``prepare`` may have to wait for this target: for a name or for a connection."""
        if target.hop is not None:
            return target.hop.reliable
        if target.path:
            return True  # the Path's host is somebody else's
        try:
            uri = Uri.parse(target.uri)
        except MalformedMessage:
            return False
        return uri.transport == "tcp" or wire_address(uri.address) is None

    def breadth_of(self, request: Request) -> int:
        """How many branches at once the request may still become (RFC 5393 §5.3.3)."""
        text = request.first("max-breadth") or ""
        # isdigit alone takes digits of any script, which int() refuses.
        known = text.isascii() and text.isdigit() and len(text) < 10
        return min(int(text), _DEFAULT_BREADTH) if known else _DEFAULT_BREADTH

    def _count_down(self, request: Request) -> None:
        text = request.first("max-forwards")
        left = int(text) - 1 if text is not None else self._max_forwards
        request.replace("max-forwards", str(min(left, self._max_forwards)))

    def _record_route(self, outgoing: Request, incoming: Incoming, leaving: Hop, flags: str) -> None:
        came_by, leaves_by = self.names[incoming.hop.listener], self.names[leaving.listener]
        peer, guard, proof = incoming.peer, self._guard, ""
        if guard is not None and peer is not None and peer.gateway:
            proof = guard.begun_by(peer.group, incoming.request)
        for line in self._dialog_routes.record_route(outgoing, came_by, leaves_by, flags):
            outgoing.prepend("Record-Route", f"{line[:-1]}{proof}>" if proof else line)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
