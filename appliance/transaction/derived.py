"""The two requests that are made from an INVITE that we sent: ACK (RFC 3261 §17.1.1.3) and CANCEL (§9.1).

Both go to the same next hop under the same branch, so they repeat the INVITE's top Via, Route and
identity. The ACK for a 2xx is not here: it is a transaction of its own, and the caller makes it.
"""

from __future__ import annotations

from collections.abc import Sequence

from appliance.sip.message import Request, Response


def ack_of(invite: Request, response: Response) -> Request:
    """The ACK for ``response``, a refusal of ``invite``: To is the response's, all else is the INVITE's."""
    return _derive("ACK", invite, response.first("to"), ())


def cancel_of(invite: Request, headers: Sequence[tuple[str, str]] = ()) -> Request:
    """The CANCEL of ``invite``; ``headers``: further names and values, such as a Reason (RFC 3326)."""
    return _derive("CANCEL", invite, invite.first("to"), headers)


def _derive(method: str, invite: Request, to: str | None, headers: Sequence[tuple[str, str]]) -> Request:
    return Request.create(
        method,
        invite.uri_text,
        [
            ("Via", invite.items("via")[0]),
            *(("Route", value) for value in invite.all("route")),
            ("Max-Forwards", "70"),
            ("From", invite.first("from") or ""),
            ("To", to or ""),
            ("Call-ID", invite.call_id),
            ("CSeq", f"{invite.cseq.number} {method}"),
            *headers,
        ],
    )
