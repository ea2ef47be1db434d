"""How a request of our own leaves: the next hop with its flow, and our Via (RFC 3261 §8.1.1.7, §18.1.1)."""

from __future__ import annotations

import secrets

from appliance.operations.box import Box
from appliance.sip.hop import Hop
from appliance.sip.message import Request

OWN_ADDRESS = "!!"  # in a header: host and port of the socket that the request leaves by


def prepare(box: Box, request: Request, hop: Hop) -> Hop:
    """Find the socket for ``hop``, open the flow, and complete ``request`` for it; the hop to send to.

    Waits for a connection where there has to be one; raises OSError when there is none.
    """
    hop = box.connections.local_for(hop)
    box.connections.connect(hop)
    transport, host, port = (box.names or box.listeners)[hop.listener]
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    request.rewrite(lambda line: line.replace(OWN_ADDRESS, address))
    branch = f"z9hG4bK{secrets.token_hex(12)}"
    request.prepend("Via", f"SIP/2.0/{transport.upper()} {address};branch={branch};rport")
    return hop
