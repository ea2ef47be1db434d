"""Responses that come in (RFC 3261 §16.7, §18.1.2): to their transaction, or on without one.

A response whose transaction is gone (the process has been restarted, or another worker sent the request) is
passed on when its two topmost Vias prove that the request went through us: our branch is a MAC over the
branch below it. RFC 6026 §7.3 forbids passing such responses on because anybody could forge them; the MAC is
what stops a forger, and a call that was ringing over a restart is answered: a deliberate deviation.
"""

from __future__ import annotations

from collections.abc import Callable

from appliance.errors import SipError
from appliance.proxy.branch import Branches, parts_of
from appliance.proxy.forking.challenges import CHALLENGES, Challenges
from appliance.proxy.forking.orphans import Orphans
from appliance.proxy.nat.detection import NatTest
from appliance.proxy.nat.media import Media
from appliance.proxy.privacy import Privacy
from appliance.proxy.pstn.guard import Guard
from appliance.sip.hop import Hop
from appliance.sip.hosts import without_brackets
from appliance.sip.message import Response
from appliance.telemetry.metrics import Metrics
from appliance.transaction.table import TransactionTable


class Responses:
    """Sorts the responses that come in."""

    def __init__(
        self,
        transactions: TransactionTable,
        branches: Branches,
        send: Callable[[bytes, Hop], None],
        local_for: Callable[[Hop], Hop],
        orphans: Orphans,
        metrics: Metrics,
        challenges: Challenges,
        privacy: Privacy,
        nat: NatTest | None = None,
        media: Media | None = None,
        guard: Guard | None = None,
    ) -> None:
        self._guard = guard
        self._challenges = challenges
        self._privacy = privacy
        self._nat = nat
        self._media = media
        self._transactions = transactions
        self._branches = branches
        self._send = send
        self._local_for = local_for
        self._orphans = orphans
        self._responses_received = metrics.responses_received
        self._messages_rejected = metrics.messages_rejected

    def receive(self, response: Response, hop: Hop, now: float) -> None:
        self._responses_received[response.cseq.method, response.status] += 1
        if not self._transactions.receive_response(response, now):
            self._pass_on(response, hop)

    def _pass_on(self, response: Response, hop: Hop) -> None:
        # A late response to anything but an INVITE is of no use any more (RFC 4320 §4.2).
        if response.cseq.method != "INVITE" or response.status == 100 or not self._branches.verify(response):
            self._messages_rejected["unmatched"] += 1
            return
        guard = self._guard
        if guard is not None and guard.watches and not self._of_a_gateway(guard, response, hop.host):
            self._messages_rejected["unmatched"] += 1
            return
        if response.status in (401, 407) and not self._challenges.may_pass_late(response):
            response.status, response.reason = 403, "Forbidden"
            for key in CHALLENGES:
                response.remove(key)
        self._privacy.answered(response, hop.host, to_insider=False)
        parts = parts_of(response.via.branch)
        response.remove_first_item("via")
        via = response.via
        host = without_brackets(via.received or via.host)  # RFC 5118 §4.5: some write them in received, too
        sent_by_port = via.sent_by[1]
        way = Hop(via.transport.lower(), host, via.rport or sent_by_port, hop.listener)
        if way.reliable:
            way = way._replace(sent_by_port=sent_by_port)
        if self._nat is not None:
            self._nat.fix_reply(response, hop, nated=False, direct=response.has("record-route"))
        if self._media is not None and response.status < 300:
            self._media.answered_late(response, hop.host)
        try:
            back = self._local_for(way)
            self._send(response.encode(), back)
        except (OSError, SipError):
            self._messages_rejected["unmatched"] += 1
            return
        if parts is not None and 200 <= response.status < 300:
            self._orphans.answered(*parts, response, back)

    @staticmethod
    def _of_a_gateway(guard: Guard, response: Response, host: str) -> bool:
        """Makes a gateway's answer ready to be passed on; False for its challenge, which is for us alone."""
        if response.status in (401, 407):
            return not guard.is_gateway(host)
        if response.status < 300:
            guard.answered_by(host, response)
        return True
