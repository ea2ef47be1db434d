"""The client transaction of every other method: figure 6 of RFC 3261. The rules stand in the table."""

from __future__ import annotations

from appliance.sip.message import Response
from appliance.transaction.client import ClientTransaction
from appliance.transaction.machine import (
    COMPLETED,
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
    Table,
)

NON_INVITE_CLIENT: Table = {
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


class NonInviteClientTransaction(ClientTransaction):
    """Any other request, CANCEL among them."""

    __slots__ = ()

    table = NON_INVITE_CLIENT

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
