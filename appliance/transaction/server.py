"""Server transactions (RFC 3261 §17.2 with RFC 6026, RFC 4320): one request that came, and our answers.

The rules stand in the two tables; what is done stands below them. When the last answer has been given, a
transaction keeps no more than its key and that answer. What becomes of an answer that cannot be sent: it is
counted and kept, for whoever asks again gets it again (RFC 6026 §7.1 leaves the state as it is, too).
"""

from __future__ import annotations

from typing import Any

from appliance.sip.hop import Hop
from appliance.sip.message import Request
from appliance.sip.parser import parse
from appliance.sip.reply import reply
from appliance.transaction.machine import (
    ACCEPTED,
    ACK,
    CANCEL,
    COMPLETED,
    CONFIRMED,
    EVENT_OF_STATUS,
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
    Home,
    Table,
    Transaction,
)
from appliance.transaction.matching import Key
from appliance.transaction.timers import NEVER, Timers
from appliance.transaction.user import ServerUser

# Figure 7 of RFC 3261 with figure 3 of RFC 6026.
INVITE_SERVER: Table = {
    PROCEEDING: {
        REQUEST: (PROCEEDING, "answer_again"),
        PROVISIONAL: (PROCEEDING, "answer"),
        SUCCESS: (ACCEPTED, "accept"),  # starts Timer L
        FAILURE: (COMPLETED, "refuse"),  # starts Timers G and H
        CANCEL: (PROCEEDING, "pass_cancel"),
    },
    ACCEPTED: {
        REQUEST: (ACCEPTED, "ignore"),
        SUCCESS: (ACCEPTED, "answer_once"),
        EXPIRY: (TERMINATED, "end"),  # Timer L
    },
    COMPLETED: {
        REQUEST: (COMPLETED, "answer_again"),
        ACK: (CONFIRMED, "confirm"),  # starts Timer I
        RESEND: (COMPLETED, "resend"),  # Timer G
        EXPIRY: (TERMINATED, "give_up"),  # Timer H
    },
    CONFIRMED: {
        REQUEST: (CONFIRMED, "ignore"),
        ACK: (CONFIRMED, "ignore"),
        EXPIRY: (TERMINATED, "end"),  # Timer I
    },
    TERMINATED: {},
}

# Figure 8 of RFC 3261 with RFC 4320 §4.
OTHER_SERVER: Table = {
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


class ServerTransaction(Transaction):
    """A request from a neighbour; ``hop`` is where its answers go.

    ``request`` is there until the final answer has been sent, and gone from then on. ``user`` may be set
    at any time. ``response`` is the last answer, ``last_status`` its status (0: none yet).
    """

    __slots__ = ("last_status", "request", "response", "user")

    key: Key

    def __init__(
        self,
        home: Home,
        shelf: dict[Key, Any],
        key: Key,
        request: Request,
        hop: Hop,
        timers: Timers,
        user: ServerUser | None,
    ) -> None:
        self.slot = 0
        self.home = home
        self.shelf = shelf
        self.key = key
        self.request = request
        self.hop = hop
        self.timers = timers
        self.user = user
        self.last_status = 0
        self.response = b""
        self.resend_at = self.expire_at = NEVER
        self.interval = 0.0

    @property
    def method(self) -> str:
        """The request's method."""
        return str(self.key[3])

    @property
    def final(self) -> bool:
        """Whether a final answer has been given."""
        return self.last_status >= 200

    def respond(self, status: int, data: bytes, now: float) -> bool:
        """Sends ``data``, a whole response of ``status``; False when the state or RFC 4320 forbids that."""
        row = self.rows[self.state].get(EVENT_OF_STATUS.get(status))  # type: ignore[arg-type]  # None: no row
        if row is None:
            return False
        self.state, action = row
        self.last_status = status
        self.response = data
        action(self, now)
        return True

    def transmit(self) -> None:
        """Sends the last answer, when there is one."""
        if self.response:
            try:
                self.home.send(self.response, self.hop)
            except OSError:
                self.home.transport_errors["response"] += 1

    def answer(self, _now: float) -> None:
        self.resend_at = NEVER
        self.transmit()

    def answer_again(self, _now: float) -> None:
        if self.response:
            self.home.retransmissions["out", "response"] += 1
            self.transmit()

    def end(self, now: float) -> None:
        super().end(now)
        user = self.user
        if user is not None:
            self.user = None
            user.on_terminated(self, now)


class InviteServerTransaction(ServerTransaction):
    """An INVITE. Its user sends a 100 within 200 ms, unless another answer is sent by then (§17.2.1)."""

    __slots__ = ()

    table = INVITE_SERVER

    def begin(self, _now: float) -> None:
        """No timer runs while the phone rings: it is the user who limits that (Timer C)."""
        self.state = PROCEEDING

    def cancel(self, now: float) -> bool:
        """Tells the user that the client gave up (§9.2); False when a final answer was there before."""
        return self.happen(CANCEL, now)

    def answered_as(self, to_tag: str | None) -> bool:
        """Whether the last answer had this To tag: what tells an RFC 2543 client's ACK (§17.2.3)."""
        answer = parse(self.response) if self.response else None
        return answer is not None and answer.to_tag == to_tag

    def accept(self, now: float) -> None:
        self.transmit()
        # Copies of a 2xx come from the callee and pass through; we send none by ourselves.
        self.response = b""
        del self.request
        self.linger(self.timers.l, now)

    def answer_once(self, _now: float) -> None:
        self.transmit()
        self.response = b""

    def refuse(self, now: float) -> None:
        self.transmit()
        del self.request
        self.interval = self.timers.g
        self.resend_at = now + self.timers.g
        self.expire_at = now + self.timers.h
        self.sleep()

    def resend(self, now: float) -> None:
        self.answer_again(now)
        self.back_off(min(2 * self.interval, self.timers.t2), now)

    def confirm(self, now: float) -> None:
        self.linger(self.timers.i, now)

    def give_up(self, now: float) -> None:
        self.home.timeouts["ACK"] += 1
        self.end(now)

    def pass_cancel(self, now: float) -> None:
        if self.user is not None:
            self.user.on_cancel(self, now)


class NonInviteServerTransaction(ServerTransaction):
    """Any other request, CANCEL among them."""

    __slots__ = ()

    table = OTHER_SERVER

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
            early = self.state is TRYING and now < self.resend_at and not self.timers.early_trying
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
