"""Request forwarding (RFC 3261 §16.6): what the proxy changes in a request, and the next hop that it is sent
to.

Everything else in the message leaves byte for byte as it came. Must not know why a request goes where it
goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from appliance.errors import MalformedMessage
from appliance.proxy.branch import Branches
from appliance.proxy.flow_tokens import INITIATORS, OTHERS, FlowTokens, wants_its_flow
from appliance.proxy.incoming import Incoming
from appliance.proxy.large_requests import LargeRequests
from appliance.proxy.locating import Locator, Unroutable
from appliance.proxy.loose_route import yield_to_strict_router
from appliance.proxy.neighbour_routes import NeighbourRoutes
from appliance.proxy.plain_address import is_loopback, wire_address
from appliance.proxy.privacy import Privacy
from appliance.proxy.pstn.failed_destinations import FailedDestinations
from appliance.proxy.pstn.guard import Guard
from appliance.proxy.record_route import INITIATOR_NATED, OTHER_SIDE_NATED, DialogRoutes
from appliance.proxy.shared_address import SharedAddress
from appliance.proxy.sips import heed_sips, is_sips
from appliance.proxy.target import Target
from appliance.sip.headers import NameAddr
from appliance.sip.hop import Hop
from appliance.sip.message import Request
from appliance.sip.uri import Uri

# Requests that begin a dialog or a subscription, whose later requests must pass here too. A NOTIFY may be the
# first message of its dialog even when it has a Route (RFC 6665 §4.4.1).
_RECORD_ROUTED = frozenset({"INVITE", "SUBSCRIBE", "REFER", "NOTIFY"})
_DEFAULT_BREADTH = 60
_ANY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - nothing is bound here


def _without_headers(text: str) -> str:
    """A Request-URI must not hold headers (RFC 3261 §19.1.1), whatever a Contact or a caller wrote there; a
    question mark may also be the user's."""
    uri = Uri.parse(text)
    return uri.replace(headers="").text if uri.headers or text.endswith("?") else text


class Connections(Protocol):
    """The sockets, as far as forwarding knows them."""

    def local_for(self, hop: Hop) -> Hop: ...
    def connect(self, hop: Hop) -> None: ...


class Outgoing(NamedTuple):
    """A request ready to be sent; ``others`` are the servers to try when this one fails (RFC 3263 §4.3)."""

    request: Request
    hop: Hop
    others: tuple[Hop, ...] = ()


class Forwarder:
    """Turns a request and a target into a message and a next hop.

    ``listeners`` are (transport, host, port) of our sockets by listener index, ``names`` the same as the
    world knows them, where a NAT or a name stands before us; ``locator`` finds the servers of a URI and may
    block. ``guard`` looks at the address that each request is sent to, ``neighbours`` signs what goes to
    another node, ``flow_tokens`` names phones' flows; ``failed`` knows the addresses at which nobody has
    answered, ``large`` what is too large for a datagram; ``shared`` is the address that several boxes hold in
    turn.
    """

    def __init__(
        self,
        *,
        listeners: Sequence[tuple[str, str, int]],
        connections: Connections,
        locator: Locator,
        branches: Branches,
        dialog_routes: DialogRoutes,
        max_forwards: int,
        names: Sequence[tuple[str, str, int]] | None = None,
        guard: Guard | None = None,
        flow_tokens: FlowTokens | None = None,
        privacy: Privacy | None = None,
        neighbours: NeighbourRoutes | None = None,
        failed: FailedDestinations | None = None,
        large: LargeRequests | None = None,
        shared: SharedAddress | None = None,
    ) -> None:
        self._large = large
        self._shared = shared
        self._guard = guard
        self._flow_tokens = flow_tokens
        self._privacy = privacy
        self._neighbours = neighbours
        self._failed = failed
        self._listeners = listeners
        self.names = names = listeners if names is None else names
        self._connections = connections
        self._locator = locator
        self._branches = branches
        self._dialog_routes = dialog_routes
        self._max_forwards = max_forwards
        self._sent_by = [f"{_bracketed(host)}:{port}" for _, host, port in names]
        # What listens on loopback believes whoever speaks to it there; phones are there only where we are.
        self._has_loopback = any(is_loopback(host) or host in _ANY_ADDRESS for _, host, _ in listeners)
        self._secure = any(transport in ("tls", "wss") for transport, _, _ in listeners)

    def is_loop(self, incoming: Incoming) -> bool:
        """Whether we have sent this request on before, the same way that it would go now (§16.3 step 4)."""
        request = incoming.request
        keys = request.keys
        several = keys.count("via") > 1 or "," in request.lines[keys.index("via")]
        return several and self._branches.is_loop(request)

    def prepare(
        self,
        incoming: Incoming,
        target: Target,
        number: int,
        breadth: int | None = None,
        servers: tuple[Hop, ...] = (),
    ) -> Outgoing:
        """The copy of the request for branch ``number`` to ``target`` (§16.6 steps 1 to 8).

        ``servers`` are those that are left of a target, when another one has failed. Raises Unroutable.
        Blocks while a name is looked up or a connection is opened.
        """
        request = incoming.request
        outgoing = request.copy()
        uri = heed_sips(request, target) if self._secure else target.uri
        if uri is None:
            raise Unroutable(f"a sips: request must not go to {target.uri[:60]}")  # RFC 5630 §5.3: 480
        outgoing.uri_text = uri if "?" not in uri else _without_headers(uri)
        if target.body is not None:
            outgoing.body = target.body
            if outgoing.has("content-length"):
                outgoing.replace("content-length", str(len(target.body)))
        self._count_down(outgoing)
        if breadth is not None:
            outgoing.replace("max-breadth", str(breadth))
        if target.path:
            neighbours = self._neighbours
            path = target.path if neighbours is None else neighbours.sign(target.path, request)
            outgoing.prepend("Route", path)
        hop, others = self._open_way(incoming, outgoing, target, servers)
        if self._secure and not hop.secure and is_sips(target.uri):
            raise Unroutable(f"{hop} is not secure, and {target.uri[:60]} has to be")
        if self._privacy is not None:
            self._privacy.leaves(incoming, outgoing, hop, target)
        yield_to_strict_router(outgoing)
        begins = request.to_tag is None or request.method == "NOTIFY"
        if begins and request.method in _RECORD_ROUTED and not target.looped:
            flags = incoming.marks
            if incoming.nated:
                flags += INITIATOR_NATED
            if target.nated:
                flags += OTHER_SIDE_NATED
            self._record_route(outgoing, incoming, hop, flags, target)
        transport = self._listeners[hop.listener][0].upper()
        branch = self._branches.make(request, number, self._branches.mark_of(*incoming.came_as))
        # A server that we reach by TLS may reach us by the same connection (RFC 5923 §5).
        alias = ";alias" if hop.name else ""
        outgoing.prepend("Via", f"SIP/2.0/{transport} {self._sent_by[hop.listener]};branch={branch}{alias}")
        return Outgoing(outgoing, hop, others)

    def _open_way(
        self, incoming: Incoming, outgoing: Request, target: Target, servers: tuple[Hop, ...]
    ) -> tuple[Hop, tuple[Hop, ...]]:
        """The next hop with its flow open: the known one, else what the request itself says; and which
        servers are left to try."""
        known = target.hop
        if known is None:
            return self._open_first(incoming, outgoing, target, servers or tuple(self.next_hops(outgoing)))
        self._look_at(known, incoming, outgoing, target)
        try:
            return self._open(self._leaving(known, target, incoming)), ()
        except Unroutable as gone:
            if target.by_flow:
                raise Unroutable(str(gone), 480 if target.aor is not None else 430) from None
            # The connection that a phone registered by is gone; it may listen where its Contact says. Over
            # UDP nobody would tell us that it does not, and the caller would wait for Timer B.
            hop = self.next_hop(outgoing)
            if not hop.reliable or (known.secure and not hop.secure):
                raise
            self._look_at(hop, incoming, outgoing, target)
            return self._open(hop), ()

    def _open_first(
        self, incoming: Incoming, outgoing: Request, target: Target, servers: tuple[Hop, ...]
    ) -> tuple[Hop, tuple[Hop, ...]]:
        """The first of these servers to which there is a way, and those after it."""
        place = 0
        # A phone, and the other side of a dialog that began by UDP, are known to be reached by it.
        large = self._large if target.aor is None and target.listener < 0 and not target.looped else None
        while True:
            hop = self._leaving(servers[place], target, incoming)
            self._look_at(hop, incoming, outgoing, target)
            if not (self._has_loopback or target.named or target.gateway) and is_loopback(hop.host):
                raise Unroutable(f"{hop.host} is this machine's own, and nobody has named it", 404)
            place += 1
            if large is not None and (by_tcp := large.by_tcp(outgoing, hop)):
                try:
                    return self._open(by_tcp), servers[place:]
                except Unroutable:
                    large.refused(by_tcp)
            try:
                return self._open(hop), servers[place:]
            except Unroutable:
                if self._failed is not None:
                    self._failed.failed(hop)
                if place == len(servers):
                    raise

    def _look_at(self, hop: Hop, incoming: Incoming, outgoing: Request, target: Target) -> None:
        """Nothing goes to a gateway that was not let in for it (``guard``); raises Unroutable."""
        guard = self._guard
        if guard is None or not guard.watches:
            return
        if not guard.admits(incoming, outgoing, target.gateway, hop):
            raise Unroutable(f"{hop.host} is a gateway, and nobody has let this in for it", 403)

    def _leaving(self, hop: Hop, target: Target, incoming: Incoming) -> Hop:
        """The hop by the listener of the target, if it has none and that one's transport; what came by a
        shared address leaves by it."""
        if hop.listener >= 0:
            return hop
        listener = target.listener
        if listener >= 0 and self._listeners[listener][0] == hop.transport:
            return hop._replace(listener=listener)
        if self._shared is None:
            return hop
        return hop._replace(listener=self._shared.leaves_by(incoming.hop.listener, hop.transport))

    def _open(self, hop: Hop) -> Hop:
        try:
            hop = self._connections.local_for(hop)
            self._connections.connect(hop)
        except OSError as error:
            raise Unroutable(str(error)) from None
        return hop

    def next_hop(self, request: Request) -> Hop:
        """The first of ``next_hops``; raises Unroutable."""
        return self.next_hops(request)[0]

    def next_hops(self, request: Request) -> list[Hop]:
        """The servers of the topmost Route, else of the Request-URI, in the order in which they are to be
        tried (§16.6 step 7, §8.1.2); raises Unroutable."""
        try:
            routes = request.items("route")
            uri = NameAddr.parse(routes[0]).uri if routes else request.uri
            call_id = request.call_id
        except MalformedMessage as error:
            raise Unroutable(str(error)) from None
        return self._locator.servers(uri, call_id)

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
        return uri.transport not in (None, "udp") or uri.scheme == "sips" or wire_address(uri.address) is None

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

    def _record_route(
        self, outgoing: Request, incoming: Incoming, leaving: Hop, flags: str, target: Target
    ) -> None:
        came_by, leaves_by = self.names[incoming.hop.listener], self.names[leaving.listener]
        peer, guard, proof = incoming.peer, self._guard, ""
        if guard is not None and peer is not None and peer.gateway:
            proof = guard.begun_by(peer.group, incoming.request)
        if self._flow_tokens is not None:
            proof += self._flows_of(self._flow_tokens, incoming, leaving, target)
        secure = self._secure and is_sips(incoming.request.uri_text)
        for line in self._dialog_routes.record_route(outgoing, came_by, leaves_by, flags, secure=secure):
            outgoing.prepend("Record-Route", f"{line[:-1]}{proof}>" if proof else line)

    @staticmethod
    def _flows_of(tokens: FlowTokens, incoming: Incoming, leaving: Hop, target: Target) -> str:
        """The parameters that name the flows of either side, where it has asked to be reached by one."""
        request, named = incoming.request, ""
        if wants_its_flow(request):
            named = f";{INITIATORS}={tokens.make(incoming.hop, request.call_id)}"
        if target.by_flow and target.path is None:
            named += f";{OTHERS}={tokens.make(leaving, request.call_id)}"
        return named


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
