"""One worker as a queue: how long a registration takes, from its first request to its 200 OK.

A discrete-event simulation. Messages wait for the worker, which does one at a time; a registration is two of
them and, after the commit, its answer; its binding goes into the next commit, which begins when the server's
would (``storage/group_commit.py``), flushes, and costs time for each row. What else the worker does
(calls, keep-alives, what others tell) keeps it busy in between. Chance has a seed: the same question has the
same answer. Must not know how many workers there are, nor what a box has.
"""

from __future__ import annotations

import math
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from heapq import heappop, heappush
from typing import NamedTuple

from benchmarks.statistics_of_rounds import percentile

_SAMPLES = 4000
_WARM_UP = 400
#: What a worker does besides comes in pieces of so much of a second.
_OTHER_SECONDS = 100e-6
#: 99 of 100 values of a normal distribution are below so many deviations.
_Z99 = 2.326


@dataclass(frozen=True, slots=True)
class Worker:
    """``challenge``, ``register`` and ``answer`` are seconds of the worker for the two requests and for the
    200 OK after the commit, ``other`` the share of its time that all else takes. ``share`` is how much of a
    core it gets, ``slice`` how long another process goes on when it wakes up. A commit takes ``sync`` seconds
    (median, p99) and ``row`` for each row, and is told to others in ``told`` seconds. Two commits begin
    ``apart`` seconds from one another, unless ``enough`` wait, or ``enough_when_fast`` and the last one began
    no more than ``fast`` seconds ago.
    """

    rate: float
    challenge: float
    register: float
    answer: float
    other: float
    row: float
    sync: float
    sync_p99: float
    apart: float
    enough: float
    fast: float = 0.0
    enough_when_fast: float = math.inf
    told: float = 0.0
    share: float = 1.0
    slice: float = 0.0

    @property
    def busy(self) -> float:
        """The share of its time that it works."""
        return (self.rate * (self.challenge + self.register + self.answer) + self.other) / self.share


class Latency(NamedTuple):
    """Milliseconds; infinite for a worker that has more to do than it can. ``group`` is rows in a commit."""

    p50: float
    p99: float
    group: float


def latency(worker: Worker, seed: int = 1) -> Latency:
    """What phones wait, of some thousand registrations."""
    if worker.busy >= 1:
        return Latency(math.inf, math.inf, math.inf)
    return _Run(worker, random.Random(seed)).measured()


class _Run:
    """One simulation. A message is what is done when the worker has worked through it."""

    def __init__(self, worker: Worker, chance: random.Random) -> None:
        self._worker = worker
        self._chance = chance
        self._now = 0.0
        self._number = 0
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._messages: deque[tuple[float, Callable[[], None]]] = deque()
        self._working = False
        self._waiting: list[float] = []
        self._committing = False
        self._earliest = 0.0
        self._called_at = -1.0
        self._spread = math.log(max(worker.sync_p99 / worker.sync, 1.0)) / _Z99 if worker.sync else 0.0
        self._taken: list[float] = []
        self._groups: list[int] = []

    def measured(self) -> Latency:
        self._at(0.0, self._phone)
        if self._worker.other:
            self._at(0.0, self._other)
        while len(self._taken) < _SAMPLES + _WARM_UP:
            self._now, _, what = heappop(self._events)
            what()
        taken = sorted(self._taken[_WARM_UP:])
        group = sum(self._groups) / len(self._groups)
        return Latency(percentile(taken, 50) * 1000, percentile(taken, 99) * 1000, group)

    # -- who comes -------------------------------------------------------------------------------------------

    def _phone(self) -> None:
        begun = self._now
        self._at(self._chance.expovariate(self._worker.rate), self._phone)
        self._message(self._worker.challenge, lambda: self._challenged(begun))

    def _challenged(self, begun: float) -> None:
        self._message(self._worker.register, lambda: self._commits(begun))

    def _other(self) -> None:
        self._at(self._chance.expovariate(self._worker.other / _OTHER_SECONDS), self._other)
        self._message(self._chance.expovariate(1 / _OTHER_SECONDS), lambda: None)

    # -- the worker ------------------------------------------------------------------------------------------

    def _message(self, cost: float, done: Callable[[], None]) -> None:
        self._messages.append((cost / self._worker.share, done))
        if not self._working:
            self._working = True
            asleep = self._chance.expovariate(1 / self._worker.slice) if self._worker.slice else 0.0
            self._at(asleep, self._next)

    def _next(self) -> None:
        if not self._messages:
            self._working = False
            return
        cost, done = self._messages.popleft()
        self._at(cost, partial(self._done, done))

    def _done(self, done: Callable[[], None]) -> None:
        done()
        self._next()

    # -- commits ---------------------------------------------------------------------------------------------

    def _commits(self, begun: float) -> None:
        self._waiting.append(begun)
        if not self._committing:
            self._see_to_it()

    def _see_to_it(self) -> None:
        """Begin the commit when it is time for it, or see to it that somebody does."""
        worker, count = self._worker, len(self._waiting)
        fast = self._now <= self._earliest - worker.apart + worker.fast
        if (
            count >= worker.enough
            or self._now >= self._earliest
            or (fast and count >= worker.enough_when_fast)
        ):
            self._commit()
        elif self._called_at != self._earliest:
            self._called_at = self._earliest
            self._at(self._earliest - self._now, self._time_has_come)

    def _time_has_come(self) -> None:
        if self._waiting and not self._committing and self._now >= self._earliest:
            self._commit()

    def _commit(self) -> None:
        batch, self._waiting, self._committing = self._waiting, [], True
        self._earliest = self._now + self._worker.apart
        sync = self._worker.sync * math.exp(self._chance.gauss(0.0, self._spread))
        self._at(sync + len(batch) * self._worker.row + self._worker.told, partial(self._committed, batch))

    def _committed(self, batch: list[float]) -> None:
        self._groups.append(len(batch))
        for begun in batch:
            self._message(self._worker.answer, partial(self._answered, begun))
        self._committing = False
        if self._waiting:
            self._see_to_it()

    def _answered(self, begun: float) -> None:
        self._taken.append(self._now - begun)

    def _at(self, after: float, what: Callable[[], None]) -> None:
        self._number += 1
        heappush(self._events, (self._now + after, self._number, what))
