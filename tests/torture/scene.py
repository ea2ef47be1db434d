"""Where torture messages are played: a running server, a peer that it trusts, a phone, and a stranger.

They stand in network namespaces with addresses of the documentation ranges, out of which nothing leads. The
peer sends what he is given, as it stands, and hears at every port that one of the messages names in its Via.
The phone is busy when it is called and content with everything else. Nothing here reads a message any further
than it must: many are none. Must not know what the right answers are.
"""

from __future__ import annotations

import contextlib
import re
import secrets
import select
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Self

from tests.harness.digest import credentials
from tests.harness.networks import Networks, Place
from tests.harness.sipbox import Sipbox

FOLDER = Path(__file__).parent
#: Everything that the messages call a domain, or a host of one, that we could be.
DOMAINS = (
    *("example.com", "example.net", "example.org", "company.com", "chair-dnrc.example.com"),
    *("services.example.com", "registrar.example.com", "host.example.net", "[2001:db8::10]"),
    "[2001:db8::192.0.2.1]",
)
#: Whom they ask for, as he is written there: they have a phone.
CALLED = (
    *("vivekg@chair-dnrc.example.com", "user@example.com", "UserB@example.com", "user@example.org"),
    *("user@[2001:db8::10]", "user@[2001:db8::192.0.2.1]", "user@host.example.net"),
    "1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*@example.com",
)
#: Other names of theirs: no phone can prove by a password that it is called so.
ALIASES = {
    "sips:user@example.com@example.net": "user@example.com",
    "user;par=u@example.net@example.com": "user@example.com",
}
#: Who registers by one of the messages.
REGISTERED = ("j.user@example.com", "watson@example.com", "null-%00-null@example.com")
PASSWORD = "secret"
#: The box and the peer, in the network of version 6.
BOX6, PEER6 = "2001:db8::10", "2001:db8::9:1"
#: Where the peer listens: what is written in a Via without rport is where an answer over UDP has to go.
PORTS = (5060, 5050, 6050, 19823)

Address = tuple[str, int]


class Heard(NamedTuple):
    """What came of a message: the peer's answers, what the phone was asked, whether a connection ended."""

    answers: list[bytes]
    forwarded: list[bytes]
    closed: bool = False

    @property
    def final(self) -> int:
        """The status of the final answer, 0 when there was none."""
        return next((status for each in self.answers if (status := status_of(each)) >= 200), 0)


def message(name: str) -> bytes:
    """The bytes of one, by the RFC's own name for it."""
    return (FOLDER / f"{name}.dat").read_bytes()


def status_of(data: bytes) -> int:
    """The status of a response, 0 for everything else."""
    found = re.match(rb"SIP/2\.0 (\d{3}) ", data)
    return int(found[1]) if found else 0


def header_lines(data: bytes) -> list[tuple[str, bytes]]:
    """Each header with its name in lower case and its folds, as it is written."""
    lines = data.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]
    whole: list[bytes] = []
    for line in lines:
        if whole and line[:1] in (b" ", b"\t"):
            whole[-1] += b"\r\n" + line
        else:
            whole.append(line)
    compact = {"v": "via", "f": "from", "t": "to", "i": "call-id", "m": "contact", "l": "content-length"}
    names = [line.partition(b":")[0].strip().lower().decode("latin-1") for line in whole]
    return [(compact.get(name, name), line) for name, line in zip(names, whole, strict=True)]


def mended(name: str) -> bytes:
    """The message as its section means it, where the RFC's own bytes say another thing by mistake: baddn has
    no empty line, the bodies of three of RFC 5118 are not as long as their Content-Length says, and two of
    its messages have one branch, as if they were one request."""
    data = message(name)
    if name == "baddn":
        return data + b"\r\n"
    if name == "ipv6-bug-abnf-3-colons":
        return data.replace(b"branch=z9hG4bKas3-111", b"branch=z9hG4bKas3-112")
    if name not in ("ipv6-in-sdp", "mult-ip-in-sdp", "ipv4-mapped-ipv6"):
        return data
    head, _, body = data.partition(b"\r\n\r\n")
    return re.sub(rb"(?<=\nContent-Length: )\d+", str(len(body)).encode(), head) + b"\r\n\r\n" + body


def user_of(address: str) -> str:
    """The user that an address names, without escapes other than that of nothing at all."""
    return re.sub(r"%(?!00)(..)", lambda found: chr(int(found[1], 16)), address.rpartition("@")[0])


def authorized(request: bytes, challenge: bytes, user: str) -> bytes:
    """The request again, as the next one, with what the challenge asks for."""
    method, uri = request.decode("utf-8", "surrogateescape").split(" ", 2)[:2]
    asked = dict(header_lines(challenge))["www-authenticate"].partition(b":")[2].strip().decode()
    answer = credentials(asked, method=method, uri=uri, username=user, password=PASSWORD)
    branch = f"branch=z9hG4bK{secrets.token_hex(8)}".encode()
    again = re.sub(rb"branch=[^;\r\n]+", branch, request, count=1)
    head, _, rest = again.partition(b"\r\n\r\n")
    return head + f"\r\nAuthorization: {answer}\r\n\r\n".encode() + rest


def response(request: bytes, status: bytes) -> bytes:
    """How a phone answers (RFC 3261 §8.2.6)."""
    lines = [b"SIP/2.0 " + status]
    for name, line in header_lines(request):
        if name == "to" and b"tag" not in line.rpartition(b">")[2]:
            line += b";tag=torture"
        if name in ("via", "from", "to", "call-id", "cseq"):
            lines.append(line)
    return b"\r\n".join([*lines, b"Content-Length: 0", b"", b""])


def acknowledgement(invite: bytes, refusal: bytes) -> bytes | None:
    """The ACK of a refused INVITE (RFC 3261 §17.1.1.3); None where there is nothing to acknowledge."""
    said = dict(header_lines(refusal))
    if not invite.startswith(b"INVITE ") or status_of(refusal) < 300 or "to" not in said:
        return None
    uri = re.split(rb" +", invite.partition(b"\r\n")[0])[1]
    asked = header_lines(invite)
    lines = [b"ACK " + uri + b" SIP/2.0", next(line for name, line in asked if name == "via")]
    lines += [line for name, line in asked if name in ("from", "call-id", "route")]
    lines.append(said["to"])
    lines.append(said["cseq"].replace(b"INVITE", b"ACK"))
    return b"\r\n".join([*lines, b"Max-Forwards: 70", b"Content-Length: 0", b"", b""])


@dataclass
class Sender:
    """A place that sends messages to the box over one transport, and hears what comes."""

    place: Place
    box: Address
    source: str
    transport: str
    #: What is listened to: an ear at each port, or one connection.
    ears: list[socket.socket] = field(default_factory=list)
    connection: socket.socket | None = None
    closed: bool = False
    _stream: bytes = b""

    def open(self) -> Self:
        family = socket.AF_INET6 if ":" in self.source else socket.AF_INET
        if self.transport == "udp":
            for port in PORTS:
                ear = self.place.open_socket(family, socket.SOCK_DGRAM)
                ear.bind((self.source, port))
                self.ears.append(ear)
        else:
            self.connection = self.place.open_socket(family, socket.SOCK_STREAM)
            self.connection.settimeout(10)
            self.connection.bind((self.source, 0))
            self.connection.connect(self.box)
            self.ears.append(self.connection)
        return self

    def send(self, data: bytes) -> None:
        if self.connection is None:
            self.ears[0].sendto(data, self.box)
            return
        with contextlib.suppress(OSError):  # closed by the other side in the middle of it
            self.connection.sendall(data)

    def take(self, ear: socket.socket) -> list[bytes]:
        """What has come there: whole messages."""
        try:
            data = ear.recv(65535)
        except ConnectionError:
            data = b""
        if self.connection is None:
            return [data]
        self.closed = self.closed or not data
        self._stream += data
        messages = []
        while (end := self._stream.find(b"\r\n\r\n")) >= 0:
            length = re.search(rb"(?im)^(?:content-length|l)\s*:\s*(\d+)", self._stream[:end])
            size = end + 4 + (int(length[1]) if length else 0)
            if len(self._stream) < size:
                break
            messages.append(self._stream[:size])
            self._stream = self._stream[size:].lstrip(b"\r\n")
        return messages

    def close(self) -> None:
        for ear in self.ears:
            ear.close()


class Scene:
    """All of it, running."""

    def __init__(self) -> None:
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            net = stack.enter_context(Networks())
            self._box, self.peer, self.phone, self.stranger = (net.public() for _ in range(4))
            self._box.ip(f"address add {BOX6}/64 dev eth0 nodad")
            self.peer.ip(f"address add {PEER6}/64 dev eth0 nodad")
            here = self._box.address
            listen = [f"{kind}:{host}:5060" for kind in ("udp", "tcp") for host in (here, f"[{BOX6}]")]
            listen += [f"{kind}:[{BOX6}]:5070" for kind in ("udp", "tcp")]
            # Nobody here sends from where his Via says, so that all of them would count as behind a NAT.
            settings = {
                "sip": {"listen": listen, "domains": [here, *DOMAINS]},
                "nat": {"detect": False},
                # Who sends so much that is unreadable would be limited for it.
                "protection": {"exempt": [self.peer.address, PEER6]},
            }
            self.box = Sipbox(place=self._box, settings=settings)
            self._fill()
            stack.enter_context(self.box)
            self._bell = self.phone.open_socket(socket.AF_INET, socket.SOCK_DGRAM)
            stack.callback(self._bell.close)
            self._bell.bind((self.phone.address, 5060))
            for user in CALLED:
                self._register(user)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def _fill(self) -> None:
        """The rows that there are before it starts."""
        self.box.create_database()
        self.box.sql(
            "insert into subscriber (username, domain, password) values (:user, :domain, :password)",
            [
                {"user": user_of(each), "domain": each.rpartition("@")[2], "password": PASSWORD}
                for each in (*CALLED, *REGISTERED)
            ],
        )
        self.box.sql(
            "insert into dbaliases (alias_username, alias_domain, username, domain) values (:a, :b, :c, :d)",
            [
                dict(zip("abcd", alias.rsplit("@", 1) + user.split("@"), strict=True))
                for alias, user in ALIASES.items()
            ],
        )
        self.box.sql(
            "insert into trusted (src_ip, proto) values (:address, 'any')",
            [{"address": address} for address in (self.peer.address, PEER6)],
        )

    def _register(self, who: str) -> None:
        """The phone registers that user."""
        domain = who.rpartition("@")[2]
        request = (
            f"REGISTER sip:{domain} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {self.phone.address};branch=z9hG4bK{secrets.token_hex(8)}\r\n"
            f"From: <sip:{who}>;tag=phone\r\nTo: <sip:{who}>\r\nCall-ID: {secrets.token_hex(8)}\r\n"
            f"CSeq: 1 REGISTER\r\nContact: <sip:phone@{self.phone.address}>\r\nExpires: 3600\r\n"
            "Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
        ).encode()
        for expected in (401, 200):
            self._bell.sendto(request, (self._box.address, 5060))
            assert select.select([self._bell], [], [], 10)[0], f"no answer to the REGISTER of {who}"
            answer = self._bell.recv(65535)
            assert status_of(answer) == expected, answer
            if expected == 401:
                request = authorized(request, answer, user_of(who))

    def open_sender(self, transport: str, *, version: int = 4, place: Place | None = None) -> Sender:
        """Somebody who sends; the trusted peer unless another place is named. To be closed."""
        where = place or self.peer
        box, source = (BOX6, PEER6) if version == 6 else (self._box.address, where.address)
        sender = Sender(where, (box, 5060), source, transport)
        try:
            return sender.open()
        except BaseException:
            sender.close()
            raise

    @contextlib.contextmanager
    def sender(self, transport: str, *, version: int = 4, place: Place | None = None) -> Iterator[Sender]:
        """The same for a while."""
        sender = self.open_sender(transport, version=version, place=place)
        try:
            yield sender
        finally:
            sender.close()

    def play(self, sender: Sender, data: bytes, *, final: bool = True, timeout: float = 10.0) -> Heard:
        """Send it; what is heard until its final answer, or until the end of the connection, and until a
        valid OPTIONS that was sent behind it is answered. ``final`` False: it is not waited for."""
        heard = Heard([], [])
        sender.send(data)
        deadline = time.monotonic() + timeout
        while final and not heard.final and not sender.closed and time.monotonic() < deadline:
            self._listen(sender, data, heard, deadline)
        return heard

    def is_well(self, sender: Sender, heard: Heard | None = None, timeout: float = 10.0) -> bool:
        """Whether a valid OPTIONS of that sender is answered; what else comes is noted down."""
        request = self.options(sender)
        sender.send(request)
        mark = dict(header_lines(request))["call-id"]
        heard = heard or Heard([], [])
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline and not sender.closed:
            for answer in self._listen(sender, b"", heard, deadline):
                if mark in answer:
                    heard.answers.remove(answer)
                    return status_of(answer) == 200
        return False

    def options(self, sender: Sender) -> bytes:
        host = f"[{sender.source}]" if ":" in sender.source else sender.source
        lines = (
            f"OPTIONS sip:{self._box.address} SIP/2.0",
            f"Via: SIP/2.0/{sender.transport.upper()} {host}:5060;branch=z9hG4bK{secrets.token_hex(8)}",
            f"From: <sip:peer@{host}>;tag={secrets.token_hex(4)}",
            f"To: <sip:{self._box.address}>",
            f"Call-ID: {secrets.token_hex(8)}",
            "CSeq: 1 OPTIONS",
            "Max-Forwards: 70",
            "Content-Length: 0",
        )
        return "\r\n".join([*lines, "", ""]).encode()

    def _listen(self, sender: Sender, sent: bytes, heard: Heard, deadline: float) -> Sequence[bytes]:
        ready = select.select([*sender.ears, self._bell], [], [], max(0, deadline - time.monotonic()))[0]
        for ear in ready:
            if ear is self._bell:
                self._ring(heard)
                continue
            news = sender.take(ear)
            heard.answers.extend(news)
            for answer in news:
                ack = acknowledgement(sent, answer)
                if ack is not None:
                    sender.send(ack)
        return heard.answers

    def _ring(self, heard: Heard) -> None:
        data, source = self._bell.recvfrom(65535)
        if not data.strip():
            return
        method = data.split(b" ", 1)[0]
        if method != b"ACK":
            heard.forwarded.append(data)
            busy = b"486 Busy Here" if method == b"INVITE" else b"200 OK"
            self._bell.sendto(response(data, busy), source)
