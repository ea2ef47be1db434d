"""A snapshot of the metrics in the form that Prometheus asks for: its text format, or OpenMetrics.

The agent calls this with what the SIP process told it. Must not know where the numbers come from.
"""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from appliance import __version__
from appliance.telemetry.catalogue import BUILD_INFO, BY_AGENT, CATALOGUE, SHARED, Metric
from appliance.telemetry.metrics import Snapshot
from appliance.telemetry.process import Numbers, ProcessesNumbers, ProcessNumbers

# The library takes whatever a scraper writes there for a version, and says it again in the content type.
_VERSION = re.compile(r"version\s*=([^;,]*)")
_READABLE = re.compile(r"\s*[0-9]{1,4}(?:\.[0-9]{1,4}){0,2}\s*").fullmatch


def render(
    snapshot: Snapshot,
    accept: str = "",
    process: Numbers | None = None,
    workers: Mapping[str, Mapping[str, Any]] | None = None,
) -> tuple[bytes, str]:
    """The body and the content type for a scraper that sent ``Accept: accept``.

    ``process`` are the numbers of the SIP process (CPU, memory, files, start time) as it told them; None
    leaves them out: it is down. ``workers`` is what each of several has told (``snapshot``, ``process``), by
    its number: then the series have a label for it, but for those that all share.
    """
    registry = CollectorRegistry(auto_describe=False)
    if workers:
        registry.register(WorkersCollector(snapshot, workers))
    else:
        registry.register(SnapshotCollector(snapshot))
    if workers:
        registry.register(ProcessesNumbers({number: told["process"] for number, told in workers.items()}))
    elif process is not None:
        registry.register(ProcessNumbers(process))
    encode, content_type = choose_encoder(accept if all(map(_READABLE, _VERSION.findall(accept))) else "")
    return encode(registry), content_type


class SnapshotCollector(Collector):
    """prometheus_client's view of a snapshot. Metrics that the catalogue does not know are left out, so that
    an agent and a server of neighbouring versions get along.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[Family]:
        """Every metric of the catalogue that the snapshot has."""
        yield _family(BUILD_INFO, [([__version__, platform.python_version()], 1)])
        for metric in (*BY_AGENT, *CATALOGUE):
            if metric.name in self._snapshot:
                yield _family(metric, self._snapshot[metric.name])


class WorkersCollector(Collector):
    """The same of several workers: what is told once, and what each of them counts."""

    def __init__(self, whole: Snapshot, workers: Mapping[str, Mapping[str, Any]]) -> None:
        self._whole = whole
        self._workers = workers

    def collect(self) -> Iterator[Family]:
        """Every metric of the catalogue that a snapshot has."""
        yield _family(BUILD_INFO, [([__version__, platform.python_version()], 1)])
        for metric in (*BY_AGENT, *CATALOGUE):
            if metric in BY_AGENT or metric.name in SHARED:
                if metric.name in self._whole:
                    yield _family(metric, self._whole[metric.name])
                continue
            samples = [
                ([*labels, number], value)
                for number, told in self._workers.items()
                for labels, value in told["snapshot"].get(metric.name, ())
            ]
            yield _family(metric, samples, "worker")


def _family(metric: Metric, samples: Iterable[tuple[list[str], Any]], *further: str) -> Family:
    labels = [*(label.name for label in metric.labels), *further]
    if metric.kind == "histogram":
        histogram = HistogramMetricFamily(metric.name, metric.help, labels=labels)
        for values, told in samples:
            buckets = [(str(float(bound)), count) for bound, count in told["buckets"]]
            histogram.add_metric(values, [*buckets, ("+Inf", told["count"])], told["sum"])
        return histogram
    kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family = kind(metric.name, metric.help, labels=labels)
    for values, number in samples:
        family.add_metric(values, number)
    return family
