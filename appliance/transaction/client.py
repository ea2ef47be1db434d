"""A client transaction (RFC 3261 §17.1): one request that we sent, and the answers that come.

What INVITE and all other methods have in common. A user is never called from within ``begin_client``:
when the request cannot even be sent, the transaction is UNSENT until the next tick, and tells it then.
"""

from __future__ import annotations

from typing import Any

from appliance.sip.hop import Hop
from appliance.sip.message import Request, Response
from appliance.transaction.machine import EVENT_OF_STATUS, TRANSPORT_ERROR, Home, Transaction
from appliance.transaction.matching import Key
from appliance.transaction.timers import NEVER, Timers
from appliance.transaction.user import NOBODY, ClientUser


class ClientTransaction(Transaction):
    """A request that was sent to ``hop`` as ``data``; ``request`` is the same, with our own Via on top.

    ``request`` is there until the final response has been passed on, and gone from then on.
    """

    __deletable__ = ("request",)
    __slots__ = ("data", "request", "user")

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
        self.began = 0.0

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
            if response.status >= 200 and self.began:
                self.home.finished((self.method, "client"), now - self.began)
                self.began = 0.0
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
        self.sleep()
        self.transmit(now)

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
        user, self.user = self.user, NOBODY
        user.on_over(self, now)
