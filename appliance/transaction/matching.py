"""Which transaction a message belongs to (RFC 3261 §9.2, §17.1.3, §17.2.3).

A key is a tuple that is equal for all messages of one transaction. A branch that begins with the magic cookie
identifies it alone; without the cookie, as clients of RFC 2543 are, much of the message has to be the same.
"""

from __future__ import annotations

from appliance.sip.message import Request, Response

MAGIC_COOKIE = "z9hG4bK"
_COOKIE_LENGTH = len(MAGIC_COOKIE)

Key = tuple[object, ...]


def server_key(request: Request, method: str) -> Key:
    """The key of the server transaction that ``request`` belongs to, seen as a request of ``method``.

    An ACK for a refusal belongs to its INVITE, so it is looked up as one (§17.2.3); so is the INVITE that a
    CANCEL means (§9.2). Raises MalformedMessage when there is no Via that can be read.
    """
    via = request.via
    branch = via.branch
    # The cookie and nothing behind it identifies nothing: RFC 4475 §3.2.1.
    if branch is not None and len(branch) > _COOKIE_LENGTH and branch.startswith(MAGIC_COOKIE):
        return (branch, via.host, via.port, method)
    return old_server_key(request, method, request.to_tag)


def old_server_key(request: Request, method: str, to_tag: str | None) -> Key:
    """The key of a request from an RFC 2543 client.

    The Via is compared by its branch and sent-by: what we add to it ourselves (received, rport) says
    where the request came from and not which one it is. The To tag is an argument because the ACK for a
    refusal of a first INVITE has one that the INVITE had not.
    """
    via, cseq = request.via, request.cseq
    tags = (request.from_tag, to_tag)
    return (via.branch, via.host, via.port, method, request.uri_text, request.call_id, cseq.number, tags)


def is_old_key(key: Key) -> bool:
    """Whether ``key`` is one of an RFC 2543 client."""
    return len(key) > 4


def client_key(message: Request | Response) -> Key:
    """The key of a client transaction: top Via branch and CSeq method (§17.1.3)."""
    return (message.via.branch, message.cseq.method)
