"""The table of transactions: finds the one that a message belongs to, begins new ones, counts (RFC 3261 §17).

There is one dictionary for each of the four kinds, so a kind's number is its length. Who calls it does so
in this order: ``absorb`` for every request that came in, ``begin_server`` for one that is let in,
``begin_client`` for each copy that is sent on, ``receive_response`` for every response, and
``wheel.advance`` with every tick.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from appliance.sip.hop import Hop
from appliance.sip.message import Request, Response
from appliance.transaction.client import ClientTransaction
from appliance.transaction.derived import cancel_of
from appliance.transaction.invite_client import InviteClientTransaction
from appliance.transaction.invite_server import InviteServerTransaction
from appliance.transaction.machine import (
    ACCEPTED,
    ACK,
    CALLING,
    PROCEEDING,
    REQUEST,
    TERMINATED,
    Remains,
    Transaction,
)
from appliance.transaction.matching import Key, client_key, is_old_key, old_server_key, server_key
from appliance.transaction.non_invite_client import NonInviteClientTransaction
from appliance.transaction.non_invite_server import NonInviteServerTransaction
from appliance.transaction.server import ServerTransaction
from appliance.transaction.timers import TimerSettings, TimerWheel
from appliance.transaction.user import NOBODY, ClientUser, ServerUser

__all__ = [
    "BranchInUse",
    "ClientTransaction",
    "ClientUser",
    "InviteClientTransaction",
    "InviteServerTransaction",
    "NonInviteClientTransaction",
    "NonInviteServerTransaction",
    "ServerTransaction",
    "ServerUser",
    "TransactionTable",
]


class BranchInUse(ValueError):
    """A request of the same branch and method was sent before, and is remembered."""


def _nobody_asks(_key: tuple[str, str], _seconds: float) -> None:
    """Nobody wants to know how long transactions take."""


class TransactionTable:
    """All transactions of one process.

    ``send(data, hop)`` may raise OSError. ``retransmissions`` counts by ("in" | "out", "request" |
    "response"), ``timeouts`` by method those that nobody answered ("ACK": a refusal that nobody
    acknowledged), ``transport_errors`` by "request" | "response" what could not be sent, ``begun`` by kind
    (as ``active``) all that there were. ``timeouts`` may be handed in: strangers can invent methods, and who
    counts for long needs a bound. ``finished((method, "server" | "client"), seconds)`` is told how long a
    final response took.
    """

    def __init__(
        self,
        send: Callable[[bytes, Hop], None],
        settings: TimerSettings | None = None,
        wheel: TimerWheel | None = None,
        timeouts: dict[str, int] | None = None,
        finished: Callable[[tuple[str, str], float], None] | None = None,
    ) -> None:
        settings = settings or TimerSettings()
        self.send = send
        self.wheel = TimerWheel() if wheel is None else wheel
        self.retransmissions: dict[tuple[str, str], int] = defaultdict(int)
        self.timeouts: dict[str, int] = defaultdict(int) if timeouts is None else timeouts
        self.transport_errors: dict[str, int] = defaultdict(int)
        self.begun: dict[str, int] = defaultdict(int)
        self.finished = _nobody_asks if finished is None else finished
        self._unreliable = settings.unreliable
        self._reliable = settings.reliable
        self._invite_servers: dict[Key, InviteServerTransaction] = {}
        self._servers: dict[Key, NonInviteServerTransaction] = {}
        self._invite_clients: dict[Key, InviteClientTransaction] = {}
        self._clients: dict[Key, NonInviteClientTransaction] = {}

    # -------------------------------------------------------------------------------- requests that came

    def absorb(self, request: Request, now: float, key: Key | None = None) -> bool:
        """Whether a transaction has dealt with ``request``: a copy, or the ACK for a refusal.

        The last answer has been sent again then, when there was one. False for a new request, and for the
        ACK of a 2xx, which is to be routed. Whoever has made the request's ``server_key`` already gives it.
        """
        method = request.method
        if method == "ACK":
            invite = self._acknowledged(request)
            return invite is not None and (invite.happen(ACK, now) or invite.state != ACCEPTED)
        if key is None:
            key = server_key(request, method)
        transaction = (self._invite_servers if method == "INVITE" else self._servers).get(key)
        if transaction is None:
            return False
        self.retransmissions["in", "request"] += 1
        transaction.happen(REQUEST, now)
        return True

    def server(self, request: Request) -> ServerTransaction | None:
        """The transaction that a copy of its request, or an ACK, belongs to (§17.2.3)."""
        method = request.method
        if method == "ACK":
            return self._acknowledged(request)
        shelf = self._invite_servers if method == "INVITE" else self._servers
        return shelf.get(server_key(request, method))

    def invite_of(self, cancel: Request) -> InviteServerTransaction | None:
        """The INVITE that a CANCEL means (§9.2): the same branch, or all that an RFC 2543 client repeats."""
        return self._invite_servers.get(server_key(cancel, "INVITE"))

    def begin_server(
        self, request: Request, hop: Hop, now: float, user: ServerUser | None = None, key: Key | None = None
    ) -> ServerTransaction:
        """A transaction for a request that is let in; its answers go to ``hop``.

        Raises ValueError when there is one already: ``absorb`` would have found it.
        """
        method = request.method
        if key is None:
            key = server_key(request, method)
        timers = self._unreliable if hop.transport == "udp" else self._reliable
        transaction: InviteServerTransaction | NonInviteServerTransaction
        if method == "INVITE":
            invites = self._invite_servers
            if key in invites:
                raise ValueError(f"there is a server transaction {key!r} already")
            transaction = InviteServerTransaction(self, invites, key, request, hop, timers, user)
            invites[key] = transaction
            self.begun["invite_server"] += 1
        else:
            others = self._servers
            if key in others:
                raise ValueError(f"there is a server transaction {key!r} already")
            transaction = NonInviteServerTransaction(self, others, key, request, hop, timers, user)
            others[key] = transaction
            self.begun["server"] += 1
        transaction.began = now
        transaction.begin(now)
        return transaction

    # ---------------------------------------------------------------------------- requests that we send

    def begin_client(
        self, request: Request, data: bytes, hop: Hop, user: ClientUser, now: float
    ) -> ClientTransaction:
        """Sends ``data``, the text of ``request`` with our own Via on top, to ``hop``; no ACK goes this way.

        ``user`` is never called from within. Raises BranchInUse when the branch is: two requests must differ
        in it (§8.1.1.7).
        """
        key = client_key(request)
        timers = self._unreliable if hop.transport == "udp" else self._reliable
        transaction: InviteClientTransaction | NonInviteClientTransaction
        if key[1] == "INVITE":
            invites = self._invite_clients
            if key in invites:
                raise BranchInUse(f"there is a client transaction {key!r} already")
            transaction = InviteClientTransaction(self, invites, key, request, data, hop, timers, user)
            invites[key] = transaction
            self.begun["invite_client"] += 1
        else:
            others = self._clients
            if key in others:
                raise BranchInUse(f"there is a client transaction {key!r} already")
            transaction = NonInviteClientTransaction(self, others, key, request, data, hop, timers, user)
            others[key] = transaction
            self.begun["client"] += 1
        transaction.began = now
        transaction.begin(now)
        return transaction

    def cancel(
        self, invite: InviteClientTransaction, now: float, headers: Sequence[tuple[str, str]] = ()
    ) -> None:
        """Cancels an INVITE that we sent, by all of §9.1.

        While nobody has answered, the CANCEL waits for the first provisional response. When there is no final
        response 64*T1 after it, the INVITE has timed out. Nothing happens when it has been answered, or was
        cancelled before. ``headers`` are further header lines for the CANCEL, such as a Reason (RFC 3326).
        """
        if invite.wanted_cancel is None and invite.state in (CALLING, PROCEEDING):
            invite.wanted_cancel = headers
            if invite.state == PROCEEDING:
                self.send_cancel(invite, headers, now)

    def cancel_again(
        self, invite: InviteClientTransaction, headers: Sequence[tuple[str, str]], when: float
    ) -> None:
        """The same for an INVITE that was cancelled by another process: its CANCEL is sent once more at
        ``when``, unless there is an answer by then."""
        invite.wanted_cancel = headers

        def still_rings(now: float) -> None:
            if invite.state == PROCEEDING:
                self.send_cancel(invite, headers, now)

        if invite.state == PROCEEDING:
            self.wheel.schedule(when, still_rings)

    def send_cancel(
        self, invite: InviteClientTransaction, headers: Sequence[tuple[str, str]], now: float
    ) -> None:
        """Sends the CANCEL now; its own answer changes nothing."""
        cancel = cancel_of(invite.request, headers)
        invite.limit(now)
        self.begin_client(cancel, cancel.encode(), invite.hop, NOBODY, now)

    def client(self, response: Response) -> ClientTransaction | None:
        """The transaction that a response belongs to (§17.1.3)."""
        key = client_key(response)
        shelf = self._invite_clients if key[1] == "INVITE" else self._clients
        return shelf.get(key)

    def receive_response(self, response: Response, now: float) -> bool:
        """Gives a response to its transaction, and by it to its user; False when there is none."""
        key = client_key(response)
        transaction = (self._invite_clients if key[1] == "INVITE" else self._clients).get(key)
        if transaction is None:
            return False
        transaction.receive(response, now)
        return True

    # ------------------------------------------------------------------------------- going on after a restart

    def resume_server(
        self, request: Request, hop: Hop, key: Key, remains: Remains, then: float, soon: float
    ) -> ServerTransaction:
        """The transaction that another process had at ``then``; nothing is sent before ``soon``. One that was
        over stands in no table.

        Raises ValueError when there is one already, or when no transaction of its kind has such a state.
        """
        kind: type[ServerTransaction]
        shelf: dict[Key, Any]
        if request.method == "INVITE":
            kind, shelf = InviteServerTransaction, self._invite_servers
        else:
            kind, shelf = NonInviteServerTransaction, self._servers
        timers = self._unreliable if hop.transport == "udp" else self._reliable
        transaction = kind(self, shelf, key, request, hop, timers, None)
        self._resume(transaction, shelf, remains, then, soon)
        return transaction

    def resume_client(
        self,
        request: Request,
        data: bytes,
        hop: Hop,
        user: ClientUser,
        key: Key,
        remains: Remains,
        then: float,
        soon: float,
    ) -> ClientTransaction:
        """The same for a request that was sent as ``request``; ``data`` is what would be sent again.

        Raises ValueError as above.
        """
        kind: type[ClientTransaction]
        shelf: dict[Key, Any]
        if key[1] == "INVITE":
            kind, shelf = InviteClientTransaction, self._invite_clients
        else:
            kind, shelf = NonInviteClientTransaction, self._clients
        timers = self._unreliable if hop.transport == "udp" else self._reliable
        transaction = kind(self, shelf, key, request, data, hop, timers, user)
        self._resume(transaction, shelf, remains, then, soon)
        return transaction

    def _resume(
        self, transaction: Transaction, shelf: dict[Key, Any], remains: Remains, then: float, soon: float
    ) -> None:
        if remains.state not in transaction.rows:
            raise ValueError(f"a transaction cannot be {remains.state!r}")
        if transaction.key in shelf:
            raise ValueError(f"there is a transaction {transaction.key!r} already")
        if remains.state != TERMINATED:
            shelf[transaction.key] = transaction
        transaction.go_on(remains, then, soon)

    # ------------------------------------------------------------------------------------------ counting

    @property
    def active(self) -> dict[str, int]:
        """How many there are of each kind, those that only linger included."""
        return {
            "invite_client": len(self._invite_clients),
            "invite_server": len(self._invite_servers),
            "client": len(self._clients),
            "server": len(self._servers),
        }

    def __len__(self) -> int:
        return sum(self.active.values())

    def __iter__(self) -> Iterator[Transaction]:
        """Every transaction, as of now."""
        for shelf in (self._invite_servers, self._invite_clients, self._servers, self._clients):
            yield from list(shelf.values())

    def _acknowledged(self, ack: Request) -> InviteServerTransaction | None:
        """The INVITE that an ACK belongs to by §17.2.3."""
        invites = self._invite_servers
        key = server_key(ack, "INVITE")
        invite = invites.get(key)
        if not is_old_key(key):
            return invite
        # From an RFC 2543 client: the To tag of a first INVITE was absent, the ACK's is that of our answer.
        if invite is None:
            invite = invites.get(old_server_key(ack, "INVITE", None))
        return invite if invite is not None and invite.answered_as(ack.to_tag) else None
