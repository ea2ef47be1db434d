"""The requests that a test phone makes (RFC 3261 §8.1), before anything is sent."""

from __future__ import annotations

import itertools
import secrets
import ssl
from collections.abc import Sequence

from tests.harness.digest import challenge_of, credentials
from tests.harness.message import Message
from tests.harness.networks import Place
from tests.harness.ports import LOOPBACK
from tests.harness.wire import Wire


class UserAgentClient(Wire):
    """A user with a password at one address, who asks.

    ``transport`` is udp, tcp, tls, ws or wss; over all but UDP it keeps one connection to the proxy and is
    called over it.
    """

    def __init__(
        self,
        user: str,
        password: str = "",
        *,
        proxy: tuple[str, int],
        domain: str = LOOPBACK,
        transport: str = "udp",
        address: str = LOOPBACK,
        port: int | None = None,
        place: Place | None = None,
        tls: ssl.SSLContext | None = None,
        server_name: str = LOOPBACK,
    ) -> None:
        super().__init__(
            user,
            proxy=proxy,
            transport=transport,
            address=address,
            port=port,
            place=place,
            tls=tls,
            server_name=server_name,
        )
        #: What a browser writes, which does not know its address (RFC 7118 §5).
        self._host = f"{secrets.token_hex(6)}.invalid" if transport in ("ws", "wss") else ""
        self.user, self.password, self.domain = user, password, domain
        self._numbers = itertools.count(1)
        self._nonce_counts: dict[str, int] = {}

    @property
    def aor(self) -> str:
        return f"sip:{self.user}@{self.domain}"

    @property
    def contact(self) -> str:
        if self._host:
            return f"sip:{self.user}@{self._host};transport=ws"
        host = f"[{self.address}]" if ":" in self.address else self.address
        suffix = "" if self.transport == "udp" else f";transport={self.transport}"
        return f"sip:{self.user}@{host}:{self.port}{suffix}"

    def via(self, branch: str | None = None) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        branch = branch or f"z9hG4bK{secrets.token_hex(8)}"
        sent_by = self._host or f"{host}:{self.port}"
        return f"SIP/2.0/{self.transport.upper()} {sent_by};rport;branch={branch}"

    def request(
        self,
        method: str,
        uri: str,
        *,
        from_: str | None = None,
        to: str | None = None,
        call_id: str | None = None,
        number: int | None = None,
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
        contact: str | None = "",
    ) -> Message:
        """A request out of any dialog; ``contact`` None leaves the Contact out, '' is the phone's own."""
        lines = [
            ("Via", self.via()),
            ("Max-Forwards", "70"),
            ("From", from_ or f"<{self.aor}>;tag={secrets.token_hex(6)}"),
            ("To", to or f"<{uri}>"),
            ("Call-ID", call_id or f"{secrets.token_hex(10)}@{self.address}"),
            ("CSeq", f"{number or next(self._numbers)} {method}"),
        ]
        if contact is not None:
            lines.append(("Contact", contact or f"<{self.contact}>"))
        lines.extend(headers)
        if body and not any(name.lower() == "content-type" for name, _ in headers):
            lines.append(("Content-Type", "application/sdp" if body.startswith(b"v=0") else "text/plain"))
        lines.append(("Content-Length", str(len(body))))
        return Message(f"{method} {uri} SIP/2.0", tuple(lines), body)

    def again(self, request: Message) -> Message:
        """The same request as a new transaction: next CSeq, new branch."""
        number = request.cseq[0] + 1
        self._numbers = itertools.count(max(next(self._numbers), number + 1))
        return request.with_header("Via", self.via()).with_header("CSeq", f"{number} {request.method}")

    def authorized(
        self,
        request: Message,
        challenged: Message,
        *,
        username: str | None = None,
        password: str | None = None,
        uri: str | None = None,
    ) -> Message:
        """The request again, with the credentials that the 401 or 407 ``challenged`` asks for."""
        asked, answer = (
            ("WWW-Authenticate", "Authorization")
            if challenged.status == 401
            else ("Proxy-Authenticate", "Proxy-Authorization")
        )
        challenge = challenged.get(asked)
        nonce = challenge_of(challenge)["nonce"]
        count = self._nonce_counts[nonce] = self._nonce_counts.get(nonce, 0) + 1
        value = credentials(
            challenge,
            method=request.method,
            uri=uri or request.uri,
            username=username or self.user,
            password=self.password if password is None else password,
            nonce_count=count,
        )
        return self.again(request).with_header(answer, value)

    def ack(self, request: Message, response: Message) -> Message:
        """The ACK for a final response other than 2xx: same branch, same Request-URI (RFC 3261 §17.1.1.3)."""
        lines = [
            ("Via", request.all("Via")[0]),
            ("Max-Forwards", "70"),
            *((("Route", route)) for route in request.all("Route")),
            ("From", request.get("From")),
            ("To", response.get("To")),
            ("Call-ID", request.call_id),
            ("CSeq", f"{request.cseq[0]} ACK"),
            ("Content-Length", "0"),
        ]
        return Message(f"ACK {request.uri} SIP/2.0", tuple(lines))

    def cancel(self, request: Message) -> Message:
        """The CANCEL of an INVITE (RFC 3261 §9.1)."""
        lines = [
            ("Via", request.all("Via")[0]),
            ("Max-Forwards", "70"),
            *((("Route", route)) for route in request.all("Route")),
            ("From", request.get("From")),
            ("To", request.get("To")),
            ("Call-ID", request.call_id),
            ("CSeq", f"{request.cseq[0]} CANCEL"),
            ("Content-Length", "0"),
        ]
        return Message(f"CANCEL {request.uri} SIP/2.0", tuple(lines))
