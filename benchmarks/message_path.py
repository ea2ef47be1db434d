"""What a registration and a call cost between the sockets and the database, in CPU microseconds.

    python -m benchmarks.message_path [operations]

The whole core as the server puts it together, with sockets that keep what they are given and a database that
has everything in memory: what is measured is our own code and nothing else. Each phone has its own address,
so no cache is warmer than it would be with as many. What a phone sends is made outside of the measurement.
"""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from appliance.auth.digest import ha1
from appliance.registrar.binding import Binding
from appliance.sip.hop import Hop
from appliance.sip.uri import AddressOfRecord
from tests.harness.digest import credentials
from tests.harness.message import Message
from tests.unit.proxy.stage import Stage

DOMAIN = "192.0.2.1"
ROUNDS = 5
#: As many are under way at a time as in a server that is busy.
AT_ONCE = 32

_ALLOW = "INVITE,ACK,CANCEL,BYE,NOTIFY,REFER,OPTIONS,INFO,SUBSCRIBE,UPDATE,PRACK,MESSAGE"
_SDP = (
    b"v=0\r\no=caller 1 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\n"
    b"m=audio 4000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
)


class _Row(NamedTuple):
    username: str
    domain: str
    ha1: str
    ha1b: str | None


class _Resident:
    """Subscribers that are all in memory."""

    def __init__(self, phones: int) -> None:
        self._rows = {
            f"u{n}": _Row(f"u{n}", DOMAIN, ha1(f"u{n}", DOMAIN, f"pwu{n}"), None) for n in range(phones)
        }

    def find(self, username: str, domain: str, realm: str) -> _Row | None:
        """One look into a dictionary."""
        return self._rows.get(username)

    refetch = find


class _Durable:
    """A database that costs nothing."""

    def commit(self, upserts: Sequence[Binding], deletes: Sequence[Binding]) -> None:
        """Nothing to do."""

    def fetch(self, aor: AddressOfRecord) -> Iterable[Binding]:
        """Nobody is stored."""
        return ()


class World(Stage):
    """The tests' stage, with everybody in memory; what is sent is kept as it is."""

    journal_level = "warning"

    def __init__(self, phones: int) -> None:
        super().__init__(sip={"domains": (DOMAIN,)})
        self.credentials = _Resident(phones)
        self.bindings = _Durable()
        self.listeners = (("udp", DOMAIN, 5060),)
        self.raw: list[tuple[bytes, Hop]] = []
        self.core = self.restarted()

    def send(self, data: bytes, hop: Hop) -> None:
        self.raw.append((data, hop))


def _proof(challenge: str, number: int, method: str, uri: str) -> str:
    return credentials(challenge, method=method, uri=uri, username=f"u{number}", password=f"pwu{number}")


def _hop(number: int) -> Hop:
    return Hop("udp", f"198.51.100.{number % 250 + 1}", 1024 + number % 60000, 0)


class Phones:
    """What the phones say. Each flow is an iterator over messages: it is given what was sent in answer."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.cseq = 0

    def registration(self, number: int) -> Iterator[tuple[bytes, Hop]]:
        self.cseq += 1
        hop = _hop(number)
        yield self._register(number, hop, 2 * self.cseq, ""), hop
        challenge = self._last()
        proof = _proof(challenge.get("WWW-Authenticate"), number, "REGISTER", f"sip:{DOMAIN}")
        yield self._register(number, hop, 2 * self.cseq + 1, f"Authorization: {proof}\r\n"), hop
        assert self._last().status == 200, self._last()

    def call(self, number: int) -> Iterator[tuple[bytes, Hop]]:
        """INVITE, 407, ACK, INVITE, 180, 200, ACK, BYE, 200."""
        self.cseq += 1
        serial = self.cseq
        hop, callee = _hop(number), number ^ 1
        uri = f"sip:u{callee}@{DOMAIN}"
        invite = self._invite(number, callee, hop, serial, 1, "")
        yield invite, hop
        refusal = self._last()
        tag = refusal.get("To").partition("tag=")[2]
        yield self._in_dialog("ACK", uri, number, callee, hop, serial, 1, tag, [], branch=f"{serial}i1"), hop
        proof = _proof(refusal.get("Proxy-Authenticate"), number, "INVITE", uri)
        self.world.raw.clear()
        yield self._invite(number, callee, hop, serial, 2, f"Proxy-Authorization: {proof}\r\n"), hop
        forwarded, there = next((m, h) for m, h in self._sent() if m.start_line.startswith("INVITE"))
        yield self._answer(forwarded, "180 Ringing", callee), there
        yield self._answer(forwarded, "200 OK", callee), there
        routes = forwarded.all("Record-Route")
        target = f"sip:u{callee}@{there.host}:{there.port}"
        yield self._in_dialog("ACK", target, number, callee, hop, serial, 2, "callee", routes), hop
        self.world.raw.clear()
        yield self._in_dialog("BYE", target, number, callee, hop, serial, 3, "callee", routes), hop
        bye, there = next((m, h) for m, h in self._sent() if m.start_line.startswith("BYE"))
        yield self._answer(bye, "200 OK", callee), there
        assert self._last().status == 200

    def _sent(self) -> list[tuple[Message, Hop]]:
        return [(Message.parse(data), hop) for data, hop in self.world.raw]

    def _last(self) -> Message:
        return Message.parse(self.world.raw[-1][0])

    def _register(self, number: int, hop: Hop, cseq: int, proof: str) -> bytes:
        return (
            f"REGISTER sip:{DOMAIN} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {hop.host}:{hop.port};branch=z9hG4bK{cseq:08x}u{number};rport\r\n"
            f"From: <sip:u{number}@{DOMAIN}>;tag=20321951e0685e4d\r\n"
            f"To: <sip:u{number}@{DOMAIN}>\r\n"
            f"Contact: <sip:u{number}@{hop.host}:{hop.port};transport=udp>\r\n"
            f"{proof}"
            f"Call-ID: 33706713ea3b83fd-u{number}@{hop.host}\r\n"
            f"CSeq: {cseq} REGISTER\r\n"
            "Expires: 3600\r\n"
            "User-Agent: Grandstream BT110 1.0.8.33\r\n"
            "Max-Forwards: 70\r\n"
            f"Allow: {_ALLOW}\r\n"
            "Content-Length: 0\r\n\r\n"
        ).encode()

    def _invite(self, number: int, callee: int, hop: Hop, serial: int, cseq: int, proof: str) -> bytes:
        return (
            f"INVITE sip:u{callee}@{DOMAIN} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {hop.host}:{hop.port};branch=z9hG4bK{serial}i{cseq};rport\r\n"
            f"From: <sip:u{number}@{DOMAIN}>;tag=caller{serial}\r\n"
            f"To: <sip:u{callee}@{DOMAIN}>\r\n"
            f"Contact: <sip:u{number}@{hop.host}:{hop.port};transport=udp>\r\n"
            f"{proof}"
            f"Call-ID: {serial}@{hop.host}\r\n"
            f"CSeq: {cseq} INVITE\r\n"
            "Max-Forwards: 70\r\n"
            f"Allow: {_ALLOW}\r\n"
            "Content-Type: application/sdp\r\n"
            f"Content-Length: {len(_SDP)}\r\n\r\n"
        ).encode() + _SDP

    def _in_dialog(
        self,
        method: str,
        uri: str,
        number: int,
        callee: int,
        hop: Hop,
        serial: int,
        cseq: int,
        tag: str,
        routes: list[str],
        branch: str = "",
    ) -> bytes:
        route = "".join(f"Route: {each}\r\n" for each in routes)
        return (
            f"{method} {uri} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP {hop.host}:{hop.port};branch=z9hG4bK{branch or f'{serial}d{method}'};rport\r\n"
            f"{route}"
            f"From: <sip:u{number}@{DOMAIN}>;tag=caller{serial}\r\n"
            f"To: <sip:u{callee}@{DOMAIN}>;tag={tag}\r\n"
            f"Call-ID: {serial}@{hop.host}\r\n"
            f"CSeq: {cseq} {method}\r\n"
            "Max-Forwards: 70\r\n"
            "Content-Length: 0\r\n\r\n"
        ).encode()

    def _answer(self, request: Message, status: str, callee: int) -> bytes:
        vias = "".join(f"Via: {each}\r\n" for each in request.all("Via"))
        routes = "".join(f"Record-Route: {each}\r\n" for each in request.all("Record-Route"))
        to = request.get("To") if "tag=" in request.get("To") else f"{request.get('To')};tag=callee"
        body = _SDP if status.startswith("200") and "INVITE" in request.get("CSeq") else b""
        hop = _hop(callee)
        return (
            f"SIP/2.0 {status}\r\n{vias}{routes}From: {request.get('From')}\r\nTo: {to}\r\n"
            f"Call-ID: {request.get('Call-ID')}\r\nCSeq: {request.get('CSeq')}\r\n"
            f"Contact: <sip:u{callee}@{hop.host}:{hop.port};transport=udp>\r\n"
            + ("Content-Type: application/sdp\r\n" if body else "")
            + f"Content-Length: {len(body)}\r\n\r\n"
        ).encode() + body


def measure(
    world: World, flow: Callable[[int], Iterator[tuple[bytes, Hop]]], numbers: Sequence[int]
) -> list[float]:
    """CPU microseconds of each message of the flow, in their order; several flows are under way at a time."""
    spent: list[float] = []
    for first in range(0, len(numbers), AT_ONCE):
        for number in numbers[first : first + AT_ONCE]:
            for step, (data, hop) in enumerate(flow(number)):
                if step == len(spent):
                    spent.append(0.0)
                start = time.perf_counter()
                world.core.receive(data, hop)
                spent[step] += time.perf_counter() - start
        world.raw.clear()
        world.now += 0.02
        start = time.perf_counter()
        world.core.wheel.advance(world.now)
        spent[-1] += time.perf_counter() - start
    return [each / len(numbers) * 1e6 for each in spent]


def main(operations: int) -> None:
    """Measure and print."""
    world = World(operations)
    phones = Phones(world)
    numbers = list(range(operations))
    gc.disable()  # its cost depends on what else is in memory; the server lets it come seldom
    for name, flow in (("registration", phones.registration), ("call", phones.call)):
        rounds = [measure(world, flow, numbers) for _ in range(ROUNDS)]
        gc.collect()
        best = [min(steps) for steps in zip(*rounds, strict=True)]
        steps = " ".join(f"{each:.1f}" for each in best)
        print(f"{name:14}{sum(best):8.1f} us   ({steps})")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000)
