"""What is aimed at: ratios of one run, and what sipbox has to keep by itself."""

from __future__ import annotations

from typing import NamedTuple

from benchmarks.names import (
    MANY,
    NO_METRICS,
    NO_TRACE,
    ONE_WORKER,
    SEED_1,
    SEED_2,
    SIPBOX,
    SOME,
    TUNED_1,
    TWO_WORKERS,
    WHOLE,
)


class Target(NamedTuple):
    """Which ratio is aimed at: of ``what``, that of ``ours`` through that of ``against``."""

    what: str
    against: str
    goal: float
    at_most: bool = True
    ours: str = SIPBOX


class Limit(NamedTuple):
    """What the median of all rounds of ``what`` may be at most."""

    what: str
    at_most: float


TARGETS = (
    Target("registration, 1,000/s", TUNED_1, 0.5),
    Target("registration, half the highest rate", TUNED_1, 0.5),
    Target("highest rate, registrations/s", TUNED_1, 2.0, at_most=False),
    Target("registration, 1,000/s", SEED_2, 0.7),
    Target("registration, half the highest rate", SEED_2, 0.7),
    Target("call, 200/s", SEED_1, 0.7),
    Target("call, half the highest rate", SEED_1, 0.7),
    Target("call, 200/s", TUNED_1, 1.0),
    Target("call, half the highest rate", TUNED_1, 1.0),
    Target("registration, first after a start", SEED_1, 0.6),
    Target("start, 100,000 bindings: first call, s", SEED_1, 1.0),
    Target("start, 1,000,000 bindings: first call, s", SEED_1, 1.0),
    Target("scale: registration, 1,000/s", SOME, 1.15, ours=MANY),
    Target("scale: call, 200/s", SOME, 1.15, ours=MANY),
    Target("workers: registration, 1,000/s each", ONE_WORKER, 1.15, ours=TWO_WORKERS),
    Target("workers: registration, 1,000/s together", ONE_WORKER, 1.15, ours=TWO_WORKERS),
    Target("workers: call, 200/s each", ONE_WORKER, 1.3, ours=TWO_WORKERS),
    Target("workers: call, 200/s together", ONE_WORKER, 1.3, ours=TWO_WORKERS),
    Target("watching: registration", NO_TRACE, 1.01, ours=WHOLE),
    Target("watching: call", NO_TRACE, 1.01, ours=WHOLE),
    Target("watching: registration", NO_METRICS, 1.03, ours=WHOLE),
    Target("watching: call", NO_METRICS, 1.03, ours=WHOLE),
)

LIMITS = (
    Limit("start, 100,000 bindings: first call, s", 2.0),
    Limit("start, 1,000,000 bindings: all loaded, s", 15.0),
    Limit("start, 1,000,000 bindings: memory a binding, bytes", 1024.0),
)
