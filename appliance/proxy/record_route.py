"""Record-Route (RFC 3261 §16.6 step 4), signed: which requests belong to a dialog that began with us.

A Record-Route line of ours looks so, and phones send its URI back as a Route::

    <sip:192.0.2.1:5060;transport=tcp;lr=on;r2=on;ftag=9fxced76sl;flags=n;sig=6b0f3ac81d90e2f4a5b6>

``ftag`` is the tag of whoever began the dialog, ``flags`` what has to be known of the dialog in all its
requests, ``sig`` a MAC over the Call-ID, that tag and those flags. Flags are letters: ``n``, whoever began
the dialog is behind a NAT; ``m``, the other side is; ``r``, its sound is relayed; none, no parameter. (SER
kept such things in a cookie under a checksum of 16 bits, which is no signature.) A Route whose signature fits
the Call-ID and one of the two tags of a request proves that the dialog's first request was let in here; any
other Route proves nothing, and an invented To tag gets nobody past authentication. There are two lines, both
with ``r2=on``, when the request leaves by another transport or address than it came by, so that each side
sees the one that it can reach.

What is done with the Routes of a request is in ``loose_route``. Must not know sockets or policy.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence
from typing import NamedTuple
from urllib.parse import quote, unquote

from appliance.proxy.flow_tokens import INITIATORS, OTHERS
from appliance.proxy.loose_route import repair_strict_route, strip_own_routes
from appliance.sip.message import Message, Request
from appliance.sip.uri import Uri

# What a URI parameter may hold without an escape (§25.1, paramchar).
_PLAIN = "[]/:&+$-_.!~*'()"

Interface = tuple[str, str, int]  # transport, host without brackets, port

INITIATOR_NATED = "n"
OTHER_SIDE_NATED = "m"


class Proof(NamedTuple):
    """What our Route proves of a request's dialog.

    ``flags`` are those of its beginning, ``by_initiator`` whether this request is from whoever began it.
    ``leaves_by`` is our listener on the side where the request goes, -1 when none has that address any more.
    ``flow`` is the token of the flow there (``flow_tokens``), "" when no flow was asked for.
    """

    flags: str
    by_initiator: bool
    leaves_by: int
    flow: str = ""

    @property
    def sender_nated(self) -> bool:
        return (INITIATOR_NATED if self.by_initiator else OTHER_SIDE_NATED) in self.flags

    @property
    def receiver_nated(self) -> bool:
        return (OTHER_SIDE_NATED if self.by_initiator else INITIATOR_NATED) in self.flags


class DialogRoutes:
    """Signs our Record-Routes and knows them again; ``key``: 16 to 64 bytes, the same in all workers.

    ``interfaces`` are our listeners as they stand in Record-Routes, in their order.
    """

    def __init__(self, key: bytes, interfaces: Sequence[Interface] = ()) -> None:
        self._listeners = {
            ("ws" if transport == "wss" else transport, host, port): index
            for index, (transport, host, port) in enumerate(interfaces)
        }
        # BLAKE2 with a key is a MAC by itself (RFC 7693 §2.9).
        self._mac = hashlib.blake2b(key=key, digest_size=10, person=b"dialog-route")

    def sign(self, call_id: str, initiator_tag: str, flags: str = "") -> str:
        """The URI parameters that prove the dialog: ``ftag=…;sig=…``, ``flags`` (letters) between them."""
        tag = initiator_tag if initiator_tag.isalnum() and initiator_tag.isascii() else _escape(initiator_tag)
        kept = f";flags={flags}" if flags else ""
        return f"ftag={tag}{kept};sig={self._signature(call_id, initiator_tag, flags)}"

    def verify(self, route: Uri, request: Message) -> bool:
        """Whether ``route`` was signed for the dialog of ``request``, in whichever direction that goes."""
        given, escaped = route.param("sig"), route.param("ftag")
        if not given or escaped is None:
            return False
        tag = unquote(escaped, errors="surrogateescape") if "%" in escaped else escaped
        if tag not in (request.from_tag or "", request.to_tag or ""):
            return False
        expected = self._signature(request.call_id, tag, route.param("flags") or "")
        return hmac.compare_digest(expected.encode(), given.encode("utf-8", "surrogateescape"))

    def record_route(
        self,
        request: Request,
        came_by: Interface,
        leaves_by: Interface,
        flags: str = "",
        *,
        secure: bool = False,
    ) -> list[str]:
        """The Record-Route values for ``request``, to be put before all others one after the other.

        The last one is for the side where the request goes, the first for the side where it came from;
        they are one when it is the same. ``secure``: it was asked for by a SIPS URI, so they are SIPS URIs
        (§16.6 step 4).
        """
        proof = self.sign(request.call_id, request.from_tag or "", flags)
        if came_by == leaves_by:
            return [_route(came_by, "", proof, secure)]
        return [_route(came_by, ";r2=on", proof, secure), _route(leaves_by, ";r2=on", proof, secure)]

    def repair_strict_route(self, request: Request, is_me: Callable[[Uri], bool]) -> bool:
        """``loose_route.repair_strict_route``."""
        return repair_strict_route(request, is_me)

    def strip_own_routes(self, request: Request, is_me: Callable[[Uri], bool]) -> Proof | None:
        """Takes our Route, or both of a pair, off the request; what one that is signed for its dialog proves,
        None when none is."""
        stripped = strip_own_routes(request, is_me)
        for route in stripped:
            if self.verify(route, request):
                last = stripped[-1]
                side = (transport_of(last), last.address, last.port or 5060)
                tag = unquote(route.param("ftag") or "", errors="surrogateescape")
                by_initiator = tag == (request.from_tag or "")
                return Proof(
                    route.param("flags") or "",
                    by_initiator,
                    self._listeners.get(side, -1),
                    route.param(OTHERS if by_initiator else INITIATORS) or "",
                )
        return None

    def _signature(self, call_id: str, tag: str, flags: str) -> str:
        mac = self._mac.copy()
        # None of them can hold a line end, so no two dialogs make the same text.
        text = f"{call_id}\n{tag}\n{flags}" if flags else f"{call_id}\n{tag}"
        mac.update(text.encode("utf-8", "surrogateescape"))
        return mac.hexdigest()


def transport_of(route: Uri) -> str:
    """The transport of a Route of ours, by its URI; WebSocket with and without TLS are one there."""
    said = route.transport
    if route.scheme == "sips" and said is None:
        return "tls"
    return said or "udp"


def _route(interface: Interface, pair: str, proof: str, secure: bool = False) -> str:
    transport, host, port = interface
    address = f"[{host}]" if ":" in host and host[0] != "[" else host
    if transport == "wss":
        transport = "ws"  # RFC 7118 §5: the parameter has no other value for it
    if secure:
        by = ";transport=ws" if transport == "ws" else ""
        return f"<sips:{address}:{port}{by};lr=on{pair};{proof}>"
    by = "" if transport == "udp" else f";transport={transport}"
    return f"<sip:{address}:{port}{by};lr=on{pair};{proof}>"


def _escape(tag: str) -> str:
    return quote(tag, safe=_PLAIN, encoding="utf-8", errors="surrogateescape")
