"""The guard on every request that is sent on: what goes to a gateway costs money, so nothing goes there but
what was let in for it (SER's ``onsend_route``).

Looked at is the address that the packet is sent to, whatever led there: a Contact that somebody has
registered, a forwarding, a Route, a name in the DNS, another port or transport. A request may go there when

- ``gateway.py`` has chosen this gateway for it, after it has looked at the caller's rights; or
- it belongs to a dialog with a gateway, and says so by a Route that we have signed for the Call-ID and for
  the *gateway's own tag*. That tag is the gateway's choice, so nobody can have a proof before the gateway
  itself has sent a request, or answered one that was let in. The proof is in our Record-Route: ``gwf`` when
  the gateway began the dialog, ``gwt`` when it was called; or
- it is an ACK, BYE, PRACK or CANCEL of any dialog of ours: those begin nothing.

A REFER has a gateway call somebody (RFC 3515). Within a call with it, it may name somebody here, whom the
gateway then asks us for, or another call that is up (Replaces, RFC 3891); no number at the gateway itself.

Must not know how a gateway is chosen.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterable
from typing import Protocol

from appliance.errors import MalformedMessage
from appliance.proxy.incoming import Incoming
from appliance.proxy.plain_address import plain_address
from appliance.proxy.pstn.caller_id import take_out_claims
from appliance.proxy.pstn.peer_rows import PeerRows
from appliance.proxy.pstn.trusted import Peer
from appliance.sip.headers import NameAddr
from appliance.sip.hop import Hop
from appliance.sip.message import Message, Request, Response
from appliance.sip.uri import Uri

_BEGUN_BY_GATEWAY, _ANSWERED_BY_GATEWAY = "gwf", "gwt"
# What cannot begin anything, at any gateway.
_HARMLESS = frozenset({"ACK", "BYE", "PRACK", "CANCEL"})


class DialogSigns(Protocol):
    """Who knows our own Record-Routes again."""

    def verify(self, route: Uri, request: Message) -> bool: ...


class Guard:
    """Knows the gateways' addresses. ``key``: 16 to 64 bytes, the same in all workers; ``on_refusal(request,
    host)`` is told of each request that somebody tried to send past the rules; ``sender(request, hop)`` gives
    the peer whose word about who is calling is believed, None for anybody else; ``is_me(uri)`` says whether
    an address is this server. ``watches``: there is something to guard. ``own`` are the addresses of this
    machine: a gateway on it may be reached by any of them, at its port."""

    def __init__(
        self,
        key: bytes,
        dialogs: DialogSigns,
        sender: Callable[[Request, Hop], Peer | None],
        is_me: Callable[[Uri], bool],
        on_refusal: Callable[[Request, str], None],
        own: Iterable[str] = (),
    ) -> None:
        self._is_me = is_me
        # BLAKE2 with a key is a MAC by itself (RFC 7693 §2.9).
        self._mac = hashlib.blake2b(key=key, digest_size=10, person=b"gateway-dialog")
        self._dialogs = dialogs
        self._sender = sender
        self._on_refusal = on_refusal
        self._groups_at: dict[str, set[int]] = {}
        self._own = frozenset(plain_address(host) for host in own)
        self._here: dict[int, set[int]] = {}
        self.watches = False

    def read(self, rows: PeerRows) -> None:
        """Guards these gateways from now on."""
        groups_at: dict[str, set[int]] = {}
        here: dict[int, set[int]] = {}
        for gateway in rows.gateways:
            host = plain_address(gateway.host)
            groups_at.setdefault(host, set()).add(gateway.group)
            if host in self._own or _is_loopback(host):
                here.setdefault(gateway.port or 5060, set()).add(gateway.group)
        self._groups_at, self._here = groups_at, here
        self.watches = bool(groups_at)

    def is_gateway(self, host: str) -> bool:
        """Whether this IP literal is a gateway's."""
        return plain_address(host) in self._groups_at

    def admits(self, incoming: Incoming, outgoing: Request, gateway: int, hop: Hop) -> bool:
        """Whether the copy ``outgoing`` may go to ``hop``; ``gateway`` is the number of the gateway that was
        chosen for it, 0 when none was."""
        host = plain_address(hop.host)
        groups = self._groups_at.get(host)
        if groups is None and self._here and (host in self._own or _is_loopback(host)):
            groups = self._here.get(hop.port)
        if groups is None or gateway:
            return True
        request = incoming.request
        if request.to_tag is None or not self._is_proved(incoming, groups) or not self._may_refer(request):
            self._on_refusal(request, host)
            return False
        if self._sender(request, incoming.hop) is None:
            take_out_claims(outgoing)
        return True

    def _is_proved(self, incoming: Incoming, groups: set[int]) -> bool:
        request = incoming.request
        own = _routes_as_they_came(incoming)
        for route in own:
            for name in (_BEGUN_BY_GATEWAY, _ANSWERED_BY_GATEWAY):
                given = (route.param(name) or "").encode("utf-8", "surrogateescape")
                if given and any(
                    hmac.compare_digest(self._proof(group, request.call_id, request.to_tag).encode(), given)
                    for group in groups
                ):
                    return True
        return request.method in _HARMLESS and any(self._dialogs.verify(route, request) for route in own)

    def _may_refer(self, request: Request) -> bool:
        if request.method != "REFER":
            return True
        try:
            uri = NameAddr.parse(request.first("refer-to") or "").uri
        except MalformedMessage:
            return False
        return bool(uri.host) and (self._is_me(uri) or "replaces=" in uri.headers.lower())

    def begun_by(self, group: int, request: Request) -> str:
        """The URI parameter for the Record-Route of a request that a gateway of ``group`` has sent."""
        return f";{_BEGUN_BY_GATEWAY}={self._proof(group, request.call_id, request.from_tag)}"

    def answered_by(self, host: str, response: Response) -> None:
        """Writes the proof into our Record-Routes of a response, when it has come from a gateway."""
        groups = self._groups_at.get(plain_address(host))
        if groups is None or response.to_tag is None or not response.has("record-route"):
            return
        proof = f";{_ANSWERED_BY_GATEWAY}={self._proof(min(groups), response.call_id, response.to_tag)}"
        try:
            items = [self._proved(item, proof, response) for item in response.items("record-route")]
        except MalformedMessage:
            return
        response.remove("record-route")
        for item in reversed(items):
            response.prepend("Record-Route", item)

    def _proved(self, item: str, proof: str, response: Response) -> str:
        route = NameAddr.parse(item)
        if not route.uri.has_param("sig") or not self._dialogs.verify(route.uri, response):
            return item
        return str(NameAddr(route.display, route.uri_text + proof, route.params))

    def _proof(self, group: int, call_id: str, tag: str | None) -> str:
        mac = self._mac.copy()
        # None of them can hold a line end, so no two dialogs make the same text.
        mac.update(f"{group}\n{call_id}\n{tag or ''}".encode("utf-8", "surrogateescape"))
        return mac.hexdigest()


def _is_loopback(host: str) -> bool:
    return host.startswith("127.") or host == "::1"


def _routes_as_they_came(incoming: Incoming) -> list[Uri]:
    """The Routes of a request before ours were taken off, and the Request-URI, which is one behind a strict
    router."""
    uri, routes = incoming.came_as
    try:
        return [Uri.parse(uri), *(NameAddr.parse(route).uri for route in routes or ())]
    except MalformedMessage:
        return []
