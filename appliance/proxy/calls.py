"""The calls that pass through: when one begins, what becomes of it, how long it lasts.

A proxy is no party to a call; it sees the INVITE that begins it, the response that answers it, and the BYE
that ends it, because it stays in the route (RFC 3261 §16.6 step 4). A call whose BYE never passes is
forgotten after a day.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from appliance.errors import MalformedMessage
from appliance.proxy.forking.unfinished import AnsweredCall
from appliance.sip.headers import NameAddr
from appliance.sip.message import Request
from appliance.telemetry.metrics import Metrics

_FORGOTTEN_AFTER = 86_400.0
_MOST = 200_000


class Call(NamedTuple):
    """An answered call; times are monotonic seconds."""

    call_id: str
    caller: str
    callee: str
    answered: float


class CallEnd(NamedTuple):
    """What is told of a call that is over; ``seconds`` is None when it was never answered."""

    call_id: str
    caller: str
    callee: str
    status: int
    result: str
    seconds: float | None


_RESULTS = {
    486: "busy", 600: "busy", 408: "no_answer", 480: "no_answer", 487: "cancelled", 404: "not_found",
    604: "not_found", 403: "rejected", 603: "rejected", 488: "rejected", 606: "rejected", 607: "rejected",
}  # fmt: skip


def result_of(status: int) -> str:
    """What a final status means to somebody who made a call."""
    return "answered" if 200 <= status < 300 else _RESULTS.get(status, "failed")


def party(address: NameAddr) -> str:
    """Who is named in a From or To, for people to read, whatever stands there."""
    try:
        uri = address.uri
    except MalformedMessage:
        return address.uri_text
    return str(uri.aor) if uri.host else uri.text


class Calls:
    """Counts calls; ``on_end(end)`` is told of each one that is over.

    ``elsewhere(call_id)`` is told of a BYE for a call that is not ours, where other workers have calls too.
    """

    def __init__(self, metrics: Metrics, on_end: Callable[[CallEnd], None]) -> None:
        self._metrics = metrics
        self._on_end = on_end
        self.elsewhere: Callable[[str], None] | None = None
        self._answered: OrderedDict[str, Call] = OrderedDict()
        self._being_set_up = 0
        metrics.source("calls_active", lambda: self.active)

    @property
    def active(self) -> int:
        """How many are being set up or have been answered and not ended."""
        return self._being_set_up + len(self._answered)

    def begin(self) -> None:
        self._metrics.call_attempts += 1
        self._being_set_up += 1

    def refused(self, status: int) -> None:
        """A call that was let in leads nowhere: it counts as all others do."""
        self._metrics.call_attempts += 1
        self._metrics.calls_completed[result_of(status)] += 1
        self._metrics.call_responses[status] += 1

    def decided(self, invite: Request, status: int, began: float, now: float) -> None:
        """The INVITE has its final response."""
        self._being_set_up -= 1
        result = result_of(status)
        self._metrics.calls_completed[result] += 1
        self._metrics.call_responses[status] += 1
        caller, callee = party(invite.from_), party(invite.to)
        if result != "answered":
            self._on_end(CallEnd(invite.call_id, caller, callee, status, result, None))
            return
        self._metrics.call_setup_seconds.observe(now - began)
        self._answered[invite.call_id] = Call(invite.call_id, caller, callee, now)
        self._forget_old(now)

    def hung_up(self, bye: Request, now: float) -> None:
        """A BYE has passed, from either side; a second one, or one of a call that we do not know, changes
        nothing."""
        if not self.end(bye.call_id, now) and self.elsewhere is not None:
            self.elsewhere(bye.call_id)

    def end(self, call_id: str, now: float) -> bool:
        """An answered call is over; False when it is not ours."""
        call = self._answered.pop(call_id, None)
        if call is None:
            return False
        self._metrics.call_duration_seconds.observe(now - call.answered)
        self._on_end(CallEnd(call.call_id, call.caller, call.callee, 200, "answered", now - call.answered))
        return True

    def remains(self, now: float) -> list[AnsweredCall]:
        """The calls that are up, for the next process."""
        return [
            AnsweredCall(call.call_id, call.caller, call.callee, now - call.answered)
            for call in self._answered.values()
        ]

    def resume(self, calls: list[AnsweredCall], then: float) -> None:
        """Takes over the calls that were up at ``then``."""
        for call in calls:
            self._answered[call.call_id] = Call(call.call_id, call.caller, call.callee, then - call.age)

    def _forget_old(self, now: float) -> None:
        while self._answered:
            oldest = next(iter(self._answered.values()))
            if oldest.answered > now - _FORGOTTEN_AFTER and len(self._answered) <= _MOST:
                return
            self._answered.popitem(last=False)
