"""The INVITE server transaction: figure 7 of RFC 3261 with RFC 6026 §7.1. The rules stand in the table."""

from __future__ import annotations

from appliance.sip.parser import parse
from appliance.transaction.machine import (
    ACCEPTED,
    ACK,
    CANCEL,
    COMPLETED,
    CONFIRMED,
    EXPIRY,
    FAILURE,
    PROCEEDING,
    PROVISIONAL,
    REQUEST,
    RESEND,
    SUCCESS,
    TERMINATED,
    Table,
)
from appliance.transaction.server import ServerTransaction

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
        self.linger(self.timers.l, now)
        self.transmit()
        # Copies of a 2xx come from the callee and pass through; we send none by ourselves.
        self.response = b""
        del self.request

    def answer_once(self, _now: float) -> None:
        self.transmit()
        self.response = b""

    def refuse(self, now: float) -> None:
        self.interval = self.timers.g
        self.resend_at = now + self.timers.g
        self.expire_at = now + self.timers.h
        self.sleep()
        self.transmit()
        del self.request

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
