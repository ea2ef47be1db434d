"""The transactions that live now: listing, counting, cancelling, answering (``t_hash t_uac_cancel t_reply``).

OpenSER names a transaction ``index:label``. Here the index is its kind, in the order of ``KINDS``, and the
label is made of its key, so that both stay the same as long as it lives.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from zlib import crc32

from appliance.errors import ControlError
from appliance.operations.box import Box
from appliance.operations.uac_request import headers_in
from appliance.sip.grammar import is_token
from appliance.sip.reply import reply
from appliance.transaction.machine import CALLING, PROCEEDING, TRYING, Transaction
from appliance.transaction.table import (
    ClientTransaction,
    InviteClientTransaction,
    InviteServerTransaction,
    NonInviteClientTransaction,
    NonInviteServerTransaction,
    ServerTransaction,
)

KINDS = ("invite_client", "invite_server", "client", "server")

_KIND_OF = {
    InviteClientTransaction: 0,
    InviteServerTransaction: 1,
    NonInviteClientTransaction: 2,
    NonInviteServerTransaction: 3,
}
_UNANSWERED = (CALLING, TRYING, PROCEEDING)


class Transactions:
    """Looks into the table of transactions."""

    def __init__(self, box: Box) -> None:
        self._box = box

    def rows(self) -> list[dict[str, Any]]:
        """All of them: ``id``, ``kind``, ``method``, ``state``, ``peer``.

        Those that have no final answer yet have ``call_id`` and ``cseq`` too.
        """
        return [self._row(transaction) for transaction in self._box.transactions]

    def slots(self) -> list[dict[str, int]]:
        """One row for each kind: how many live, and how many there were since the start."""
        table = self._box.transactions
        return [
            {"index": index, "current": table.active[kind], "total": table.begun[kind]}
            for index, kind in enumerate(KINDS)
        ]

    def cancel(self, callid: str, cseq: str) -> None:
        """Cancel an INVITE that has no final answer yet, all its branches. 481 when there is none."""
        now = self._box.clock()
        number = cseq.strip().partition(" ")[0]
        found = [each for each in self._unanswered() if _is(each, "INVITE", callid, number)]
        received = [each for each in found if isinstance(each, InviteServerTransaction)]
        sent = [each for each in found if isinstance(each, InviteClientTransaction)]
        if not found:
            raise ControlError(481, "No such transaction")
        for invite in received:
            invite.cancel(now)
        if not received:
            # Our own: nobody's INVITE is behind it, whose branches would be cancelled with it.
            for own in sent:
                self._box.transactions.cancel(own, now)

    def reply(
        self,
        status: int,
        reason: str,
        index: int,
        label: int,
        to_tag: str,
        headers: str | None = None,
        body: str | None = None,
    ) -> None:
        """Answer a request that waits for its final answer; what it was forwarded to is cancelled.

        404 when there is no such transaction, 500 when it does not take this answer.
        """
        transaction = next((each for each in self._unanswered() if _identity(each) == (index, label)), None)
        if not isinstance(transaction, ServerTransaction):
            raise ControlError(404, "Transaction not found")
        lines = headers_in(headers or "")
        if to_tag and not is_token(to_tag):
            raise ControlError(400, "Bad parameter")
        try:
            data = reply(
                transaction.request,
                status,
                reason or None,
                to_tag=to_tag or None,
                headers=[f"{name}: {value}" for name, value in lines],
                body=(body or "").encode("utf-8", "surrogateescape"),
            )
        except ValueError:  # a line end in the reason
            raise ControlError(400, "Bad parameter") from None
        now = self._box.clock()
        user = transaction.user
        if not transaction.respond(status, data, now):
            raise ControlError(500, "Reply failed")
        self._box.metrics.responses_sent[transaction.method, status] += 1
        if status >= 200 and user is not None and isinstance(transaction, InviteServerTransaction):
            user.on_cancel(transaction, now)

    def _unanswered(self) -> Iterator[Transaction]:
        """Those whose request is still known."""
        return (each for each in self._box.transactions if each.state in _UNANSWERED)

    def _row(self, transaction: Transaction) -> dict[str, Any]:
        index, label = _identity(transaction)
        row = {
            "id": f"{index}:{label}",
            "kind": KINDS[index],
            "method": transaction.method,
            "state": transaction.state,
            "peer": str(transaction.hop),
        }
        if transaction.state in _UNANSWERED and isinstance(
            transaction, ServerTransaction | ClientTransaction
        ):
            row["call_id"] = transaction.request.call_id
            row["cseq"] = str(transaction.request.cseq.number)
        return row


def _identity(transaction: Transaction) -> tuple[int, int]:
    return _KIND_OF[type(transaction)], crc32(repr(transaction.key).encode("utf-8", "surrogateescape"))


def _is(transaction: Transaction, method: str, call_id: str, number: str) -> bool:
    if transaction.method != method or not isinstance(transaction, ServerTransaction | ClientTransaction):
        return False
    request = transaction.request
    return request.call_id == call_id and str(request.cseq.number) == number
