"""What a box carries: how much of each resource a number of phones takes, and which one is used up first.

Computed from the inputs: processor time of the hottest worker, of one connection to MariaDB and of the whole
box, rows a second, memory, connections. Must not know how figures are shown, nor other boxes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from benchmarks.scaling_inputs import Inputs, Load
from benchmarks.scaling_queue import Latency, Worker, latency

MICRO = 1e-6
_REGISTRATION_PACKETS, _CALL_PACKETS = 4, 20


class Mix(NamedTuple):
    """What phones do: seconds between registrations, calls a phone makes in the busy hour, seconds between
    keep-alives (0: none) that a phone sends and that it is sent, the share of phones on TCP.
    """

    name: str
    every: float
    calls: float
    alive: float = 0.0
    asked: float = 0.0
    tcp: float = 0.0


@dataclass(frozen=True, slots=True)
class Box:
    """Cores, bytes of memory, workers."""

    cores: int
    memory: float
    workers: int


class Use(NamedTuple):
    """What is used of what there is; 1 is as much as may be (not all that there is)."""

    worker: float
    cpu: float
    database: float
    rows: float
    memory: float
    connections: float
    packets: float
    keep_alives: float
    power_cut: float

    @property
    def first(self) -> str:
        """What is used up first."""
        return max(zip(NAMES, self, strict=True), key=lambda pair: pair[1])[0]


NAMES = (
    "CPU: one worker",
    "CPU: all cores",
    "CPU: MariaDB",
    "rows a second",
    "memory",
    "connections",
    "packets",
    "keep-alives a second",
    "power cut",
)


def seconds_a_second(loads: Sequence[Load], rate: float, of: Callable[[Load], float]) -> float:
    """CPU seconds that ``rate`` operations take in a second: straight between what was measured, from nothing
    at rest; above the highest rate that was measured each costs what it did there, though costs fall.
    """
    before_rate = before = 0.0
    for load in loads:
        here = load.rate * of(load) * MICRO
        if rate <= load.rate:
            return before + (here - before) * (rate - before_rate) / (load.rate - before_rate)
        before_rate, before = load.rate, here
    return before * rate / before_rate


class Carrier:
    """The model of a box under a mix of phones."""

    def __init__(self, inputs: Inputs) -> None:
        self.inputs = inputs

    # -- parts -----------------------------------------------------------------------------------------------

    def registration(self, rate: float) -> float:
        """CPU seconds a second of a worker for its own registrations."""
        return seconds_a_second(self.inputs.registrations, rate, lambda load: load.server)

    def rows(self, rate: float, workers: int) -> float:
        """CPU seconds a second of MariaDB for one worker's registrations; several write whole rows."""
        whole = (self.inputs["row whole"] - self.inputs["row refreshed"]) * self.inputs["in place"] * MICRO
        more = rate * max(0.0, whole) if workers > 1 else 0.0
        return seconds_a_second(self.inputs.registrations, rate, lambda load: load.database) + more

    def other(self, box: Box, mix: Mix, phones: float, known: float = 0.0) -> float:
        """CPU seconds a second of a worker for all else: calls, keep-alives, what the others tell.

        ``known`` are all phones that the boxes know together, when there are several.
        """
        its, others, elsewhere = 1 / box.workers, box.workers - 1, max(0.0, known - phones)
        registered = phones / mix.every
        # A phone is called from the box that it has registered with: most calls pass two boxes then.
        passes = 1 + (elsewhere / known if elsewhere else 0.0)
        calls = phones * mix.calls / 3600 * passes * its
        return (
            seconds_a_second(self.inputs.calls, calls, lambda load: load.server)
            + calls * others * its * self.inputs["handovers"] * self.piece("handing over")
            + a_second(phones, mix.alive) * its * self.piece("keep-alive")
            + a_second(phones, mix.asked) * its * self.inputs["OPTIONS keep-alive"] * MICRO
            + registered * its * others * self.piece("telling")
            + (registered * others * its + elsewhere / mix.every) * self.piece("hearing")
        )

    def leading(self, box: Box, mix: Mix, phones: float, known: float) -> float:
        """CPU seconds a second that the worker which speaks and listens for its box has more than the others:
        it tells the other boxes of all registrations here, and its other workers of all those there.
        """
        elsewhere = max(0.0, known - phones) / mix.every
        if not elsewhere:
            return 0.0
        more = max(0.0, self.piece("hearing a box") - self.piece("hearing"))
        passing_on = (box.workers - 1) * self.piece("telling")
        return phones / mix.every * self.piece("telling a box") + elsewhere * (more + passing_on)

    def piece(self, name: str) -> float:
        """CPU seconds of a piece in its place."""
        return self.inputs[name] * self.inputs["in place"] * MICRO

    # -- the whole -------------------------------------------------------------------------------------------

    def use(self, box: Box, mix: Mix, phones: float, known: float = 0.0) -> Use:
        """How much of each resource the phones take; ``known`` as in ``other``."""
        inputs, busiest = self.inputs, self.inputs["busiest"]
        known = max(known, phones)
        rate, all_rates, calls = phones / mix.every, known / mix.every, phones * mix.calls / 3600
        its = rate / box.workers
        worker = self.registration(its) + self.other(box, mix, phones, known)
        leads = self.leading(box, mix, phones, known)
        connection = self.rows(its, box.workers)
        database = (
            box.workers * connection
            + seconds_a_second(inputs.calls, calls, lambda load: load.database)
            + self._applied(box.workers, rate, all_rates)
        )
        packets = (
            rate * _REGISTRATION_PACKETS
            + calls * _CALL_PACKETS
            + a_second(phones, mix.alive)
            + 2 * a_second(phones, mix.asked)
        )
        return Use(
            (worker * hottest(phones, box.workers) + leads) / busiest,
            (box.workers * worker + leads + database) / (box.cores * busiest),
            connection / busiest,
            all_rates / (inputs["rows a second"] * min(box.workers, inputs["row lanes"]) * busiest),
            self.memory(box, mix, phones, known) / (box.memory * inputs["memory share"]),
            phones * mix.tcp / (box.workers * inputs["connections a worker"]),
            packets / (inputs["packets a core"] * box.cores),
            a_second(phones, mix.asked) / (box.workers * inputs["keep-alives a worker"]),
            phones / self.cold_rate(box) / inputs["back within"],
        )

    def _applied(self, workers: int, own: float, everywhere: float) -> float:
        """CPU seconds a second of MariaDB for certifying its own rows and for writing other members'."""
        if everywhere <= own:
            return 0.0
        commits = workers * self.commits(own / workers)
        certified = own * self.piece("row certified") + commits * self.piece("commit certified")
        # The others' commits have as many rows as its own.
        elsewhere = everywhere - own
        applied = elsewhere * self.piece("row applied") + commits * elsewhere / own * self.piece(
            "commit applied"
        )
        return certified + applied

    def commits(self, rate: float) -> float:
        """Commits a second of a worker with so many registrations."""
        apart, enough = self.inputs["commits apart"], max(1.0, self.inputs["enough to commit"])
        return min(rate, max(1 / apart, rate / enough)) if apart else rate

    def cold_rate(self, box: Box) -> float:
        """Registrations a second when each phone comes for the first time after a start, at full load."""
        cold, told = self.inputs.cold, (box.workers - 1) * (self.piece("hearing") + self.piece("telling"))
        own = cold.server * MICRO + told
        return min(box.workers / own, box.cores / (own + cold.database * MICRO))

    def memory(self, box: Box, mix: Mix, phones: float, known: float = 0.0) -> float:
        """Bytes. Every worker has all bindings, and the credentials of its own phones."""
        inputs = self.inputs
        known = max(known, phones)
        return (
            inputs["system"]
            + box.workers * (inputs["idle worker"] + known * inputs["binding"])
            + known * inputs["row on disk"]
            + phones * (inputs["subscriber"] + mix.tcp * inputs["connection"])
        )

    def phones(self, box: Box, mix: Mix) -> int:
        """How many phones such a box carries, and nothing used more than it may be."""
        return largest(lambda phones: max(self.use(box, mix, phones)) <= 1)

    def best(self, cores: int, mix: Mix) -> Box:
        """The box with the number of workers that carries most phones, the smallest of those."""
        boxes = [
            self.box(cores, workers) for workers in range(1, cores + 1) if workers < 16 or workers % 4 == 0
        ]
        return max(boxes, key=lambda box: (self.phones(box, mix), -box.workers))

    def box(self, cores: int, workers: int) -> Box:
        """With the memory that boxes of that size have."""
        return Box(cores, cores * self.inputs["memory a core"], workers)

    def latency(self, box: Box, mix: Mix, phones: float, known: float = 0.0, told: float = 0.0) -> Latency:
        """How long registrations take at the hottest worker; ``told`` is what other boxes add, in seconds."""
        rate = phones / mix.every / box.workers * hottest(phones, box.workers)
        other = self.other(box, mix, phones, known) * hottest(phones, box.workers)
        return latency(self.worker(rate, other, workers=box.workers, told=told))

    def worker(self, rate: float, other: float = 0.0, *, workers: int = 1, told: float = 0.0) -> Worker:
        """A worker as a queue. Others say that they know a binding, in a millisecond when all is well."""
        inputs = self.inputs
        cost = self.registration(rate) / rate
        challenge, answer = cost * inputs["challenge share"], cost * inputs["answer share"]
        return Worker(
            rate,
            challenge,
            cost - challenge - answer,
            answer,
            other,
            row=self.rows(rate, workers) / rate,
            sync=inputs["sync"] / 1000,
            sync_p99=max(inputs["sync"], inputs["sync p99"]) / 1000,
            apart=inputs["commits apart"],
            enough=inputs["enough to commit"],
            fast=inputs["fast"],
            enough_when_fast=inputs["enough when fast"],
            told=told + (0.001 if workers > 1 else 0.0),
        )

    def start(self, box: Box, phones: float) -> float:
        """Seconds until all bindings are loaded; every worker reads them all, and MariaDB gives them out."""
        inputs = self.inputs
        row = (inputs.loaded_s - inputs.cold_call_s) / inputs.loaded_bindings
        crowd = max(1.0, box.workers * (1 + inputs["reading share"]) / box.cores)
        return inputs.cold_call_s + phones * row * crowd


def a_second(phones: float, every: float) -> float:
    """How often something happens that each phone does every so many seconds; 0 for never."""
    return phones / every if every else 0.0


def hottest(phones: float, workers: int) -> float:
    """How much more than its share the worker has that chance favours: the kernel deals phones by a hash."""
    if workers == 1 or phones < 1:
        return 1.0
    return 1 + math.sqrt(2 * math.log(workers) * workers / phones)


def largest(fits: Callable[[float], bool]) -> int:
    """The largest number that fits, to three digits."""
    if not fits(1):
        return 0
    low, high = 1.0, 2.0
    while fits(high) and high < 1e10:
        low, high = high, high * 2
    while high - low > low / 2000:
        middle = (low + high) / 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return int(low)
