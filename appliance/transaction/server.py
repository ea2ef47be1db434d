"""A server transaction (RFC 3261 §17.2): one request that came to us, and our answers to it.

What INVITE and all other methods have in common. An answer that cannot be sent is counted and kept:
whoever asks again gets it again (RFC 6026 §7.1 leaves the state as it is, too).
"""

from __future__ import annotations

from typing import Any

from appliance.sip.hop import Hop
from appliance.sip.message import Request
from appliance.transaction.machine import EVENT_OF_STATUS, Home, Transaction
from appliance.transaction.matching import Key
from appliance.transaction.timers import NEVER, Timers
from appliance.transaction.user import ServerUser


class ServerTransaction(Transaction):
    """A request from a neighbour; ``hop`` is where its answers go.

    ``request`` is there until the final answer has been sent, and gone from then on. ``user`` may be set
    at any time. ``response`` is the last answer, ``last_status`` its status (0: none yet).
    """

    __deletable__ = ("request",)
    __slots__ = ("last_status", "request", "response", "user")

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
        self.began = 0.0
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
        if status >= 200 and self.began:
            self.home.finished((self.method, "server"), now - self.began)
            self.began = 0.0
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
