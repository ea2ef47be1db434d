"""The model beside what was measured, and by how much it errs.

A cost is predicted from the other rates than the one that is compared. The machine of the measurements had
other work, so the worker is given the share of its cores that is left. Must not know how the model is used.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from benchmarks.scaling_box import MICRO, Carrier, seconds_a_second
from benchmarks.scaling_inputs import Load
from benchmarks.scaling_queue import latency

_LEAST_MS = 4.0  # a step of SIPp's clock


class Compared(NamedTuple):
    """One figure: what was measured, what the model says, in ``unit``."""

    what: str
    unit: str
    measured: float
    model: float

    @property
    def error(self) -> float:
        """Of the model, as a part of what was measured."""
        return self.model / self.measured - 1


def compared(carrier: Carrier) -> Iterator[Compared]:
    """All that both know."""
    inputs = carrier.inputs
    loads = inputs.registrations
    for load in loads:
        name = f"registration, {load.rate:,.0f}/s"
        others = tuple(other for other in loads if other is not load)
        if others and load.rate > others[0].rate:
            cost = seconds_a_second(others, load.rate, lambda each: each.server) / load.rate / MICRO
            yield Compared(f"{name}: CPU of the worker, from the other rates", "µs", load.server, cost)
    for load in loads:
        name = f"registration, {load.rate:,.0f}/s"
        worker = carrier.worker(load.rate)
        share = _share(carrier, load)
        waited = latency(
            replace(
                worker,
                share=share,
                slice=inputs["slice"] / 1000 if share < 1 else 0.0,
                sync_p99=max(load.sync_p99 / 1000, worker.sync),
            )
        )
        yield Compared(f"{name}: p50", "ms", max(load.p50, _LEAST_MS), max(waited.p50, _LEAST_MS))
        yield Compared(f"{name}: p99", "ms", max(load.p99, _LEAST_MS), max(waited.p99, _LEAST_MS))
        if math.isfinite(waited.group):
            rows = (inputs["row refreshed"] + inputs["commit"] / waited.group) * inputs["in place"]
            yield Compared(f"{name}: CPU of MariaDB, from its pieces", "µs", load.database, rows)
    for what, found in (("registration", loads), ("call", inputs.calls)):
        if highest := inputs.highest.get(what):
            last = found[-1]
            yield Compared(
                f"highest rate, {what}s/s", "/s", highest, _share(carrier, last) / last.server / MICRO
            )
    yield from _two_workers(carrier)


def _share(carrier: Carrier, load: Load) -> float:
    """How much of a core the worker got beside so many others that wanted one."""
    return min(1.0, carrier.inputs.cores_measured / (1 + load.busy * carrier.inputs["competing"]))


def _two_workers(carrier: Carrier) -> Iterator[Compared]:
    """CPU of two workers and MariaDB through that of one, an operation: under the load of the one together,
    or when each has it.
    """
    for what, measured in carrier.inputs.two_workers.items():
        kind, _, load = what.partition(", ")
        rate = float(load.partition("/")[0].replace(",", ""))
        its = rate if load.endswith("each") else rate / 2
        cost = _calls if kind == "call" else _registrations
        ratio = cost(carrier, its, 2) / cost(carrier, rate, 1)
        yield Compared(f"two workers through one: {what}", "×", measured, ratio)


def _registrations(carrier: Carrier, its: float, workers: int) -> float:
    """CPU of the worker and MariaDB for one, when each worker has ``its`` a second."""
    told = carrier.piece("telling") + carrier.piece("hearing")
    return (carrier.registration(its) + carrier.rows(its, workers)) / its + told * (workers - 1)


def _calls(carrier: Carrier, its: float, workers: int) -> float:
    inputs = carrier.inputs
    alone = seconds_a_second(inputs.calls, its, lambda load: load.server + load.database) / its
    astray = (workers - 1) / workers
    return alone + astray * inputs["handovers"] * carrier.piece("handing over")
