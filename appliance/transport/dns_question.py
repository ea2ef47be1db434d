"""One question to one name server, and what its answer says (RFC 1035, RFC 2782, RFC 3403).

The messages are dnspython's, the sockets gevent's: only the greenlet that asks waits. Must not know what is
kept, nor what the records are for.
"""

from __future__ import annotations

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import gevent
from dns.rdtypes.IN.A import A
from dns.rdtypes.IN.AAAA import AAAA
from dns.rdtypes.IN.NAPTR import NAPTR
from dns.rdtypes.IN.SRV import SRV
from gevent import socket

from appliance.sip.naptr import Naptr
from appliance.sip.srv import Srv

_LARGEST = 65_535
_UDP_PAYLOAD = 1232  # what passes everywhere in one piece

Record = Naptr | Srv | str
Records = tuple[Record, ...]


def ask(name: str, kind: str, server: tuple[str, int], seconds: float) -> tuple[Records, float]:
    """The records of a name, and for how many seconds they, or that there are none, may be kept.

    ``kind`` is A, AAAA, SRV or NAPTR. By UDP, and by TCP when the answer does not fit. Raises OSError
    (TimeoutError after ``seconds``) and DNSException when the server cannot say, and another one may know.
    """
    question = dns.message.make_query(name, dns.rdatatype.from_text(kind), use_edns=0, payload=_UDP_PAYLOAD)
    family = socket.AF_INET6 if ":" in server[0] else socket.AF_INET
    with gevent.Timeout(seconds, TimeoutError()):
        answer = _by_udp(question, server, family)
        if answer.flags & dns.flags.TC:
            answer = _by_tcp(question, server)
    return _read(answer)


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
    if not isinstance(answer, dns.message.QueryMessage):
        raise OSError("no answer to a question")
    if answer.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
        raise OSError(f"the name server says {dns.rcode.to_text(answer.rcode())}")
    chain = answer.resolve_chaining()
    found = [_record(each) for each in chain.answer or ()]
    return tuple(each for each in found if each is not None), chain.minimum_ttl


def _record(found: object) -> Record | None:
    if isinstance(found, NAPTR):
        return Naptr(
            found.order,
            found.preference,
            _text(found.flags),
            _text(found.service),
            _text(found.regexp),
            found.replacement.to_text(omit_final_dot=True).lower().removesuffix("."),
        )
    if isinstance(found, SRV):
        target = found.target.to_text(omit_final_dot=True).lower().removesuffix(".")
        return Srv(found.priority, found.weight, found.port, target)
    if isinstance(found, A | AAAA):
        return str(found.address)
    return None


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
