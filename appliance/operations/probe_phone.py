"""A small phone of our own, which tries from outside whether the server works (RFC 3261 §8, §12).

It speaks over one socket, sends again what gets no answer, and answers digest challenges (RFC 7616 §3.4). It
knows the server's address and nothing else of it: no rows, no settings.
"""

from __future__ import annotations

import secrets
import select
import socket
import time
from collections.abc import Callable, Sequence

from appliance.auth.digest import HASHES, ha1
from appliance.config import Listener
from appliance.errors import SipboxError
from appliance.sip.auth_params import parse_auth_params
from appliance.sip.framing import StreamFramer
from appliance.sip.grammar import quote
from appliance.sip.headers import NameAddr
from appliance.sip.message import Request, Response
from appliance.sip.parser import parse

T1 = 0.5  # RFC 3261 §17.1.1.1

Message = Request | Response
Header = tuple[str, str]


class ProbeFailed(SipboxError):
    """What did not happen, or what happened in its place."""


class ProbePhone:
    """A user at a socket of his own. ``patience`` is how many seconds anything may take."""

    def __init__(
        self, user: str, password: str, domain: str, server: Listener, *, patience: float = 10.0
    ) -> None:
        self.user, self.password, self.domain, self.server = user, password, domain, server
        self.patience = patience
        self._unread: list[Message] = []
        self._framer = StreamFramer()
        self._number = 0
        self._socket = self._open()
        self.host, self.port = self._socket.getsockname()[:2]

    @property
    def address(self) -> str:
        """HOST:PORT of the phone, as it stands in a URI."""
        return str(Listener(self.server.transport, self.host, self.port)).partition(":")[2]

    @property
    def contact(self) -> str:
        """Where it is called."""
        suffix = "" if self.server.transport == "udp" else f";transport={self.server.transport}"
        return f"<sip:{self.user}@{self.address}{suffix}>"

    def close(self) -> None:
        """Its socket is gone."""
        self._socket.close()

    # ---------------------------------------------------------------------------------------- what it can do

    def register(self, expires: int) -> Response:
        """REGISTER for ``expires`` seconds; the answer after the challenge. Raises ProbeFailed."""
        uri = f"sip:{self.domain}"
        headers = [("Contact", self.contact), ("Expires", str(expires))]
        return self.ask(self.request("REGISTER", uri, to=f"<sip:{self.user}@{self.domain}>", headers=headers))

    def ask(self, request: Request) -> Response:
        """Its final response; a challenge is answered once."""
        response = self.final(request)
        if response.status in (401, 407):
            request = self.authorized(request, response)
            response = self.final(request)
        return response

    def request(
        self,
        method: str,
        uri: str,
        *,
        to: str | None = None,
        from_: str | None = None,
        call_id: str | None = None,
        headers: Sequence[Header] = (),
        body: bytes = b"",
    ) -> Request:
        """A new request, not sent yet."""
        self._number += 1
        lines = [
            ("Via", self._via()),
            ("Max-Forwards", "70"),
            ("From", from_ or f"<sip:{self.user}@{self.domain}>;tag={secrets.token_hex(6)}"),
            ("To", to or f"<{uri}>"),
            ("Call-ID", call_id or f"{secrets.token_hex(10)}@{self.host}"),
            ("CSeq", f"{self._number} {method}"),
            *headers,
        ]
        if body:
            lines.append(("Content-Type", "application/sdp"))
        return Request.create(method, uri, lines, body)

    def authorized(self, request: Request, challenged: Response) -> Request:
        """The request once more, with what the challenge asks for."""
        asked, answer = (
            ("www-authenticate", "Authorization")
            if challenged.status == 401
            else ("proxy-authenticate", "Proxy-Authorization")
        )
        value = challenged.first(asked)
        if value is None:
            raise ProbeFailed(f"a {challenged.status} without a challenge")
        again = request.copy()
        self._number = request.cseq.number + 1
        again.replace("via", self._via())
        again.replace("cseq", f"{self._number} {request.method}")
        again.add(answer, self._credentials(value, request))
        return again

    def ack(self, request: Request, response: Response) -> None:
        """What ends a refused INVITE (RFC 3261 §17.1.1.3)."""
        self.send(
            Request.create(
                "ACK",
                request.uri_text,
                [
                    ("Via", str(request.via)),
                    ("Max-Forwards", "70"),
                    ("From", str(request.from_)),
                    ("To", str(response.to)),
                    ("Call-ID", request.call_id),
                    ("CSeq", f"{request.cseq.number} ACK"),
                ],
            ).encode()
        )

    def in_dialog(self, invite: Request, answered: Response, method: str) -> Request:
        """An ACK or a BYE of the caller, by the route that the call took (RFC 3261 §12.2.1.1)."""
        target = NameAddr.parse(answered.first("contact") or "").uri_text
        routes = [("Route", item) for item in reversed(answered.items("record-route"))]
        if method == "ACK":
            self._number = invite.cseq.number - 1
        return self.request(
            method,
            target,
            from_=str(answered.from_),
            to=str(answered.to),
            call_id=invite.call_id,
            headers=routes,
        )

    # ----------------------------------------------------------------------------- what goes over the wire

    def send(self, data: bytes) -> None:
        """Send bytes to the server. Raises ProbeFailed."""
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise ProbeFailed(f"{self.server} cannot be reached: {error.strerror or error}") from None

    def final(self, request: Request) -> Response:
        """Send it, and wait for its final response."""
        data = request.encode()
        self.send(data)

        def fits(message: Message) -> bool:
            return isinstance(message, Response) and message.status >= 200 and _same(message, request)

        found = self.wait(f"answer to {request.method}", fits, lambda: self.send(data))
        assert isinstance(found, Response)  # noqa: S101 - what fits() says
        return found

    def incoming(self, method: str, again: Callable[[], None]) -> Request:
        """The request of that method which reaches the phone; ``again`` sends it once more."""

        def fits(message: Message) -> bool:
            return isinstance(message, Request) and message.method == method

        found = self.wait(method, fits, again)
        assert isinstance(found, Request)  # noqa: S101 - what fits() says
        return found

    def wait(self, what: str, fits: Callable[[Message], bool], again: Callable[[], None]) -> Message:
        """The first message that fits; meanwhile ``again`` is called as timer E says. Raises ProbeFailed."""
        now = time.monotonic()
        end, pause = now + self.patience, T1
        due = now + pause
        while True:
            for index, message in enumerate(self._unread):
                if fits(message):
                    return self._unread.pop(index)
            now = time.monotonic()
            if now >= end:
                raise ProbeFailed(f"no {what} within {self.patience:g} s at {self.server}")
            if now >= due:
                again()
                pause = min(2 * pause, 4.0)
                due = now + pause
            self._read(min(due, end) - now)

    # ------------------------------------------------------------------------------------------------- within

    def _open(self) -> socket.socket:
        family = socket.AF_INET6 if ":" in self.server.host else socket.AF_INET
        kind = socket.SOCK_DGRAM if self.server.transport == "udp" else socket.SOCK_STREAM
        opened = socket.socket(family, kind)
        try:
            opened.settimeout(self.patience)
            opened.connect((self.server.host, self.server.port))
        except OSError as error:
            opened.close()
            raise ProbeFailed(f"{self.server} cannot be reached: {error.strerror or error}") from None
        return opened

    def _read(self, seconds: float) -> None:
        ready, _, _ = select.select([self._socket], [], [], max(0.0, seconds))
        if not ready:
            return
        try:
            data = self._socket.recv(65_535)
        except OSError as error:
            raise ProbeFailed(f"nobody answers at {self.server}: {error.strerror or error}") from None
        if self.server.transport == "udp":
            self._unread.append(parse(data))
            return
        if not data:
            raise ProbeFailed(f"{self.server} closed the connection")
        self._framer.feed(data)
        while (message := self._framer.next_message()) is not None:
            self._unread.append(parse(message))

    def _via(self) -> str:
        branch = f"z9hG4bK{secrets.token_hex(8)}"
        return f"SIP/2.0/{self.server.transport.upper()} {self.address};rport;branch={branch}"

    def _credentials(self, challenge: str, request: Request) -> str:
        _, asked = parse_auth_params(challenge)
        algorithm = asked.get("algorithm", "MD5").upper()
        if algorithm not in HASHES or "realm" not in asked or "nonce" not in asked:
            raise ProbeFailed(f"a challenge that cannot be answered: {challenge}")
        digest, nonce = HASHES[algorithm], asked["nonce"]
        secret = ha1(self.user, asked["realm"], self.password, algorithm)
        a2 = digest(f"{request.method}:{request.uri_text}")
        if "auth" in [word.strip() for word in asked.get("qop", "").split(",")]:
            cnonce = secrets.token_hex(8)
            rest = f', qop=auth, nc=00000001, cnonce="{cnonce}"'
            response = digest(f"{secret}:{nonce}:00000001:{cnonce}:auth:{a2}")
        else:
            rest, response = "", digest(f"{secret}:{nonce}:{a2}")
        return (
            f"Digest username={quote(self.user)}, realm={quote(asked['realm'])}, nonce={quote(nonce)}, "
            f'uri={quote(request.uri_text)}, response="{response}", algorithm={algorithm}{rest}'
        )


def _same(response: Response, request: Request) -> bool:
    return response.cseq == request.cseq and response.call_id == request.call_id
