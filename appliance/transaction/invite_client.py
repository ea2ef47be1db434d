"""The INVITE client transaction: figure 5 of RFC 3261 with RFC 6026 §7.2. The rules stand in the table."""

from __future__ import annotations

from collections.abc import Sequence

from appliance.sip.message import Response
from appliance.transaction.client import ClientTransaction
from appliance.transaction.derived import ack_of
from appliance.transaction.machine import (
    ACCEPTED,
    CALLING,
    COMPLETED,
    EXPIRY,
    FAILURE,
    PROCEEDING,
    PROVISIONAL,
    RESEND,
    SUCCESS,
    TERMINATED,
    TRANSPORT_ERROR,
    UNSENT,
    Remains,
    Table,
)
from appliance.transaction.timers import NEVER

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


class InviteClientTransaction(ClientTransaction):
    """An INVITE. It acknowledges a refusal by itself; the ACK for a 2xx is the caller's (§17.1.1.3).

    ``wanted_cancel`` holds the extra header lines of a CANCEL that was asked for; None: none was.
    """

    __slots__ = ("wanted_cancel",)

    table = INVITE_CLIENT

    wanted_cancel: Sequence[tuple[str, str]] | None

    def go_on(self, remains: Remains, then: float, soon: float) -> None:
        self.wanted_cancel = None
        super().go_on(remains, then, soon)

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
        self.linger(self.timers.d, now)
        self.data = ack_of(self.request, response).encode()
        self.send_ack()
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
