"""The door: every message that came in is read, sorted and, when it is a request, taken through the routes
once.

What stands here is done before anybody knows who is asking, so it is cheap and keeps no state of a
stranger's, but one entry in the table of work in progress: while a handler waits (for a lookup or a commit),
retransmissions of its request are absorbed, and a CANCEL finds it. The table is bounded; beyond, the answer
is a stateless 503.

Must not know what the routes decide.
"""

from __future__ import annotations

from collections.abc import Callable

from appliance.errors import SipError, StorageError
from appliance.proxy.connection_alias import ConnectionAliases
from appliance.proxy.incoming import RETRY_AFTER, Answers, Incoming
from appliance.proxy.replies import Answer
from appliance.proxy.responses import Responses
from appliance.proxy.scanners import Scanners
from appliance.proxy.shared_address import SharedAddress
from appliance.sip.hop import Hop
from appliance.sip.message import Limits, Request, Response
from appliance.sip.parser import check_mandatory, parse
from appliance.sip.reply import REASONS
from appliance.sip.stun import binding_answer
from appliance.telemetry.metrics import Metrics
from appliance.telemetry.trace import Tracer
from appliance.transaction.matching import Key, server_key
from appliance.transaction.table import TransactionTable
from appliance.transaction.timers import Timer

# An INVITE that has no answer after this long is told that we have it (RFC 3261 §17.2.1).
_TRYING_AFTER = 0.2


class Admission:
    """Takes each message from the sockets, in a greenlet that may wait.

    ``route(incoming)`` is the routing script. ``on_trouble(error, request)`` is told of what should not have
    happened. ``may_hand_over``: there are other workers, and a request may be one of theirs.
    ``is_answer(data)``: whether a message answers a keep-alive, and is done with. ``defer`` runs a callable
    soon, where it may wait; it is given where a response may have to. ``stun(data, hop)`` sends the answer to
    a phone that keeps its flow open by STUN; None: nobody answers it. ``aliases`` is told of requests that
    come by connections. ``scanners`` are those who get no answer. ``shared``: the address that boxes hold in
    turn, if there is one.
    """

    def __init__(
        self,
        *,
        route: Callable[[Incoming], None],
        responses: Responses,
        answers: Answers,
        transactions: TransactionTable,
        limits: Limits,
        max_in_progress: int,
        metrics: Metrics,
        tracer: Tracer,
        clock: Callable[[], float],
        on_trouble: Callable[[BaseException, Request], None],
        on_overload: Callable[[], None],
        may_hand_over: bool = False,
        is_answer: Callable[[bytes], bool] | None = None,
        defer: Callable[..., object] | None = None,
        stun: Callable[[bytes, Hop], None] | None = None,
        aliases: ConnectionAliases | None = None,
        scanners: Scanners | None = None,
        shared: SharedAddress | None = None,
    ) -> None:
        self._shared = shared
        self._aliases = aliases
        self._scanners = scanners
        self._defer = defer
        self._stun = stun
        self._is_answer = is_answer
        self._may_hand_over = may_hand_over
        self._route = route
        self._responses = responses
        self._answers = answers
        self._transactions = transactions
        self._limits = limits
        self._max_in_progress = max_in_progress
        self._metrics = metrics
        self._requests_received = metrics.requests_received
        self._handling = metrics.request_handling_seconds
        self._sizes = metrics.message_bytes["in"]
        self._tracer = tracer
        self._clock = clock
        self._on_trouble = on_trouble
        self._on_overload = on_overload
        self.in_progress: dict[Key, Incoming] = {}

    def receive(self, data: bytes, hop: Hop) -> None:
        """One whole message, from a datagram or a stream."""
        if self._tracer.active:
            self._tracer.message("received", data, hop)
        self._sizes.observe(len(data))
        if len(data) <= 4 and not data.strip(b"\r\n\0"):
            return  # a keep-alive: empty lines (RFC 5626 §3.5.1), or the zeros that some phones send
        if self._is_answer is not None and data.startswith(b"SIP/2.0 ") and self._is_answer(data):
            return
        try:
            message = parse(data, self._limits)
            check_mandatory(message)
        except SipError as error:
            # Looked at last, so that it costs SIP nothing.
            if self._stun is None or data[:1] != b"\0" or not self._answer_stun(data, hop, self._stun):
                self._refuse_unreadable(error, hop)
            return
        if isinstance(message, Response):
            self._responses.receive(message, hop, self._clock())
        elif isinstance(message, Request):
            self._receive_request(message, hop, self._clock(), data if self._may_hand_over else b"")

    def receive_handed(self, data: bytes, hop: Hop) -> None:
        """A request that came to another worker, which has traced and counted it; it goes nowhere else."""
        try:
            message = parse(data, self._limits)
            check_mandatory(message)
        except SipError:
            return  # the other one has read it
        if isinstance(message, Request):
            self._receive_request(message, hop, self._clock(), handed=True)

    def has_invite(self, data: bytes, hop: Hop) -> bool:
        """Whether the INVITE of this CANCEL or ACK is here."""
        try:
            request = parse(data, self._limits)
            if not isinstance(request, Request):
                return False
            request.set_top_via_params(hop.host, hop.port)
            if request.method == "ACK":
                return self._transactions.server(request) is not None
            return self.progress_of(request) is not None or self._transactions.invite_of(request) is not None
        except SipError:
            return False

    def refuse_overload(self, data: bytes, hop: Hop) -> None:
        """What is done with a message when every greenlet is waiting: a new request gets a stateless 503.

        Responses and retransmissions never wait, so they are handled as ever: calls get on, and nobody whose
        request is under way is told that it was refused.
        """
        try:
            message = parse(data, self._limits)
            check_mandatory(message)
        except SipError:
            return
        now = self._clock()
        if isinstance(message, Response):
            if self._defer is not None and message.body:
                self._defer(self._responses.receive, message, hop, now)
            else:
                self._responses.receive(message, hop, now)
        elif isinstance(message, Request):
            message.set_top_via_params(hop.host, hop.port)
            if self._new(message, now) is not None:
                self._refuse_busy(message, hop)

    def progress_of(self, request: Request) -> Incoming | None:
        """The INVITE in progress that a CANCEL is for (RFC 3261 §9.2)."""
        return self.in_progress.get(server_key(request, "INVITE"))

    def _new(self, request: Request, now: float) -> Key | None:
        """The key of a new request; None for a copy of one that has been answered or is under way."""
        key = server_key(request, request.method)
        return None if self._transactions.absorb(request, now, key) or key in self.in_progress else key

    def _receive_request(
        self, request: Request, hop: Hop, now: float, raw: bytes = b"", *, handed: bool = False
    ) -> None:
        request.set_top_via_params(hop.host, hop.port)
        key = self._new(request, now)
        if key is None:
            self._answers.explain("Comes again: it was answered, or is under way", "yellow", request)
            return
        if self._scanners is not None and not handed and self._scanners.turns_away(request, hop):
            self._metrics.messages_rejected["scanner"] += 1
            return
        if hop.transport != "udp" and self._aliases is not None:
            self._aliases.note(request, hop)
        try:
            incoming = Incoming(request, hop, now, self._answers, self._clock, key)
        except SipError as unreadable:  # a Route that cannot be read
            unreadable.partial = request
            self._refuse_unreadable(unreadable, hop)
            return
        incoming.raw = raw
        if not handed:
            self._requests_received[request.method, hop.transport] += 1
        if len(self.in_progress) >= self._max_in_progress:
            self._refuse_busy(request, hop)
            return
        self.in_progress[key] = incoming
        trying = self._trying_later(incoming) if request.method == "INVITE" else None
        try:
            self._route(incoming)
        except StorageError:
            incoming.reply(self._answers.replies.overloaded, (RETRY_AFTER,))
        except SipError as error:
            incoming.reply(_answer_of(error))
        except Exception as fault:  # noqa: BLE001 - whatever it is, the caller is told and the next one is served
            self._on_trouble(fault, request)
            incoming.reply(Answer(500, "Server Internal Error"))
        finally:
            del self.in_progress[key]
            if trying is not None:
                trying.cancel()
            self._handling[request.method].observe(self._clock() - incoming.now)

    def _trying_later(self, incoming: Incoming) -> Timer:
        def send_trying(_: float) -> None:
            if self._shared is not None and self._shared.may_go():
                return  # whoever hears nothing says it again, and that to the box that has the address then
            transaction = incoming.transaction
            if transaction is None or not transaction.last_status:
                incoming.reply(self._answers.replies.trying)

        return self._transactions.wheel.schedule(incoming.now + _TRYING_AFTER, send_trying)

    def _answer_stun(self, data: bytes, hop: Hop, send: Callable[[bytes, Hop], None]) -> bool:
        """Whether it was a phone that asked by STUN where it sends from. Strangers are not told: the answer
        is longer than the question."""
        known = self._scanners is None or self._scanners.door.is_known(hop.host)
        answer = binding_answer(data, hop.host, hop.port) if known and hop.transport == "udp" else None
        if answer is None:
            return False
        try:
            send(answer, hop)
        except OSError:
            pass  # whoever asked is gone
        return True

    def _refuse_busy(self, request: Request, hop: Hop) -> None:
        self._metrics.messages_rejected["overload"] += 1
        self._on_overload()
        self._answers.send_stateless(request, hop, self._answers.replies.overloaded, (RETRY_AFTER,))

    def _refuse_unreadable(self, error: SipError, hop: Hop) -> None:
        """A request that can at least be answered gets its 400; anything else is dropped and counted (§8.2,
        §16.3)."""
        self._metrics.messages_rejected["too_large" if error.status == 513 else "malformed"] += 1
        if self._scanners is not None:
            self._scanners.door.failed(hop.host, "garbage", hop.transport != "udp")
        partial = error.partial
        if not isinstance(partial, Request) or partial.method == "ACK":
            return
        try:
            partial.set_top_via_params(hop.host, hop.port)
            self._answers.send_stateless(partial, hop, _answer_of(error))
        except SipError:
            return  # not even the way back can be read


def _answer_of(error: SipError) -> Answer:
    # The text of an error is for the log: it may quote what a stranger wrote.
    return Answer(error.status, error.reason or REASONS[error.status])
