"""A call whose sound is relayed: its two sides, and an rtpengine that is played."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from appliance.errors import MediaUnavailable
from appliance.media.session import Session
from appliance.sip.hop import Hop
from tests.harness.message import Message
from tests.unit.proxy.stage import Sent, Stage, response_to

CALLER = Hop("udp", "192.0.2.10", 5060)
CALLEE = Hop("udp", "192.0.2.11", 5060)
OTHER = Hop("udp", "192.0.2.12", 5060)


def sdp(address: str, port: int = 4000) -> bytes:
    return (
        f"v=0\r\no=- 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP 8\r\n"
    ).encode()


class Nodes:
    """rtpengine, played: each description becomes one that names the question, with its loop mark."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Session]] = []
        self.deleted: list[tuple[str, str, str | None]] = []
        self.away = False
        self.waiting: Callable[[], None] = lambda: None

    def offer(self, session: Session) -> bytes:
        return self._rewrite("offer", session)

    def answer(self, session: Session) -> bytes:
        return self._rewrite("answer", session)

    def delete(self, call_id: str, from_tag: str, to_tag: str | None) -> None:
        self.deleted.append((call_id, from_tag, to_tag))

    def _rewrite(self, command: str, session: Session) -> bytes:
        self.asked.append((command, session))
        self.waiting()
        if self.away:
            raise MediaUnavailable("no node answers")
        return f"a=rtpengine:x\r\nrelayed {command} {len(self.asked)}\r\n".encode()

    def take(self) -> list[tuple[str, str, str | None]]:
        """What was asked since the last time: command, offerer, answerer."""
        asked, self.asked = self.asked, []
        return [(command, session.offerer, session.answerer) for command, session in asked]


class Scene:
    """A call from 10 to 11, whose phones are at ``contacts``."""

    def __init__(
        self, mode: str = "always", *, contacts: tuple[str, ...] = ("sip:11@192.0.2.11",), **more: object
    ) -> None:
        bound = more.pop("bound", {})
        sip = more.pop("sip", {})
        self.nodes = Nodes()
        self.stage = Stage(
            media_nodes=None if mode == "never" else self.nodes,
            media={"mode": mode, **more},
            sip=sip,  # type: ignore[arg-type]
        )
        self.stage.add_user("10")
        self.stage.bind("11", *contacts, **bound)  # type: ignore[arg-type]

    def invite(
        self, body: bytes = sdp("192.0.2.10"), hop: Hop = CALLER, *lines: tuple[str, str], **options: object
    ) -> list[Sent]:
        """What left because of an INVITE that was let in."""
        kind = (("Content-Type", "application/sdp"),) if body else ()
        request = self.stage.request("INVITE", body=body, headers=(*kind, *lines), **options)  # type: ignore[arg-type]
        self.request, sent = self.stage.let_in(request, hop)
        self.copies = [
            each.message for each in sent if each.message.method == "INVITE" and each.message.is_request
        ]
        return sent

    def answer(
        self, status: int, body: bytes = b"", phone: int = 0, hop: Hop = CALLEE, *lines: tuple[str, str]
    ) -> Message:
        """The response that the caller gets for this one of a phone."""
        copy = self.copies[phone]
        answer = response_to(
            copy, status, tag=f"tag{phone}", headers=(("Contact", f"<sip:11@{hop.host}>"), *lines)
        )
        (sent,) = [
            each
            for each in self.stage.receive(described(answer, body), hop)
            if each.message.status and each.message.method == "INVITE"
        ]
        self.last = sent.message
        return sent.message

    def in_dialog(
        self, method: str, body: bytes = b"", *, cseq: int = 2, backwards: bool = False
    ) -> Message | None:
        """A request in the dialog that ``last`` made, as it leaves; None when it does not."""
        routes = self.last.all("Record-Route")
        uri, hop, source = f"sip:11@{CALLEE.host}", CALLER, CALLER.host
        names = ("From", "To")
        if backwards:
            names, uri, hop, source = ("To", "From"), f"sip:10@{CALLER.host}", CALLEE, CALLEE.host
        request = self.stage.request(method, uri, source=source, cseq=cseq, call_id=self.request.call_id)
        request = request.with_header("From", self.last.get(names[0])).with_header(
            "To", self.last.get(names[1])
        )
        headers = (*request.headers, *(("Route", each) for each in routes))
        self.sent = self.stage.receive(described(replace(request, headers=headers), body), hop)
        left = [each.message for each in self.sent if each.message.is_request]
        return left[0] if left else None


def described(message: Message, body: bytes) -> Message:
    """The message with a description in it."""
    if not body:
        return message
    kept = tuple(each for each in message.headers if each[0] != "Content-Length")
    described = (("Content-Type", "application/sdp"), ("Content-Length", str(len(body))))
    return replace(message, headers=(*kept, *described), body=body)


def relayed(message: Message | None) -> bool:
    assert message is not None
    assert int(message.get("Content-Length")) == len(message.body)
    return b"relayed" in message.body
