"""Phones that ring for a call whose state is lost: a process that was killed has written nothing down.

When one phone answers such a call, the others must stop. Who they are is looked up again, and the branches of
their copies are computed again (``branch``), so they can be sent the CANCEL that the lost process would have
sent (RFC 3261 §16.7 step 10), and their refusals are acknowledged here. That is possible where To names who
was called, as it does unless somebody diverted the call: the loop mark in the branch tells.
"""

from __future__ import annotations

from math import inf

from appliance.errors import SipError, StorageError
from appliance.proxy.branch import Branches, copy_of, same_worker
from appliance.proxy.domains import Domains
from appliance.proxy.forking.surroundings import Surroundings
from appliance.proxy.incoming import Incoming
from appliance.proxy.locating import Unroutable
from appliance.proxy.target import Target
from appliance.proxy.targets import numbered
from appliance.sip.hop import Hop
from appliance.sip.message import Request, Response
from appliance.transaction.machine import PROCEEDING, Remains
from appliance.transaction.matching import client_key
from appliance.transaction.table import ClientTransaction, InviteClientTransaction
from appliance.transaction.user import Nobody

_RINGING = Remains(PROCEEDING, 0.0, inf, inf)


class Orphans:
    """Ends the ringing of the other phones of a call that was answered."""

    def __init__(self, around: Surroundings, domains: Domains, branches: Branches, max_branches: int) -> None:
        self._around = around
        self._domains = domains
        self._branches = branches
        self._max_branches = max_branches

    def answered(self, number: int, mark: str, response: Response, caller: Hop) -> None:
        """Copy ``number`` of an INVITE with this loop mark has got ``response``, a 2xx that is passed on to
        ``caller``, its topmost Via being the caller's. May block."""
        around = self._around
        try:
            invite = _as_it_came(response)
            if self._branches.mark(invite) != mark or not self._domains.is_me(invite.uri):
                return
            targets = around.targets.lookup(self._domains.aor(invite.uri))
        except (SipError, StorageError):
            return
        incoming = Incoming(invite, caller, around.clock(), around.answers, around.clock)
        for other, target in numbered(targets[: self._max_branches]):
            if other != copy_of(number):
                around.defer(self._cancel, incoming, target, same_worker(other, number))

    def _cancel(self, incoming: Incoming, target: Target, number: int) -> None:
        around = self._around
        try:
            request, hop, _ = around.forwarder.prepare(incoming, target, number)
            now = around.clock()
            transaction = around.transactions.resume_client(
                request,
                request.encode(),
                hop,
                _Loser(around, incoming.hop),
                client_key(request),
                _RINGING,
                now,
                now,
            )
        except (Unroutable, ValueError):
            return  # the phone is gone, or it has been told already
        if isinstance(transaction, InviteClientTransaction):
            around.metrics.requests_forwarded["CANCEL", hop.transport] += 1
            around.transactions.cancel(transaction, now)


class _Loser(Nobody):
    """Listens to a phone that was told to stop: if it was answered all the same, the caller must know."""

    def __init__(self, around: Surroundings, caller: Hop) -> None:
        self._around = around
        self._caller = caller

    def on_response(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        if 200 <= response.status < 300:
            response.remove_first_item("via")
            try:
                self._around.send(response.encode(), self._caller)
            except OSError:
                return  # the caller is gone, and nobody else can be told


def _as_it_came(response: Response) -> Request:
    """The INVITE as its sender must have sent it to us, as far as a branch and a CANCEL need it."""
    return Request.create(
        "INVITE",
        response.to.uri_text,
        [
            *(("Via", via) for via in response.items("via")),
            ("Max-Forwards", "70"),
            ("From", response.first("from") or ""),
            ("To", f"<{response.to.uri_text}>"),
            ("Call-ID", response.call_id),
            ("CSeq", f"{response.cseq.number} INVITE"),
        ],
    )
