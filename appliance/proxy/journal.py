"""What the proxy tells the journal: one line for each change of a registration, and for each end of a call.

Nothing is told of single messages: for those there is the trace.
"""

from __future__ import annotations

import traceback

from appliance.errors import StorageError
from appliance.proxy.calls import CallEnd, party
from appliance.proxy.incoming import Incoming
from appliance.registrar.answer import Outcome
from appliance.registrar.binding import Binding
from appliance.sip.hop import Hop
from appliance.sip.message import Request
from appliance.telemetry.journal import Journal
from appliance.telemetry.metrics import Metrics


class ProxyJournal:
    """Counts and tells what became of registrations and calls."""

    def __init__(self, journal: Journal, metrics: Metrics) -> None:
        self._journal = journal
        self._metrics = metrics
        self._tells_refreshes = journal.enabled("binding-refreshed")
        self._tells_calls = journal.enabled("call-ended")

    def registered(self, incoming: Incoming, outcome: Outcome) -> None:
        """A REGISTER has been answered."""
        counts = self._metrics.registrations
        if outcome.status >= 300:
            counts["unavailable" if outcome.status == 503 else "rejected"] += 1
            self._refused(incoming, outcome)
        elif not outcome.changes:
            counts["fetched"] += 1
        for kind, binding in outcome.changes:
            counts[kind] += 1
            if kind != "refreshed" or self._tells_refreshes:
                self._changed(incoming, outcome, kind, binding)

    def expired(self, binding: Binding) -> None:
        """A binding was not refreshed in time."""
        self._metrics.bindings_expired += 1
        self._journal.event(
            "binding-expired",
            f"{binding.aor} is no longer at {binding.contact}: it was not refreshed in time",
            sip_aor=binding.aor,
            sip_contact=binding.contact,
            sip_call_id=binding.call_id,
        )

    def unreachable(self, binding: Binding) -> None:
        """A phone behind a NAT did not answer what keeps its flow open."""
        self._journal.event(
            "binding-removed",
            f"{binding.aor} is no longer at {binding.contact}: it did not answer keep-alives",
            sip_aor=binding.aor,
            sip_contact=binding.contact,
            sip_call_id=binding.call_id,
        )

    def stays(self, binding: Binding, error: StorageError) -> None:
        """It did not, and could not be taken away."""
        self._journal.say("warning", f"{binding.aor} answers no keep-alives, and stays registered: {error}")

    def not_verified(self, request: Request, hop: Hop, reason: str) -> None:
        """Credentials were not accepted."""
        name = party(request.from_)
        self._journal.event(
            "auth-failed",
            f"{hop.host} {request.method} as {name}: {reason.replace('_', ' ')}",
            sip_peer=hop,
            sip_method=request.method,
            sip_aor=name,
            sip_call_id=request.call_id,
            reason=reason,
        )

    def relay_refused(self, incoming: Incoming) -> None:
        """Somebody of another domain wanted to send through us, or into a walled garden."""
        request, hop = incoming.request, incoming.hop
        name = party(request.from_)
        self._journal.event(
            "relay-refused",
            f"{hop.host} {request.method} as {name}: strangers are not let in there",
            sip_peer=hop,
            sip_method=request.method,
            sip_from=name,
            sip_to=request.uri_text,
            sip_call_id=request.call_id,
        )

    def overloaded(self) -> None:
        """More waits than may."""
        self._journal.event("overload", "more requests wait than may: new ones get a 503")

    def guarded(self, request: Request, host: str) -> None:
        """Somebody tried to send to a gateway past the rules."""
        self._metrics.gateway_requests["stopped"] += 1
        name = party(request.from_)
        self._journal.event(
            "gateway-guarded",
            f"{request.method} of {name} for {request.uri_text} was kept from the gateway {host}",
            sip_peer=host,
            sip_method=request.method,
            sip_aor=name,
            sip_call_id=request.call_id,
        )

    def gateway_failed(self, name: str) -> None:
        """A gateway did not do its work."""
        self._metrics.gateway_requests["failed_over"] += 1
        words = f"the gateway {name} has failed; others come first for a while"
        self._journal.event("gateway-failed", words)

    def failed(self, error: BaseException, request: Request) -> None:
        """A request could not be handled by a fault of ours."""
        trace = "".join(traceback.format_exception(error))
        self._journal.event(
            "request-failed",
            f"{request.method} failed by a fault of ours: {error!r}",
            trace,
            sip_call_id=request.call_id,
            sip_method=request.method,
        )

    def crashed(self, error: BaseException) -> None:
        """A fault of ours where no request is to be told of."""
        trace = "".join(traceback.format_exception(error))
        self._journal.say("error", f"something failed by a fault of ours: {error!r}", trace)

    def call_ended(self, end: CallEnd) -> None:
        """A call is over, or never came about."""
        self._journal.recent.call(end.caller, end.callee, end.status, end.result, end.seconds)
        if not self._tells_calls:
            return
        lasted = "" if end.seconds is None else f" after {end.seconds:.0f} s"
        self._journal.event(
            "call-ended",
            f"{end.caller} called {end.callee}: {end.result} ({end.status}){lasted}",
            sip_call_id=end.call_id,
            sip_from=end.caller,
            sip_to=end.callee,
            sip_code=end.status,
            sip_result=end.result,
            duration_ms=None if end.seconds is None else round(end.seconds * 1000),
        )

    def _changed(self, incoming: Incoming, outcome: Outcome, kind: str, binding: Binding) -> None:
        self._journal.event(
            f"binding-{kind}",
            f"REGISTER {binding.aor} {outcome.status} from {incoming.hop}: {kind} {binding.contact}",
            sip_aor=binding.aor,
            sip_contact=binding.contact,
            sip_call_id=binding.call_id,
            sip_code=outcome.status,
            sip_peer=incoming.hop,
            sip_transport=incoming.hop.transport,
        )

    def _refused(self, incoming: Incoming, outcome: Outcome) -> None:
        self._journal.event(
            "registration-refused",
            f"REGISTER {incoming.request.to.uri.aor} {outcome.status} {outcome.reason} from {incoming.hop}",
            sip_aor=incoming.request.to.uri.aor,
            sip_call_id=incoming.request.call_id,
            sip_code=outcome.status,
            sip_peer=incoming.hop,
            sip_transport=incoming.hop.transport,
        )
