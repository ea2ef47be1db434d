"""The server transaction of all other methods: figure 8 of RFC 3261 with RFC 4320. The rules: the table.

Two things are RFC 4320's: a 100 goes out by itself when nothing else was in time, and a 408 never does.
"""

from __future__ import annotations

from appliance.sip.reply import reply
from appliance.transaction.machine import (
    COMPLETED,
    EXPIRY,
    FAILURE,
    PROCEEDING,
    PROVISIONAL,
    REQUEST,
    RESEND,
    SILENCE,
    SUCCESS,
    TERMINATED,
    TRYING,
    Table,
)
from appliance.transaction.server import ServerTransaction
from appliance.transaction.timers import NEVER

NON_INVITE_SERVER: Table = {
    TRYING: {
        REQUEST: (TRYING, "ignore"),
        PROVISIONAL: (PROCEEDING, "answer"),
        SUCCESS: (COMPLETED, "complete"),  # starts Timer J
        FAILURE: (COMPLETED, "complete"),
        SILENCE: (COMPLETED, "stay_silent"),
        RESEND: (PROCEEDING, "say_trying"),  # no copy, but the first 100: RFC 4320 §4.1
        EXPIRY: (TERMINATED, "end"),  # the client's Timer F has ended it there
    },
    PROCEEDING: {
        REQUEST: (PROCEEDING, "answer_again"),
        PROVISIONAL: (PROCEEDING, "answer"),
        SUCCESS: (COMPLETED, "complete"),
        FAILURE: (COMPLETED, "complete"),
        SILENCE: (COMPLETED, "stay_silent"),
        EXPIRY: (TERMINATED, "end"),
    },
    COMPLETED: {
        REQUEST: (COMPLETED, "answer_again"),
        EXPIRY: (TERMINATED, "end"),  # Timer J
    },
    TERMINATED: {},
}


class NonInviteServerTransaction(ServerTransaction):
    """Any other request, CANCEL among them."""

    __slots__ = ()

    table = NON_INVITE_SERVER

    def begin(self, now: float) -> None:
        """Whatever the user does: after Timer F the client does not wait any more, and no copy can come."""
        self.state = TRYING
        self.resend_at = now + self.timers.trying
        self.expire_at = now + self.timers.f
        self.home.wheel.enter(self, self.resend_at)

    def respond(self, status: int, data: bytes, now: float) -> bool:
        """As above, within RFC 4320 §4: of the 1xx only a 100, and that not early; never a 408.

        A 408 ends the transaction without a word: the client has given up by itself, and its 408 would meet
        nobody (§4.2).
        """
        if status < 200:
            early = self.state == TRYING and now < self.resend_at and not self.timers.early_trying
            if early or status != 100:
                return False
        elif status == 408:
            return self.happen(SILENCE, now)
        return ServerTransaction.respond(self, status, data, now)

    def say_trying(self, now: float) -> None:
        self.last_status = 100
        self.response = reply(self.request, 100)
        self.answer(now)

    def complete(self, now: float) -> None:
        self.transmit()
        del self.request
        self.resend_at = NEVER
        if self.timers.j:
            # It stays on the wheel for an earlier time, and will see then that the end has moved.
            self.expire_at = now + self.timers.j
        else:
            self.end(now)

    def stay_silent(self, now: float) -> None:
        self.last_status = 408
        self.response = b""
        del self.request
        self.linger(self.timers.j, now)
