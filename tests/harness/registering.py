"""Phones that register at a steady rate, by UDP or each by a TLS connection of its own, and how many got in.

They repeat what has no answer, as RFC 3261 §17.1 has it, and give up after ``PATIENCE`` seconds. What counts
is how many registrations have succeeded.
"""

from __future__ import annotations

import select
import socket
import ssl
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count
from typing import NamedTuple

from tests.harness.digest import credentials
from tests.harness.message import Message
from tests.harness.networks import Place

T1, T2, PATIENCE = 0.5, 4.0, 16.0
PASSWORD = "secret"


def registration(user: str, sender: tuple[str, int], domain: str, number: int, transport: str) -> Message:
    """The first REGISTER of that user from there; ``number`` is another one each time."""
    address, port = sender
    aor, suffix = f"<sip:{user}@{domain}>", "" if transport == "udp" else f";transport={transport}"
    return Message(
        f"REGISTER sip:{domain} SIP/2.0",
        (
            ("Via", f"SIP/2.0/{transport.upper()} {address}:{port};branch=z9hG4bK{user}{number};rport"),
            ("Max-Forwards", "70"), ("From", f"{aor};tag={number}"), ("To", aor),
            ("Call-ID", f"{number}-{user}-{address}"), ("CSeq", "1 REGISTER"),
            ("Contact", f"<sip:{user}@{address}:{port}{suffix}>"), ("Expires", "600"),
            ("Content-Length", "0"),
        ),
        b"",
    )  # fmt: skip


def answered(request: Message, challenge: Message, user: str) -> Message:
    """The same with what the 401 asks for."""
    given = credentials(
        challenge.get("WWW-Authenticate"),
        method="REGISTER", uri=request.uri, username=user, password=PASSWORD,
    )  # fmt: skip
    number, method = request.cseq
    via = request.get("Via").replace("branch=z9hG4bK", "branch=z9hG4bKa")
    again = request.with_header("CSeq", f"{number + 1} {method}").with_header("Via", via)
    return again.with_header("Authorization", given)


class Attempt(NamedTuple):
    """A registration under way."""

    began: float
    user: str
    request: Message
    due: float
    pause: float


class Registering:
    """``rate`` registrations a second by UDP, in a thread: by turns from ``addresses``, and of ``users``.

    ``repeated`` is how many requests were sent again.
    """

    def __init__(
        self,
        place: Place,
        addresses: Sequence[str],
        users: Sequence[str],
        target: tuple[str, int],
        rate: float,
    ) -> None:
        self.succeeded = self.begun = self.failed = self.repeated = 0
        self._target, self._rate = target, rate
        self._users = users
        self._numbers = count(1)
        self._sockets: list[socket.socket] = []
        for address in addresses:
            sock = place.open_socket(socket.AF_INET, socket.SOCK_DGRAM)
            sock.bind((address, 0))
            sock.setblocking(False)
            self._sockets.append(sock)
        self._under_way: dict[socket.socket, Attempt] = {}
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> float:
        """Begins no more, waits for those under way; which part has succeeded."""
        self._ending.set()
        self._thread.join()
        for sock in self._sockets:
            sock.close()
        return self.succeeded / max(self.begun, 1)

    def _run(self) -> None:
        began = time.monotonic()
        while not self._ending.is_set() or self._under_way:
            now = time.monotonic()
            if not self._ending.is_set():
                while self.begun < (now - began) * self._rate:
                    self._begin(now)
            self._receive()
            for sock, attempt in list(self._under_way.items()):
                if now - attempt.began > PATIENCE:
                    del self._under_way[sock]
                    self.failed += 1
                elif attempt.due <= now:
                    self._send(sock, attempt.request)
                    self.repeated += 1
                    pause = min(attempt.pause * 2, T2)
                    self._under_way[sock] = attempt._replace(due=now + pause, pause=pause)

    def _begin(self, now: float) -> None:
        number = next(self._numbers)
        self.begun += 1
        sock = self._sockets[number % len(self._sockets)]
        if sock in self._under_way:  # still at the last one: it counts as a failure
            self.failed += 1
            return
        user = self._users[number % len(self._users)]
        request = registration(user, sock.getsockname(), self._target[0], number, "udp")
        self._under_way[sock] = Attempt(now, user, request, now + T1, T1)
        self._send(sock, request)

    def _receive(self) -> None:
        readable, _, _ = select.select(list(self._under_way), [], [], 0.005)
        for sock in readable:
            try:
                response = Message.parse(sock.recv(65_535))
            except OSError:
                continue
            attempt = self._under_way[sock]
            if response.call_id != attempt.request.call_id or response.status < 200:
                continue
            if response.get("CSeq") != attempt.request.get("CSeq"):
                continue
            if response.status == 401:
                again, now = answered(attempt.request, response, attempt.user), time.monotonic()
                self._under_way[sock] = attempt._replace(request=again, due=now + T1, pause=T1)
                self._send(sock, again)
                continue
            del self._under_way[sock]
            if response.status == 200:
                self.succeeded += 1
            else:
                self.failed += 1

    def _send(self, sock: socket.socket, message: Message) -> None:
        try:
            sock.sendto(message.encode(), self._target)
        except OSError:
            pass


class Connecting:
    """``rate`` registrations a second, each by a TLS connection of its own, which is closed at once."""

    def __init__(
        self,
        place: Place,
        addresses: Sequence[str],
        users: Sequence[str],
        target: tuple[str, int],
        rate: float,
        tls: ssl.SSLContext,
    ) -> None:
        self._place, self._addresses, self._users = place, addresses, users
        self._target, self._rate, self._tls = target, rate, tls
        self._under_way: list[Future[bool]] = []
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._pool = ThreadPoolExecutor(int(rate * PATIENCE) + 1)

    @property
    def begun(self) -> int:
        return len(self._under_way)

    @property
    def succeeded(self) -> int:
        """How many have got in so far."""
        return sum(each.done() and each.result() for each in self._under_way)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> float:
        """Begins no more, waits for those under way; which part has succeeded."""
        self._ending.set()
        self._thread.join()
        self._pool.shutdown()
        return self.succeeded / max(self.begun, 1)

    def _run(self) -> None:
        began = time.monotonic()
        while not self._ending.wait(0.01):
            while self.begun < (time.monotonic() - began) * self._rate:
                self._under_way.append(self._pool.submit(self._registers, self.begun))

    def _registers(self, number: int) -> bool:
        """Whether it got in, within the time that somebody waits."""
        user = self._users[number % len(self._users)]
        deadline = time.monotonic() + PATIENCE
        plain = self._place.open_socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            plain.settimeout(PATIENCE)
            plain.bind((self._addresses[number % len(self._addresses)], 0))
            plain.connect(self._target)
            with self._tls.wrap_socket(plain, server_hostname=self._target[0]) as sock:
                request = registration(user, sock.getsockname(), self._target[0], number, "tls")
                challenge = _asked(sock, request)
                final = _asked(sock, answered(request, challenge, user))
                return final.status == 200 and time.monotonic() < deadline
        except OSError:
            return False
        finally:
            plain.close()


def _asked(sock: ssl.SSLSocket, request: Message) -> Message:
    """The response, which has no body; raises OSError."""
    sock.sendall(request.encode())
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        more = sock.recv(65_535)
        if not more:
            raise ConnectionResetError("closed before it has answered")
        data += more
    return Message.parse(data)
