"""Client transactions (RFC 3261 §17.1 with RFC 6026): one request that we sent, and the answers that come.

The rules stand in the two tables; what is done stands below them. A user is never called from within
``begin_client``: when the request cannot even be sent, the transaction is UNSENT until the next tick and
tells it then. When the final answer has been passed on, a transaction keeps no more than its key and its
ACK.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from appliance.sip.hop import Hop
from appliance.sip.message import Request, Response
from appliance.transaction.derived import ack_of, cancel_for
from appliance.transaction.machine import (
    ACCEPTED,
    CALLING,
    COMPLETED,
    EVENT_OF_STATUS,
    EXPIRY,
    FAILURE,
    PROCEEDING,
    PROVISIONAL,
    RESEND,
    SUCCESS,
    TERMINATED,
    TRANSPORT_ERROR,
    TRYING,
    UNSENT,
    Home,
    Table,
    Transaction,
)
from appliance.transaction.matching import Key
from appliance.transaction.timers import NEVER, Timers
from appliance.transaction.user import NOBODY, ClientUser

# Figure 5 of RFC 3261 with figure 4 of RFC 6026.
INVITE_CLIENT: Table = {
    CALLING: {
        PROVISIONAL: (PROCEEDING, "proceed"),
        SUCCESS: (ACCEPTED, "accept"),  # starts Timer M
        FAILURE: (COMPLETED, "acknowledge"),  # starts Timer D
        RESEND: (CALLING, "resend"),  # Timer A
        EXPIRY: (TERMINATED, "time_out"),  # Timer B
        TRANSPORT_ERROR: (UNSENT, "report"),
    },
    PROCEEDING: {
        PROVISIONAL: (PROCEEDING, "pass_up"),
        SUCCESS: (ACCEPTED, "accept"),
        FAILURE: (COMPLETED, "acknowledge"),
        EXPIRY: (TERMINATED, "time_out"),  # cancelled, and 64*T1 later still no answer: §9.1
    },
    UNSENT: {EXPIRY: (TERMINATED, "fail_for_good")},
    ACCEPTED: {
        SUCCESS: (ACCEPTED, "pass_up"),  # a copy, or the 2xx of another fork
        EXPIRY: (TERMINATED, "end"),  # Timer M
    },
    COMPLETED: {
        FAILURE: (COMPLETED, "acknowledge_again"),
        EXPIRY: (TERMINATED, "end"),  # Timer D
    },
    TERMINATED: {},
}

# Figure 6 of RFC 3261.
OTHER_CLIENT: Table = {
    TRYING: {
        PROVISIONAL: (PROCEEDING, "pass_up"),
        SUCCESS: (COMPLETED, "complete"),  # starts Timer K
        FAILURE: (COMPLETED, "complete"),
        RESEND: (TRYING, "resend"),  # Timer E
        EXPIRY: (TERMINATED, "time_out"),  # Timer F
        TRANSPORT_ERROR: (UNSENT, "report"),
    },
    PROCEEDING: {
        PROVISIONAL: (PROCEEDING, "pass_up"),
        SUCCESS: (COMPLETED, "complete"),
        FAILURE: (COMPLETED, "complete"),
        RESEND: (PROCEEDING, "resend_slowly"),  # Timer E
        EXPIRY: (TERMINATED, "time_out"),  # Timer F
        TRANSPORT_ERROR: (UNSENT, "report"),
    },
    UNSENT: {EXPIRY: (TERMINATED, "fail_for_good")},
    COMPLETED: {
        SUCCESS: (COMPLETED, "count_copy"),
        FAILURE: (COMPLETED, "count_copy"),
        EXPIRY: (TERMINATED, "end"),  # Timer K
    },
    TERMINATED: {},
}


class ClientTransaction(Transaction):
    """A request that was sent to ``hop`` as ``data``; ``request`` is the same, with our own Via on top.

    ``request`` is there until the final response has been passed on, and gone from then on.
    """

    __slots__ = ("data", "request", "user")

    key: Key

    def __init__(
        self,
        home: Home,
        shelf: dict[Key, Any],
        key: Key,
        request: Request,
        data: bytes,
        hop: Hop,
        timers: Timers,
        user: ClientUser,
    ) -> None:
        self.slot = 0
        self.home = home
        self.shelf = shelf
        self.key = key
        self.request = request
        self.data = data
        self.hop = hop
        self.timers = timers
        self.user = user

    @property
    def branch(self) -> str:
        """The branch of our Via."""
        return str(self.key[0])

    @property
    def method(self) -> str:
        """The request's method."""
        return str(self.key[1])

    def receive(self, response: Response, now: float) -> None:
        """Takes a response that belongs to this transaction."""
        row = self.rows[self.state].get(EVENT_OF_STATUS.get(response.status))  # type: ignore[arg-type]
        if row is not None:
            self.state, action = row
            action(self, response, now)

    def fail(self, now: float) -> None:
        """Told by whoever learns later that the request did not reach the next hop: the connection broke."""
        self.happen(TRANSPORT_ERROR, now)

    def abandon(self) -> None:
        """Ends without a word: its user has found another answer, and what still comes meets nobody."""
        self.end(self.expire_at)

    def start(self, interval: float, patience: float, now: float) -> None:
        self.interval = interval
        self.resend_at = now + interval
        self.expire_at = now + patience
        self.transmit(now)
        self.sleep()

    def transmit(self, now: float) -> None:
        try:
            self.home.send(self.data, self.hop)
        except OSError:
            self.home.transport_errors["request"] += 1
            self.happen(TRANSPORT_ERROR, now)

    def transmit_again(self, interval: float, now: float) -> None:
        self.back_off(interval, now)
        self.home.retransmissions["out", "request"] += 1
        self.transmit(now)

    def pass_up(self, response: Response, now: float) -> None:
        self.user.on_response(self, response, now)

    def report(self, now: float) -> None:
        """The user hears of it with the next tick, and not in the middle of what it is doing."""
        self.resend_at = NEVER
        self.expire_at = now
        self.sleep()

    def fail_for_good(self, now: float) -> None:
        user = self.user
        self.end(now)
        user.on_transport_error(self, now)

    def time_out(self, now: float) -> None:
        self.home.timeouts[self.method] += 1
        user = self.user
        self.end(now)
        user.on_timeout(self, now)

    def end(self, now: float) -> None:
        super().end(now)
        self.user = NOBODY


class InviteClientTransaction(ClientTransaction):
    """An INVITE. It acknowledges a refusal by itself; the ACK for a 2xx is the caller's (§17.1.1.3).

    ``wanted_cancel`` holds the extra header lines of a CANCEL that was asked for; None: none was.
    """

    __slots__ = ("wanted_cancel",)

    table = INVITE_CLIENT

    wanted_cancel: Sequence[tuple[str, str]] | None

    def begin(self, now: float) -> None:
        self.state = CALLING
        self.wanted_cancel = None
        self.start(self.timers.a, self.timers.b, now)

    def resend(self, now: float) -> None:
        self.transmit_again(2 * self.interval, now)

    def proceed(self, response: Response, now: float) -> None:
        """Somebody is there: from now on it is the user who limits the waiting (Timer C)."""
        self.resend_at = self.expire_at = NEVER
        if self.wanted_cancel is not None:
            self.home.send_cancel(self, self.wanted_cancel, now)
        self.user.on_response(self, response, now)

    def limit(self, now: float) -> None:
        """After a CANCEL the answer must come within 64*T1, or the transaction is over (§9.1)."""
        self.expire_at = now + self.timers.b
        self.sleep()

    def accept(self, response: Response, now: float) -> None:
        self.data = b""
        self.linger(self.timers.m, now)
        self.user.on_response(self, response, now)
        del self.request

    def acknowledge(self, response: Response, now: float) -> None:
        user = self.user
        self.data = ack_of(self.request, response).encode()
        self.send_ack()
        self.linger(self.timers.d, now)
        user.on_response(self, response, now)
        del self.request

    def acknowledge_again(self, _copy: Response, _now: float) -> None:
        self.home.retransmissions["in", "response"] += 1
        self.home.retransmissions["out", "request"] += 1
        self.send_ack()

    def send_ack(self) -> None:
        try:
            self.home.send(self.data, self.hop)
        except OSError:
            # The user has its answer. The refusal comes again, and then the ACK has another chance.
            self.home.transport_errors["request"] += 1


class NonInviteClientTransaction(ClientTransaction):
    """Any other request, CANCEL among them."""

    __slots__ = ()

    table = OTHER_CLIENT

    def begin(self, now: float) -> None:
        self.state = TRYING
        self.start(self.timers.e, self.timers.f, now)

    def resend(self, now: float) -> None:
        self.transmit_again(min(2 * self.interval, self.timers.t2), now)

    def resend_slowly(self, now: float) -> None:
        self.transmit_again(self.timers.t2, now)

    def complete(self, response: Response, now: float) -> None:
        user = self.user
        self.data = b""
        self.linger(self.timers.k, now)
        user.on_response(self, response, now)
        del self.request

    def count_copy(self, _copy: Response, _now: float) -> None:
        self.home.retransmissions["in", "response"] += 1


def cancel_of(client: InviteClientTransaction, headers: Sequence[tuple[str, str]] = ()) -> Request:
    """The CANCEL of an INVITE that has no final response yet (§9.1); ``headers`` as in ``cancel_for``."""
    return cancel_for(client.request, headers)
