"""What the DNS says of a number (NAPTR, RFC 3403), asked of the name servers of this machine or of others.

The messages are dnspython's, the sockets gevent's: only the greenlet that asks waits. Answers are kept as
long as they say, in a bounded table, and that there is none for a minute at most; that nobody answered is
forgotten after seconds. Those who ask for the same name share one question. Must not know what the records
are for.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Sequence

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.resolver
import gevent
from dns.rdtypes.IN.NAPTR import NAPTR
from gevent import socket
from gevent.event import AsyncResult

from appliance.sip.naptr import Naptr

_LONGEST_KEPT, _NOTHING_KEPT, _FAILURE_KEPT = 3600.0, 60.0, 3.0
_KEPT_NAMES = 4096
_ROUNDS = 2  # each server is asked so often
_LARGEST = 65_535
_UDP_PAYLOAD = 1232  # what passes everywhere in one piece

Records = tuple[Naptr, ...]


class NameServers:
    """Asks ``servers`` ((address, port), those of /etc/resolv.conf when there are none) in their order, for
    ``seconds`` at most. ``count(result)`` is told that records were found, none was, all have failed, or an
    answer was kept."""

    def __init__(
        self, servers: Sequence[tuple[str, int]], seconds: float, count: Callable[[str], None]
    ) -> None:
        self._servers = list(servers)
        self._seconds = seconds
        self._count = count
        self._kept: OrderedDict[str, tuple[float, Records]] = OrderedDict()
        self._asked: dict[str, AsyncResult[Records]] = {}

    def naptr(self, name: str) -> Records:
        """The NAPTR records of a name; empty when it has none or nobody answers in time."""
        kept = self._kept.get(name)
        if kept is not None and kept[0] > time.monotonic():
            self._count("kept")
            return kept[1]
        others = self._asked.get(name)
        if others is not None:
            return others.get() or ()
        asked: AsyncResult[Records] = AsyncResult()
        self._asked[name] = asked
        found: Records = ()
        try:
            found = self._look_up(name)
        finally:
            del self._asked[name]
            asked.set(found)
        return found

    def _look_up(self, name: str) -> Records:
        found: Records = ()
        try:
            found, lasts = self._ask(name)
            result = "found" if found else "none"
        except (OSError, dns.exception.DNSException):
            result, lasts = "failed", _FAILURE_KEPT
        self._count(result)
        self._kept[name] = (time.monotonic() + lasts, found)
        self._kept.move_to_end(name)
        if len(self._kept) > _KEPT_NAMES:
            self._kept.popitem(last=False)
        return found

    def _ask(self, name: str) -> tuple[Records, float]:
        """The records, and for how many seconds they may be kept. Raises OSError and DNSException."""
        servers = self._servers or _of_this_machine()
        each = self._seconds / (_ROUNDS * max(len(servers), 1))
        for _ in range(_ROUNDS):
            for server in servers:
                try:
                    return _read(_exchange(name, server, each))
                except (OSError, dns.exception.DNSException):  # a timeout is an OSError too
                    continue
        raise OSError("no name server has answered")


def _of_this_machine() -> list[tuple[str, int]]:
    """Raises DNSException when this machine knows no name server."""
    return [(server, 53) for server in map(str, dns.resolver.Resolver().nameservers)]


def _exchange(name: str, server: tuple[str, int], seconds: float) -> dns.message.Message:
    """One question, by UDP, and by TCP when the answer does not fit. Raises OSError and DNSException."""
    question = dns.message.make_query(name, dns.rdatatype.NAPTR, use_edns=0, payload=_UDP_PAYLOAD)
    family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
    with gevent.Timeout(seconds, TimeoutError()):
        answer = _by_udp(question, server, family)
        return _by_tcp(question, server) if answer.flags & dns.flags.TC else answer


def _by_udp(question: dns.message.Message, server: tuple[str, int], family: int) -> dns.message.Message:
    # A port of its own and a connected socket: nobody else's datagrams come in, and a forger has to guess.
    with socket.socket(family, socket.SOCK_DGRAM) as datagrams:
        datagrams.connect(server)
        datagrams.send(question.to_wire())
        while True:
            try:
                answer = dns.message.from_wire(datagrams.recv(_LARGEST), ignore_trailing=True)
            except dns.exception.DNSException:
                continue
            if question.is_response(answer):
                return answer


def _by_tcp(question: dns.message.Message, server: tuple[str, int]) -> dns.message.Message:
    wire = question.to_wire()
    with socket.create_connection(server) as stream:
        stream.sendall(len(wire).to_bytes(2, "big") + wire)
        length = int.from_bytes(_exactly(stream, 2), "big")
        answer = dns.message.from_wire(_exactly(stream, length), ignore_trailing=True)
    if not question.is_response(answer):
        raise OSError("an answer to another question")
    return answer


def _exactly(stream: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        more = stream.recv(length - len(data))
        if not more:
            raise OSError("the name server has hung up")
        data += more
    return data


def _read(answer: dns.message.Message) -> tuple[Records, float]:
    """Raises OSError when the server cannot say, and another one may know."""
    if not isinstance(answer, dns.message.QueryMessage):
        raise OSError("no answer to a question")
    if answer.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        raise OSError(f"the name server says {dns.rcode.to_text(answer.rcode())}")
    chain = answer.resolve_chaining()
    if chain.answer is None:
        return (), min(chain.minimum_ttl, _NOTHING_KEPT)
    records = tuple(
        Naptr(each.order, each.preference, _text(each.flags), _text(each.service), _text(each.regexp))
        for each in chain.answer
        if isinstance(each, NAPTR)
    )
    return records, min(chain.minimum_ttl, _LONGEST_KEPT)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
