"""The last hour in numbers, from the SIP process's own counters, for the status page.

A sample every five seconds, in memory only: what lasts longer is Prometheus' business.
"""

from __future__ import annotations

import time
from collections import deque
from itertools import pairwise
from typing import Any, NamedTuple

import gevent

from appliance.agent.sip_process import SipProcess
from appliance.errors import ControlError

SECONDS = 5.0
KEPT = 720
RATE_SECONDS = 60.0
FAILURE_SECONDS = 300.0


class Sample(NamedTuple):
    """The counters at one moment; ``when`` is monotonic."""

    when: float
    requests: float
    finals: float
    failures: float
    registered: float
    calls: float


class History:
    """Looks at the SIP process from time to time; ``samples`` are the oldest first."""

    def __init__(self, process: SipProcess) -> None:
        self._process = process
        self.samples: deque[Sample] = deque(maxlen=KEPT)
        self._looking: gevent.Greenlet[..., None] | None = None

    def start(self) -> None:
        self._looking = gevent.spawn(self._look)

    def stop(self) -> None:
        if self._looking is not None:
            self._looking.kill()

    def take(self, snapshot: dict[str, Any], when: float) -> None:
        """Remember a snapshot of the metrics.

        After a restart of the server its counters begin anew, and so does the history.
        """
        sample = read(snapshot, when)
        if self.samples and sample.requests < self.samples[-1].requests:
            self.samples.clear()
        self.samples.append(sample)

    def requests_per_second(self) -> float:
        """Requests received in the last minute, by second."""
        first, last = self._span(RATE_SECONDS)
        return (last.requests - first.requests) / (last.when - first.when) if last.when > first.when else 0.0

    def failure_ratio(self) -> float:
        """Which part of the final responses of the last five minutes says that we failed: 408 and 5xx."""
        first, last = self._span(FAILURE_SECONDS)
        finals = last.finals - first.finals
        return (last.failures - first.failures) / finals if finals > 0 else 0.0

    def series(self) -> dict[str, list[float]]:
        """The hour as lists, the oldest first: ``registered``, ``calls``, ``rate`` and ``failures``."""
        pairs = list(pairwise(self.samples))
        return {
            "registered": [sample.registered for sample in self.samples],
            "calls": [sample.calls for sample in self.samples],
            "rate": [(b.requests - a.requests) / (b.when - a.when) for a, b in pairs],
            "failures": [(b.failures - a.failures) / max(b.finals - a.finals, 1) for a, b in pairs],
        }

    def _span(self, seconds: float) -> tuple[Sample, Sample]:
        if not self.samples:
            nothing = Sample(0, 0, 0, 0, 0, 0)
            return nothing, nothing
        last = self.samples[-1]
        first = next(sample for sample in self.samples if sample.when >= last.when - seconds)
        return first, last

    def _look(self) -> None:
        while True:
            try:
                self.take(self._process.ask("metrics")["snapshot"], time.monotonic())
            except ControlError:
                # It is down or hangs: the page says so, and what was before says nothing about after.
                self.samples.clear()
            gevent.sleep(SECONDS)


def read(snapshot: dict[str, Any], when: float) -> Sample:
    """The few numbers of a snapshot (``telemetry.metrics``) that the page shows."""

    def total(name: str) -> float:
        return float(sum(number for _, number in snapshot.get(name, ())))

    sent = [(labels[1], number) for labels, number in snapshot.get("sipbox_sip_responses_sent_total", ())]
    return Sample(
        when,
        total("sipbox_sip_requests_received_total"),
        sum(number for code, number in sent if code[:1] in "23456"),
        sum(number for code, number in sent if code == "408" or code[:1] == "5"),
        total("sipbox_bindings_active"),
        total("sipbox_calls_active"),
    )
