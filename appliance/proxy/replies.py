"""The two sets of replies: what today's practice asks, and what the OpenSER 1.2 of 2007 answered.

They differ where the old one told strangers too much, or left the RFC. Settings choose one:
``profile = "rfc3261"`` (the default) or ``profile = "openser12"``, in which the document of 2007 can be
replayed line by line.
"""

from __future__ import annotations

from typing import NamedTuple


class Answer(NamedTuple):
    """A status code and its reason phrase (RFC 3261 §7.2)."""

    status: int
    reason: str


class Replies(NamedTuple):
    """The replies of one profile, named by the step that gives them."""

    trying: Answer
    trying_to_register: Answer | None
    to_mismatch: Answer
    from_mismatch: Answer
    not_registered: Answer
    unknown_domain: Answer = Answer(404, "Unknown Domain")
    no_address: Answer = Answer(400, "To Is No SIP Address")
    register_elsewhere: Answer = Answer(403, "Register Forwarding Forbidden")
    relaying: Answer = Answer(403, "Relaying Forbidden")
    walled_garden: Answer = Answer(403, "Foreign Callers Forbidden")
    no_route: Answer = Answer(404, "No route matched")
    unknown_method: Answer = Answer(405, "Method Not Allowed")
    preloaded_route: Answer = Answer(403, "Preloaded Route Forbidden")
    no_privacy: Answer = Answer(500, "Privacy Not Available")
    no_gruu: Answer = Answer(404, "Not Found")
    forged_flow: Answer = Answer(403, "Forged Flow Token")
    pstn_not_permitted: Answer = Answer(403, "PSTN Not Permitted")
    no_gateway: Answer = Answer(404, "No Gateway For This Number")
    speed_dial: Answer = Answer(302, "Speed Dial Redirect")
    redirect_busy: Answer = Answer(302, "Redirect On Busy")
    redirect_no_answer: Answer = Answer(302, "Redirect On No Answer")
    blocked_caller: Answer = Answer(603, "Decline")
    bad_event: Answer = Answer(489, "Bad Event")
    brief_session: Answer = Answer(422, "Session Interval Too Small")
    anonymity: Answer = Answer(433, "Anonymity Disallowed")
    too_many_hops: Answer = Answer(483, "Too Many Hops")
    bad_extension: Answer = Answer(420, "Bad Extension")
    loop: Answer = Answer(482, "Loop Detected")
    breadth: Answer = Answer(440, "Max-Breadth Exceeded")
    cancelled: Answer = Answer(487, "Request Terminated")
    no_transaction: Answer = Answer(481, "Call/Transaction Does Not Exist")
    overloaded: Answer = Answer(503, "Service Unavailable")
    # A stranger's call to somebody here is let in; with False only our own users call.
    strangers_may_call: bool = True


RFC3261 = Replies(
    trying=Answer(100, "Trying"),
    # A 100 to a REGISTER serves nobody: it stops no retransmission early and keeps state (RFC 4320 §4.1).
    trying_to_register=None,
    to_mismatch=Answer(403, "Authentication and To-Header Mismatch"),
    from_mismatch=Answer(403, "Forbidden, Use From=ID"),
    # The same for a user who is unknown and for one who is away, so that nobody can list our users.
    not_registered=Answer(480, "Temporarily Unavailable"),
)

OPENSER12 = Replies(
    trying=Answer(100, "Giving a try"),
    trying_to_register=Answer(100, "Trying to Register"),
    to_mismatch=Answer(401, "Unauthorized"),
    from_mismatch=Answer(403, "Forbidden"),
    not_registered=Answer(404, "User Not Found"),
    bad_event=Answer(404, "User Not Found"),
    strangers_may_call=False,
)

PROFILES = {"rfc3261": RFC3261, "openser12": OPENSER12}
