"""A restart in the middle of calls: what is under way is written down at the end, taken up at the start.

To the phones it is as if nothing had happened: a call that rings at three phones is answered at one of them
and stops at the others, and whoever gives up is heard (RFC 3261 §16.7, §16.10). Requests other than INVITE
are taken up as well; over UDP they would come again by themselves (§17.1.2.2), over TCP they would not. A
phone that has been challenged answers the next process: which nonces were used is handed over too.

Must not know where the text is kept meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from appliance.auth.nonce import NonceSource
from appliance.errors import SipError
from appliance.proxy.accounting import Accounting
from appliance.proxy.calls import Calls
from appliance.proxy.forking.client_branch import Branch
from appliance.proxy.forking.response_context import ResponseContext
from appliance.proxy.forking.surroundings import Surroundings
from appliance.proxy.forking.unfinished import Unfinished, Unreadable, bytes_of, forwarded_of, read, write
from appliance.proxy.incoming import Incoming, reply_hop
from appliance.proxy.preferences.forwarded import FailureRoute
from appliance.proxy.pstn.trusted import Peer
from appliance.proxy.relays import Relays, nobody_watches
from appliance.sip.hop import Hop
from appliance.sip.message import Request
from appliance.sip.parser import parse
from appliance.transaction.matching import server_key
from appliance.transaction.table import ClientTransaction, ServerTransaction

# How long nothing is sent again: what came while nobody was there is heard first, however much that is.
_HEARS_FIRST = 2.0
# Beyond, the newest requests are left behind: stopping must not take long.
_MOST_REQUESTS = 20_000


class Takeover:
    """Writes down what is under way, and takes it up again.

    ``listeners`` are (transport, host, port) by listener index; ``say(level, message)`` tells the
    administrator; ``sender`` is who is known by his address.
    """

    def __init__(
        self,
        around: Surroundings,
        calls: Calls,
        relays: Relays,
        nonces: NonceSource,
        listeners: Sequence[tuple[str, str, int]],
        say: Callable[[str, str], None],
        sender: Callable[[Request, Hop], Peer | None],
        accounting: Accounting | None = None,
        failure_route: FailureRoute | None = None,
    ) -> None:
        self._around = around
        self._calls = calls
        self._relays = relays
        self._nonces = nonces
        self._listeners = list(listeners)
        self._say = say
        self._sender = sender
        self._accounting = accounting
        self._failure_route = failure_route

    def write_down(self, now: float, wall: float) -> bytes:
        """All that is under way; to be called when nothing more is read."""
        contexts = [context for context in self._contexts() if context.unfinished]
        contexts.sort(key=lambda context: context.done)
        requests = [context.remains(now) for context in islice(contexts, _MOST_REQUESTS)]
        return write(wall, self._listeners, requests, self._calls.remains(now), self._nonces.remains())

    def take_up(self, data: bytes, now: float, wall: float) -> None:
        """Goes on with what ``write_down`` has written; what cannot be used is told of in one line."""
        try:
            leftovers = read(data)
        except Unreadable as problem:
            self._say("warning", f"the calls that were under way are not taken up: {problem}")
            return
        self._nonces.go_on(leftovers.nonces)
        elapsed = max(0.0, wall - leftovers.stopped)
        self._calls.resume(leftovers.calls, now - elapsed)
        if not leftovers.requests:
            return
        count = len(leftovers.requests)
        if elapsed > self._around.timer_c_seconds:
            self._say(
                "info", f"{count} requests are not taken up: the last process ended {elapsed:.0f} s ago"
            )
        elif leftovers.listeners != self._listeners:
            self._say("warning", f"{count} requests are not taken up: the last process listened elsewhere")
        else:
            then, soon = now - elapsed, now + _HEARS_FIRST
            taken = sum(self._take_up(record, then, soon) for record in leftovers.requests)
            level = "info" if taken == count else "warning"
            self._say(level, f"{taken} of {count} requests that were under way are taken up")

    def _contexts(self) -> Iterator[ResponseContext]:
        seen = set()
        for transaction in self._around.transactions:
            context: object = None
            if isinstance(transaction, ClientTransaction) and isinstance(transaction.user, Branch):
                context = transaction.user.context
            elif isinstance(transaction, ServerTransaction):
                context = transaction.user
            if isinstance(context, ResponseContext) and id(context) not in seen:
                seen.add(id(context))
                yield context

    def _take_up(self, record: Unfinished, then: float, soon: float) -> bool:
        """Whether the record could be used."""
        try:
            incoming = self._incoming(record, then, soon)
            watcher: Callable[[int], None] = nobody_watches
            if not record.done:
                looped = any(branch.target.looped for branch in record.branches)
                watcher = self._relays.watcher_of(incoming, looped)
                if self._accounting is not None and not looped:
                    self._accounting.begin(incoming)
            self._relays.context_of(incoming, watcher).go_on(record, then, soon)
        except (SipError, ValueError):
            return False
        return True

    def _incoming(self, record: Unfinished, then: float, soon: float) -> Incoming:
        """The request with its server transaction as it was."""
        around = self._around
        request = parse(bytes_of(record.request))
        if not isinstance(request, Request):
            raise ValueError("no request")
        sent_to = request.uri_text
        came_to, routes = record.came_as
        request.uri_text = came_to  # by which a client of RFC 2543 is known again
        key = server_key(request, request.method)
        request.uri_text = sent_to
        incoming = Incoming(request, record.hop, then - record.age, around.answers, around.clock, key)
        incoming.came_as = (came_to, routes)
        incoming.account, incoming.outside = record.account, record.outside
        incoming.forwarded = forwarded_of(record.forwarded, self._failure_route)
        incoming.nated, incoming.peer_nated, incoming.marks = record.nated, record.peer_nated, record.marks
        if request.to_tag is None:
            incoming.peer = self._sender(request, record.hop)
        incoming.transaction = server = around.transactions.resume_server(
            request, reply_hop(request, record.hop), key, record.server, then, soon
        )
        server.last_status, server.response = record.last_status, bytes_of(record.response)
        return incoming
