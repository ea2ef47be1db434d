"""Whether the server does what it is there for: two phones register, one calls the other, they hang up.

``register`` and ``call`` are tried as any phone would, over the server's own sockets. Whose the phones are is
not known here.
"""

from __future__ import annotations

from appliance.operations.probe_phone import ProbeFailed, ProbePhone
from appliance.sip.message import Request, Response
from appliance.sip.reply import reply

SDP = (
    "v=0\r\no=- 1 1 IN {family} {host}\r\ns=-\r\nc=IN {family} {host}\r\nt=0 0\r\n"
    "m=audio 9 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\na=inactive\r\n"
)
EXPIRES = 60


def refuse_stranger(phone: ProbePhone) -> None:
    """A wrong password is refused: a server that lets everybody in is no success. Raises ProbeFailed."""
    right, phone.password = phone.password, f"not {phone.password}"
    try:
        answer = phone.register(EXPIRES)
    finally:
        phone.password = right
    if answer.status not in (401, 403):
        raise ProbeFailed(f"a REGISTER with a wrong password is answered by {_told(answer)}")


def register(phone: ProbePhone) -> None:
    """The digest is asked for and accepted, and the answer has our Contact. Raises ProbeFailed."""
    answer = phone.register(EXPIRES)
    if answer.status != 200:
        raise ProbeFailed(f"REGISTER is answered by {_told(answer)}")
    if not any(phone.address in contact for contact in answer.items("contact")):
        raise ProbeFailed("the 200 to REGISTER does not have the Contact that was registered")


def call(caller: ProbePhone, callee: ProbePhone) -> None:
    """INVITE, 180, 200, ACK, BYE, from one phone through the server to the other. Raises ProbeFailed."""
    invite = _challenged_invite(caller, callee)
    data = invite.encode()
    caller.send(data)
    incoming = callee.incoming("INVITE", lambda: caller.send(data))
    callee.send(_answer(callee, incoming, 180))
    accepted = _answer(callee, incoming, 200)
    callee.send(accepted)

    def final(message: Request | Response) -> bool:
        return isinstance(message, Response) and message.status >= 200 and message.cseq == invite.cseq

    answered = caller.wait("answer to INVITE", final, lambda: callee.send(accepted))
    assert isinstance(answered, Response)  # noqa: S101 - what final() says
    if answered.status != 200:
        caller.ack(invite, answered)
        raise ProbeFailed(f"INVITE is answered by {_told(answered)}")
    ack = caller.in_dialog(invite, answered, "ACK").encode()
    caller.send(ack)
    callee.incoming("ACK", lambda: caller.send(ack))
    _hang_up(caller, callee, invite, answered)


def _challenged_invite(caller: ProbePhone, callee: ProbePhone) -> Request:
    family = "IP6" if ":" in caller.host else "IP4"
    invite = caller.request(
        "INVITE",
        f"sip:{callee.user}@{callee.domain}",
        headers=[("Contact", caller.contact)],
        body=SDP.format(family=family, host=caller.host).encode(),
    )
    challenged = caller.final(invite)
    caller.ack(invite, challenged)
    if challenged.status != 407:
        raise ProbeFailed(f"an INVITE without credentials is answered by {_told(challenged)}")
    return caller.authorized(invite, challenged)


def _answer(callee: ProbePhone, incoming: Request, status: int) -> bytes:
    accepts = status == 200
    return reply(
        incoming,
        status,
        to_tag=incoming.call_id[:8],
        headers=[f"Contact: {callee.contact}"],
        body=incoming.body if accepts else b"",
        content_type="application/sdp" if accepts else None,
    )


def _hang_up(caller: ProbePhone, callee: ProbePhone, invite: Request, answered: Response) -> None:
    caller_bye = caller.in_dialog(invite, answered, "BYE")
    data = caller_bye.encode()
    caller.send(data)
    heard = reply(callee.incoming("BYE", lambda: caller.send(data)), 200)
    callee.send(heard)

    def final(message: Request | Response) -> bool:
        return isinstance(message, Response) and message.status >= 200 and message.cseq == caller_bye.cseq

    ended = caller.wait("answer to BYE", final, lambda: callee.send(heard))
    if not isinstance(ended, Response) or ended.status != 200:
        raise ProbeFailed("BYE is not answered by 200")


def _told(response: Response) -> str:
    return f"{response.status} {response.reason}"
