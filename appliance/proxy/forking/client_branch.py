"""One branch of a response context: a copy of the request under way to one target (RFC 3261 §16.6, §16.7).

It is the user of its client transaction and passes on what comes of it: a response, or silence as the status
that stands for it. Must not know the other branches, nor which response wins. (The branch parameter of its
Via is computed in ``branch``.)
"""

from __future__ import annotations

from typing import Protocol

from appliance.proxy.forking.best_response import Final
from appliance.proxy.forking.unfinished import (
    SentCopy,
    UnfinishedBranch,
    bytes_of,
    lasting,
    lasting_target,
    text_of,
)
from appliance.proxy.pstn.gateway_login import Asked
from appliance.proxy.target import Target
from appliance.sip.hop import Hop
from appliance.sip.message import Request, Response
from appliance.sip.parser import parse
from appliance.transaction.table import ClientTransaction, InviteClientTransaction, TransactionTable


class Context(Protocol):
    """Who waits for the branch."""

    def branch_answered(self, branch: Branch, response: Response, now: float) -> None:
        """A response has come, of any class."""

    def branch_ended(self, branch: Branch, final: Final, now: float) -> None:
        """It has no 2xx to give: its final response, or the status that stands for its silence."""

    def branch_over(self) -> None:
        """A transaction of a branch has left its table."""


class Branch:
    """One copy of the request under way to one target; the user of its client transaction. ``asked`` is the
    challenge of a gateway that it answers, ``servers`` are those of the target that were not tried yet."""

    __slots__ = (
        "asked", "context", "final", "number", "patience", "proceeding", "servers", "target", "transaction",
    )  # fmt: skip

    def __init__(self, context: Context, target: Target, number: int) -> None:
        self.context = context
        self.target = target
        self.number = number
        self.transaction: ClientTransaction | None = None
        self.patience: float | None = None
        self.proceeding = False
        self.final: Final | None = None
        self.asked: Asked | None = None
        self.servers: tuple[Hop, ...] = ()

    def on_response(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        self.context.branch_answered(self, response, now)

    def on_timeout(self, transaction: ClientTransaction, now: float) -> None:
        self.context.branch_ended(self, Final(408, None), now)

    def on_transport_error(self, transaction: ClientTransaction, now: float) -> None:
        # §16.9 asks for a 503 here; to a caller, a phone that cannot be reached is one that is not there.
        self.context.branch_ended(self, Final(480, None), now)

    def on_over(self, transaction: ClientTransaction, now: float) -> None:
        self.context.branch_over()

    @property
    def lingers(self) -> bool:
        """Whether its transaction has something to send still: the request, its CANCEL, a refusal's ACK."""
        return self.transaction is not None and bool(self.transaction.data and self.transaction.shelved)

    def remains(self, now: float) -> UnfinishedBranch:
        """What another process has to know of it."""
        final, transaction, sent = self.final, self.transaction, None
        if transaction is not None and self.lingers:
            wanted = transaction.wanted_cancel if isinstance(transaction, InviteClientTransaction) else None
            sent = SentCopy(
                data=text_of(transaction.data),
                hop=lasting(transaction.hop),
                branch=transaction.branch,
                transaction=transaction.remains(now),
                cancel=None if wanted is None else list(wanted),
            )
        answer = None if final is None or final.response is None else text_of(final.response.encode())
        return UnfinishedBranch(
            number=self.number,
            target=lasting_target(self.target),
            proceeding=self.proceeding,
            final=None if final is None else (final.status, answer),
            sent=sent,
            servers=[lasting(server) for server in self.servers],
        )

    def go_on(self, sent: SentCopy, table: TransactionTable, then: float, soon: float) -> None:
        """Takes up its transaction; a CANCEL that has had no effect by ``soon`` is sent again. Raises as
        ``context`` does."""
        data = bytes_of(sent.data)
        request = parse(data)
        if not isinstance(request, Request):
            raise ValueError("no request")
        # What is sent may be the ACK of a refusal, which belongs to its INVITE.
        method = "INVITE" if request.method == "ACK" else request.method
        self.transaction = transaction = table.resume_client(
            request, data, sent.hop, self, (sent.branch, method), sent.transaction, then, soon
        )
        if sent.cancel is not None and isinstance(transaction, InviteClientTransaction):
            table.cancel_again(transaction, sent.cancel, soon)
