"""Relaying (``t_relay`` of an OpenSER script): with a response context, or without any state where there is
none.

An ACK is no transaction of its own; a CANCEL, and the ACK of a failed call, may come when the process that
sent their INVITE is gone. Their branches can be computed again, so they are sent after it all the same.
"""

from __future__ import annotations

from collections.abc import Callable

from appliance.errors import StorageError
from appliance.proxy.calls import Calls
from appliance.proxy.domains import Domains
from appliance.proxy.forking.response_context import ResponseContext
from appliance.proxy.forking.surroundings import Surroundings
from appliance.proxy.incoming import Incoming
from appliance.proxy.locating import Unroutable
from appliance.proxy.nat.media_context import MediaContext
from appliance.proxy.other_workers import OtherWorkers
from appliance.proxy.replies import Answer
from appliance.proxy.target import Target
from appliance.proxy.targets import TargetSet, in_groups, numbered
from appliance.sip.message import Request

_OK = Answer(200, "OK")


class Relays:
    """Sends requests on.

    ``progress_of(request)`` finds the INVITE that a CANCEL is for while its handler still waits for
    something.
    """

    def __init__(
        self,
        around: Surroundings,
        domains: Domains,
        locations: TargetSet,
        calls: Calls,
        max_branches: int,
        progress_of: Callable[[Request], Incoming | None],
        others: OtherWorkers | None = None,
    ) -> None:
        self._others = others
        self._around = around
        self._domains = domains
        self._locations = locations
        self._calls = calls
        self._max_branches = max_branches
        self._progress_of = progress_of

    def relay(self, incoming: Incoming, targets: list[Target]) -> None:
        """Sends the request to its targets; whatever comes back finds its own way to the sender."""
        request = incoming.request
        if request.method == "ACK":
            for number, target in numbered(targets):
                self._send_stateless(incoming, target, number)
            return
        if not targets:
            self.refused(incoming, incoming.replies.not_registered.status)
            incoming.reply(incoming.replies.not_registered)
            return
        if incoming.cancelled:  # while its handler waited for a lookup
            incoming.admit()
            incoming.reply(incoming.replies.cancelled)
            return
        if request.method == "BYE":
            self._calls.hung_up(request, incoming.now)
        context = self.context_of(incoming, self.watcher_of(incoming, targets[0].looped))
        context.start(in_groups(targets, self._max_branches))

    def context_of(self, incoming: Incoming, watcher: Callable[[int], None]) -> ResponseContext:
        """A response context for a request; ``watcher`` is told the final status."""
        if self._around.media is not None:
            return MediaContext(incoming, self._around, watcher)
        return ResponseContext(incoming, self._around, watcher)

    def cancel(self, incoming: Incoming) -> None:
        """A CANCEL goes where its INVITE went, and is answered here (RFC 3261 §9.2, §16.10)."""
        waiting = self._progress_of(incoming.request)
        if waiting is not None:
            waiting.cancelled = True
        invite = self._around.transactions.invite_of(incoming.request)
        if invite is not None or waiting is not None:
            incoming.explain("Ends the request that is under way: those that it rings are told so")
            incoming.admit()
            incoming.reply(_OK)
            if invite is not None:
                invite.cancel(incoming.now)
        elif self._is_elsewhere(incoming):
            return  # the worker that has the INVITE answers
        elif self._follow(incoming):
            incoming.reply(_OK)
        else:
            incoming.reply(incoming.replies.no_transaction)

    def acknowledge(self, incoming: Incoming) -> None:
        """An ACK without a route of ours: for a reply of our own, or for one that passed before a restart
        (§17.1.1.3)."""
        if not incoming.has_our_tag() and not self._is_elsewhere(incoming):
            self._follow(incoming)

    def is_loop(self, incoming: Incoming) -> bool:
        """Whether it was here before and would go the same way again (§16.3 step 4, RFC 5393 §4.2)."""
        return self._around.forwarder.is_loop(incoming)

    def _is_elsewhere(self, incoming: Incoming) -> bool:
        """Whether another worker has the INVITE, and has been given this request."""
        others, raw = self._others, incoming.raw
        return others is not None and bool(raw) and others.find_invite(raw, incoming.hop)

    def _follow(self, incoming: Incoming) -> bool:
        """Sends a CANCEL or ACK after an INVITE whose transaction is gone, to our own users only."""
        if not self._domains.is_me(incoming.request.uri):
            return False
        try:
            targets = self._locations.lookup(self._domains.aor(incoming.request.uri))
        except StorageError:
            return False
        for number, target in numbered(targets[: self._max_branches]):
            self._send_stateless(incoming, target, number)
        return bool(targets)

    def _send_stateless(self, incoming: Incoming, target: Target, number: int) -> None:
        around = self._around
        try:
            outgoing = around.forwarder.prepare(incoming, target, number)
            around.send(outgoing.request.encode(), outgoing.hop)
        except (OSError, Unroutable):
            return  # the caller sends it again, or nobody ever needs it
        around.metrics.requests_forwarded[incoming.request.method, outgoing.hop.transport] += 1

    def watcher_of(self, incoming: Incoming, looped: bool) -> Callable[[int], None]:
        """Who is told the final status: the count of calls, when the request begins one."""
        request = incoming.request
        if request.method != "INVITE" or request.to_tag is not None or looped:
            return nobody_watches
        self._calls.begin()
        return lambda status: self._calls.decided(request, status, incoming.now, self._around.clock())

    def refused(self, incoming: Incoming, status: int) -> None:
        """A request that was let in goes nowhere: when it was to begin a call, that is one all the same."""
        request = incoming.request
        if request.method == "INVITE" and request.to_tag is None:
            self._calls.refused(status)


def nobody_watches(status: int) -> None:
    """The end of a request that is no call's beginning is nobody's business."""
