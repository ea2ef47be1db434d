"""What Prometheus knows of any process: CPU, memory, files, start time, told by the process itself.

The agent is another user in a sandbox of its own, which hides the SIP process from it in /proc.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

Numbers = dict[str, dict[str, Any]]


def process_numbers() -> Numbers:
    """``process_*`` of this process, as JSON knows them: name to ``{"type", "help", "value"}``."""
    families = ProcessCollector(registry=CollectorRegistry()).collect()
    return {
        family.name: {"type": family.type, "help": family.documentation, "value": family.samples[0].value}
        for family in families
        if family.samples
    }


class ProcessNumbers(Collector):
    """prometheus_client's view of ``process_numbers()`` of another process."""

    def __init__(self, numbers: Mapping[str, Mapping[str, Any]]) -> None:
        self._numbers = numbers

    def collect(self) -> Iterator[Family]:
        for name, told in self._numbers.items():
            kind = CounterMetricFamily if told["type"] == "counter" else GaugeMetricFamily
            yield kind(name, told["help"], value=told["value"])


class ProcessesNumbers(Collector):
    """The same of several workers, by their numbers."""

    def __init__(self, workers: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> None:
        self._workers = workers

    def collect(self) -> Iterator[Family]:
        for name, first in next(iter(self._workers.values())).items():
            kind = CounterMetricFamily if first["type"] == "counter" else GaugeMetricFamily
            family = kind(name, first["help"], labels=["worker"])
            for number, numbers in self._workers.items():
                if name in numbers:
                    family.add_metric([number], numbers[name]["value"])
            yield family
