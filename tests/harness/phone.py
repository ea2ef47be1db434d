"""A SIP phone of bare sockets, for tests that look at each message.

``wire`` below it keeps all that was sent and received; ``message`` and ``digest`` are its own SIP, and
``user_agent_client`` makes its requests.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.harness.message import Message, address_of, parameter
from tests.harness.user_agent_client import UserAgentClient

SDP = (
    b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    b"m=audio 6000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
)


@dataclass
class Dialog:
    """What both sides of a call keep (RFC 3261 §12), seen from the phone that holds it."""

    call_id: str
    local: str
    remote: str
    target: str
    routes: list[str] = field(default_factory=list)
    number: int = 0


class Phone(UserAgentClient):
    """One phone at one address: ``Phone('10', 'secret', proxy=('127.0.0.1', 5060))``.

    ``transport`` is 'udp' or 'tcp'; over TCP it keeps one connection to the proxy and is called over it.
    """

    def ask(self, request: Message, *, authenticate: bool = True, timeout: float = 3.0) -> Message:
        """Send a request, through a challenge where one comes, and wait for its final response.

        A refused INVITE is acknowledged."""
        self.send(request)
        response = self.final(request, timeout)
        self._ack_refusal(request, response)
        if response.status in (401, 407) and authenticate:
            request = self.authorized(request, response)
            self.send(request)
            response = self.final(request, timeout)
            self._ack_refusal(request, response)
        return response

    def _ack_refusal(self, request: Message, response: Message) -> None:
        if request.method == "INVITE" and response.status >= 300:
            self.send(self.ack(request, response))

    def register(
        self,
        *,
        expires: int | None = 3600,
        contact: str | None = None,
        headers: Sequence[tuple[str, str]] = (),
        call_id: str | None = None,
        timeout: float = 3.0,
    ) -> Message:
        """REGISTER with the digest answered; the final response, whatever it is."""
        lines = list(headers)
        if expires is not None:
            lines.append(("Expires", str(expires)))
        request = self.request(
            "REGISTER",
            f"sip:{self.domain}",
            to=f"<{self.aor}>",
            contact=contact or f"<{self.contact}>",
            headers=lines,
            call_id=call_id,
        )
        return self.ask(request, timeout=timeout)

    def invite(self, user: str, *, headers: Sequence[tuple[str, str]] = (), body: bytes = SDP) -> Message:
        """The authenticated INVITE, sent after its challenge; its responses are still to come.

        ``user`` is one of the phone's own domain, or a whole URI."""
        uri = user if user.startswith("sip:") else f"sip:{user}@{self.domain}"
        request = self.request("INVITE", uri, headers=headers, body=body)
        self.send(request)
        challenged = self.final(request)
        assert challenged.status == 407, challenged
        self.send(self.ack(request, challenged))
        request = self.authorized(request, challenged)
        self.send(request)
        return request

    def reply(
        self,
        request: Message,
        status: int,
        reason: str = "OK",
        *,
        tag: str | None = None,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> Message:
        """Answer a request as RFC 3261 §8.2.6 says; the response as it was sent."""
        to = request.get("To")
        if parameter(to, "tag") is None and status > 100:
            to += f";tag={tag or self._tag_for(request)}"
        lines = [("Via", via) for via in request.all("Via")]
        lines += [("Record-Route", route) for route in request.all("Record-Route")]
        lines += [("From", request.get("From")), ("To", to)]
        lines += [("Call-ID", request.call_id), ("CSeq", request.get("CSeq"))]
        if request.method == "INVITE" and 100 < status < 300:
            lines.append(("Contact", f"<{self.contact}>"))
        lines.extend(headers)
        if body:
            lines.append(("Content-Type", "application/sdp"))
        lines.append(("Content-Length", str(len(body))))
        response = Message(f"SIP/2.0 {status} {reason}", tuple(lines), body)
        self.send(response)
        return response

    def _tag_for(self, request: Message) -> str:
        """One tag for all responses to one INVITE."""
        text = f"{self.port}{request.call_id}{request.cseq}"
        return hashlib.md5(text.encode("utf-8", "surrogateescape")).hexdigest()[:10]

    def dialog_as_caller(self, request: Message, response: Message) -> Dialog:
        """The dialog that a 2xx to our INVITE makes (RFC 3261 §12.1.2)."""
        routes = response.all("Record-Route")[::-1]
        target = address_of(response.get("Contact"))
        return Dialog(
            request.call_id, response.get("From"), response.get("To"), target, routes, request.cseq[0]
        )

    def dialog_as_callee(self, request: Message, response: Message) -> Dialog:
        """The dialog that our 2xx to an INVITE makes (RFC 3261 §12.1.1)."""
        target = address_of(request.get("Contact"))
        return Dialog(
            request.call_id, response.get("To"), response.get("From"), target, request.all("Record-Route")
        )

    def within(
        self, dialog: Dialog, method: str, *, headers: Sequence[tuple[str, str]] = (), body: bytes = b""
    ) -> Message:
        """A request in a dialog; an ACK keeps the INVITE's number."""
        if method != "ACK":
            dialog.number += 1
        return self.request(
            method,
            dialog.target,
            from_=dialog.local,
            to=dialog.remote,
            call_id=dialog.call_id,
            number=dialog.number,
            headers=[*(("Route", route) for route in dialog.routes), *headers],
            body=body,
            contact="" if method == "INVITE" else None,
        )


def talk(caller: Phone, callee: Phone) -> tuple[Dialog, Dialog]:
    """A whole call set up: both dialogs, the caller's first."""
    request = caller.invite(callee.user)
    incoming = callee.expect("INVITE")
    callee.reply(incoming, 180, "Ringing")
    caller.expect(180)
    answer = callee.reply(incoming, 200, "OK", body=SDP)
    answered = caller.final(request)
    assert answered.status == 200, answered
    dialog = caller.dialog_as_caller(request, answered)
    caller.send(caller.within(dialog, "ACK"))
    callee.expect("ACK")
    return dialog, callee.dialog_as_callee(incoming, answer)


def hang_up(leaver: Phone, stayer: Phone, dialog: Dialog) -> None:
    """The call ends from the side whose dialog is given."""
    request = leaver.within(dialog, "BYE")
    leaver.send(request)
    stayer.reply(stayer.expect("BYE"), 200, "OK")
    assert leaver.final(request).status == 200
