"""A request on its way through the routes, and how it is answered (RFC 3261 §8.2.6, §16.11).

State is only for those who are let in: until ``admit`` every reply is stateless, one for each datagram, with
a To tag that comes out the same each time. Afterwards the server transaction sends it, and again when it is
asked again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Protocol

from appliance.errors import MalformedMessage
from appliance.protection.door import Door
from appliance.proxy.authentication import Verified
from appliance.proxy.plain_address import wire_address
from appliance.proxy.preferences.forwarded import Forwarded
from appliance.proxy.pstn.trusted import Peer
from appliance.proxy.replies import Answer, Replies
from appliance.sip.hop import Hop
from appliance.sip.message import Request
from appliance.sip.reply import reply
from appliance.sip.uri import AddressOfRecord, Uri
from appliance.telemetry.metrics import Metrics
from appliance.telemetry.trace import Tracer
from appliance.transaction.matching import Key
from appliance.transaction.table import ServerTransaction, TransactionTable

# RFC 3261 §20.33: a client that is told to come back is told when; the seconds are short because we expect to
# be back.
RETRY_AFTER = "Retry-After: 5"


class Answers:
    """How replies of our own are made and sent.

    ``tag_key`` is secret, so that nobody can foresee a To tag of ours; ``server`` is the Server header's
    value, or "". ``door`` says who is a stranger: he gets no more bytes than he has sent, as far as that can
    be, because the sender of a datagram may be forged. ``tracer`` hears what is decided.
    """

    def __init__(
        self,
        transactions: TransactionTable,
        send: Callable[[bytes, Hop], None],
        metrics: Metrics,
        replies: Replies,
        tag_key: bytes,
        server: str,
        door: Door | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        self._door = door
        self._tracer = tracer
        self.transactions = transactions
        self.replies = replies
        self._send = send
        self._responses_sent = metrics.responses_sent
        self._stateless = metrics.stateless_responses
        self.messages_rejected = metrics.messages_rejected
        # BLAKE2 with a key is a MAC by itself (RFC 7693 §2.9); a copy of its state costs half of a new one.
        self._tag = hashlib.blake2b(key=tag_key, digest_size=10, person=b"to-tag")
        self._server = (f"Server: {server}",) if server else ()

    def to_tag(self, request: Request) -> str:
        """The To tag of our own replies: the same for a retransmission, and for the ACK that follows
        (§8.2.7)."""
        try:
            via = request.via
            text = f"{via.branch}\n{via.host}\n{via.port}\n{request.call_id}\n{request.from_tag}"
        except MalformedMessage:  # it is refused for that; its copies look the same
            text = "\n".join(request.lines)
        tag = self._tag.copy()
        tag.update(text.encode("utf-8", "surrogateescape"))
        return tag.hexdigest()

    def make(self, request: Request, answer: Answer, headers: Sequence[str] = ()) -> bytes:
        status, reason = answer
        tag = self.to_tag(request) if status > 100 else None
        return reply(request, status, reason, to_tag=tag, headers=(*headers, *self._server))

    @property
    def watched(self) -> bool:
        """Whether anybody wants to be told what is decided."""
        return self._tracer is not None and self._tracer.explaining

    def explain(self, words: str, colour: str, request: Request) -> None:
        """For those who watch: what was decided about a request."""
        if self._tracer is not None and self._tracer.explaining:
            self._tracer.note(words, colour, request)

    def send_stateless(self, request: Request, hop: Hop, answer: Answer, headers: Sequence[str] = ()) -> None:
        """One reply for one datagram; an ACK is never answered (§17)."""
        if request.method == "ACK":
            return
        data = self.make(request, answer, headers)
        door = self._door
        if (
            door is not None
            and hop.transport == "udp"
            and len(data) > _size_of(request)
            and not door.is_known(hop.host)
        ):
            # What a 200 says of our abilities is optional (§11.2), as is our name.
            needed = () if answer.status == 200 else headers
            data = reply(request, answer.status, answer.reason, to_tag=self.to_tag(request), headers=needed)
        self._responses_sent[request.method, answer.status] += 1
        self._stateless[answer.status] += 1
        try:
            self._send(data, reply_hop(request, hop))
        except OSError:
            return  # whoever asked is gone, and nobody else can be told

    def send_stateful(
        self,
        transaction: ServerTransaction,
        request: Request,
        answer: Answer,
        headers: Sequence[str],
        now: float,
    ) -> None:
        """A reply that the transaction sends again when its request comes again."""
        if transaction.respond(answer.status, self.make(request, answer, headers), now):
            self._responses_sent[request.method, answer.status] += 1


def _size_of(request: Request) -> int:
    """How many bytes a request has, nearly: what it is written in is mostly ASCII."""
    size = len(request.method) + len(request.uri_text) + 14 + len(request.body)
    for line in request.lines:
        size += len(line) + 2
    return size


class Accountant(Protocol):
    """Who is told of the final response to a request."""

    def decided(self, incoming: Incoming, status: int, reason: str, to_tag: str) -> None: ...


class Incoming:
    """One request under way.

    ``verified`` is who sent it, once that is proved. ``came_as`` is its Request-URI and Routes before any
    step has changed them: what a CANCEL repeats (RFC 3261 §9.1). ``key`` is its transaction's, when that is
    known already. ``raw`` is the message as it came, where it may be handed over to another worker, else
    empty. ``accountant`` is told of its final response, once; ``account`` is who is charged for it unless
    there is a ``payer``, "" when nobody has proved that he may be. ``outside``: it is for the telephone
    network.

    ``nated``: its sender is behind a NAT. In a dialog, ``peer_nated`` says so of the other side, ``flags``
    are the letters in our signed Record-Route, and ``leaves_by`` is the listener by which the other side was
    reached at first (-1: unknown), ``flow`` the token of the flow that it wants to be reached by, or "".
    ``marks`` are letters that a Record-Route of this request shall have.

    ``peer`` is the sender when he is known by his address. ``prefers`` is the address of ours that a caller
    wants to be known by whose From is anonymous. ``payer`` is set by a step that forwards the
    request for one of our users: his rights count then, in place of the sender's, and he is charged.
    ``forwarded`` is what has to be remembered of that, None for a user without preferences. ``looked_up``:
    its number has been asked for in the DNS.
    """

    __slots__ = (
        "_answers", "_clock", "_key", "account", "accountant", "accounted", "came_as", "cancelled", "flags",
        "flow", "forwarded", "hop", "leaves_by", "looked_up", "marks", "nated", "now", "outside", "payer",
        "peer", "peer_nated", "prefers", "raw", "request", "transaction", "verified",
    )  # fmt: skip

    def __init__(
        self,
        request: Request,
        hop: Hop,
        now: float,
        answers: Answers,
        clock: Callable[[], float],
        key: Key | None = None,
    ) -> None:
        self.request = request
        self.hop = hop
        self.now = now
        self.transaction: ServerTransaction | None = None
        self.verified: Verified | None = None
        self.came_as = (request.uri_text, request.items("route") if request.has("route") else None)
        self.cancelled = False
        self.raw = b""
        self.accountant: Accountant | None = None
        self.accounted = False
        self.account = ""
        self.outside = False
        self.looked_up = False
        self.nated = False
        self.peer_nated = False
        self.flags = ""
        self.marks = ""
        self.leaves_by = -1
        self.flow = ""
        self.peer: Peer | None = None
        self.prefers: Uri | None = None
        self.payer: AddressOfRecord | None = None
        self.forwarded: Forwarded | None = None
        self._answers = answers
        self._clock = clock
        self._key = key

    @property
    def replies(self) -> Replies:
        return self._answers.replies

    def admit(self) -> ServerTransaction:
        """Lets the request in: from here on it has a server transaction (§17.2)."""
        if self.transaction is None:
            self.transaction = self._answers.transactions.begin_server(
                self.request, reply_hop(self.request, self.hop), self.now, None, self._key
            )
        return self.transaction

    def reply(self, answer: Answer, headers: Sequence[str] = ()) -> None:
        """Answers the request; an ACK is never answered."""
        if self.transaction is not None:
            self._answers.send_stateful(self.transaction, self.request, answer, headers, self._clock())
        else:
            self._answers.send_stateless(self.request, self.hop, answer, headers)
        if self.accountant is not None and answer.status >= 200:
            self.decided(answer.status, answer.reason, self._answers.to_tag(self.request))

    def decided(self, status: int, reason: str, to_tag: str) -> None:
        """Its final response has been sent: the accountant is told so, if there is one."""
        if self.accountant is not None and not self.accounted:
            self.accounted = True
            self.accountant.decided(self, status, reason, to_tag)

    def answered_after_all(self, status: int, reason: str, to_tag: str) -> None:
        """A 2xx has crossed the refusal that was sent: both are what became of it."""
        if self.accountant is not None:
            self.accountant.decided(self, status, reason, to_tag)

    def refuse(self, answer: Answer, reason: str, headers: Sequence[str] = ()) -> None:
        """Answers with a refusal that is counted, by a reason that the metrics know."""
        self._answers.messages_rejected[reason] += 1
        if self.watched:
            self.explain(f"Refused ({reason.replace('_', ' ')})", "red")
        self.reply(answer, headers)

    @property
    def watched(self) -> bool:
        """Whether anybody wants to be told what is decided: to be asked before words are put together."""
        return self._answers.watched

    def explain(self, words: str, colour: str = "yellow") -> None:
        """For those who watch: what was decided about it."""
        self._answers.explain(words, colour, self.request)

    def has_our_tag(self) -> bool:
        """Whether the To tag is the one that our own reply to this request's INVITE had."""
        return self.request.to_tag == self._answers.to_tag(self.request)


def reply_hop(request: Request, hop: Hop) -> Hop:
    """Where the replies to a request go (RFC 3261 §18.2.2, RFC 3581 §4): back to where it came from.

    ``maddr`` is not honoured, and the name in the Via is not looked up (RFC 3263 §5) where nobody takes a
    connection at that address: both would send our replies wherever a stranger wishes.
    """
    via = request.via
    if hop.transport != "udp":
        host, listens_at = via.sent_by
        if hop.transport == "tls" and wire_address(via.address) is None:
            # Called back at its address, it has to prove the name that it has given (RFC 5922 §4).
            return hop._replace(sent_by_port=listens_at, name=host)
        return hop._replace(sent_by_port=listens_at)
    port = via.port or 5060
    return hop if port == hop.port or via.rport is not None else hop._replace(port=port)
