"""Flow tokens (RFC 5626 §5.2, §5.3): by which flow a phone is reached within a dialog.

A phone that writes ``;ob`` into its Contact wants all requests of the dialog by the flow that it has opened,
and a phone that was called by one of its flows wants them by that one. So our Record-Route names the flow, in
``fi`` for whoever began the dialog and in ``fo`` for the other side. A token is::

    transport (1 byte)  listener (1)  port (2)  connection (8)  address (4 or 16)  MAC (10)     in base64

The MAC is over the Call-ID too: a token of another dialog is as good as none, and nobody can have us send by
a connection that he names himself. Must not know sockets, nor whether a flow is still there.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as BadBase64
from ipaddress import ip_address
from struct import Struct

from appliance.errors import MalformedMessage
from appliance.sip.headers import NameAddr
from appliance.sip.hop import Hop
from appliance.sip.message import Request

#: What stands before a token in our Record-Route.
INITIATORS, OTHERS = "fi", "fo"
_TRANSPORTS = ("udp", "tcp", "tls", "ws", "wss")
_FIELDS = Struct(">BBHQ")
_MAC = 10
_LONGEST = 64


class FlowTokens:
    """Makes and reads tokens; ``key``: 16 to 64 secret bytes, the same in all workers."""

    def __init__(self, key: bytes) -> None:
        self._mac = hashlib.blake2b(key=key, digest_size=_MAC, person=b"flow-token")

    def make(self, hop: Hop, call_id: str) -> str:
        """The token for a flow, good in the dialogs with this Call-ID."""
        fields = _FIELDS.pack(
            _TRANSPORTS.index(hop.transport), max(hop.listener, 0), hop.port, hop.connection & (1 << 64) - 1
        )
        signed = fields + ip_address(hop.host).packed
        return urlsafe_b64encode(signed + self._signature(signed, call_id)).decode().rstrip("=")

    def read(self, token: str, call_id: str) -> Hop | None:
        """The flow of a token; None when it was not made by us for this Call-ID."""
        if len(token) > _LONGEST or not token.isascii():
            return None
        try:
            raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except (BadBase64, ValueError):
            return None
        signed, given = raw[:-_MAC], raw[-_MAC:]
        if not hmac.compare_digest(self._signature(signed, call_id), given):
            return None
        transport, listener, port, connection = _FIELDS.unpack_from(signed)
        return Hop(
            _TRANSPORTS[transport], str(ip_address(signed[_FIELDS.size :])), port, listener, connection
        )

    def _signature(self, signed: bytes, call_id: str) -> bytes:
        mac = self._mac.copy()
        mac.update(signed + b"\n" + call_id.encode("utf-8", "surrogateescape"))
        return mac.digest()


def wants_its_flow(request: Request) -> bool:
    """Whether the sender, a phone with no proxy between, asks to be reached by the flow of this request."""
    line = request.firsts.get("contact")
    if line is None or ";ob" not in line:
        return False
    try:
        value = request.first("contact")
        return (
            value is not None and NameAddr.parse(value).uri.has_param("ob") and len(request.items("via")) == 1
        )
    except MalformedMessage:
        return False
