"""What tracing costs when nobody traces, and what the metrics cost: the core with them and without, in turns.

Each round begins four processes: the program as it is, the same once more (what the method itself sees where
there is nothing), and two from which tracing or counting was cut out (``cut_out``). Where a process lies in
memory makes a difference of the same size, so all four of a round lie alike, and those of the next round
otherwise. They take short turns in an order of chance, so that whatever else the machine does meets all of
them. Sockets and database are left out; the difference is compared with what an operation costs on the wire.
"""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

from benchmarks.load import Bench, Cost
from benchmarks.names import NO_METRICS, NO_TRACE, SIPBOX, TWIN, WHOLE
from benchmarks.servers import running
from tests.harness.sipbox import REPOSITORY

_PHONES = 1_000
_LOADS = {"registration": 1000, "call": 200}
#: What is cut out for each.
_VARIANTS = {WHOLE: "nothing", TWIN: "nothing", NO_TRACE: "tracing", NO_METRICS: "metrics"}
#: How many operations in a turn, some 20 ms of work.
_TURNS = {"registration": 125, "call": 25}
_TURNS_A_ROUND = 15
#: How often the cost on the wire is measured, of which the median counts.
_ON_THE_WIRE = 3


Keep = Callable[[int, str, str, Cost | float], None]


def watching(rounds: int, seconds: float, directory: Path, keep: Keep) -> None:
    """All rounds; AssertionError when something was traced or counted that should have been cut out."""
    whole = _on_the_wire(seconds, directory, keep)
    for number in range(1, rounds + 1):
        with ExitStack() as stack:
            children = {
                name: stack.enter_context(_Child(cut, seed=number)) for name, cut in _VARIANTS.items()
            }
            for what, operations in _TURNS.items():
                costs = _in_turns(children, f"{what} {operations}")
                for name, cost in costs.items():
                    keep(number, name, f"watching: {what}, without sockets", cost)
                    keep(number, name, f"watching: {what}", whole[what] + cost - costs[WHOLE])
            for name, child in children.items():
                left = child.ask("end")
                assert left == "done", f"{name}: {left} counted all the same"


def _on_the_wire(seconds: float, directory: Path, keep: Keep) -> dict[str, float]:
    """What a registration and a call cost the whole server and its database."""
    bench = Bench(_PHONES, seconds, directory)
    with running(SIPBOX, _PHONES) as box:
        bench.check(box.server)
        bench.registrations(box.server, _LOADS["registration"], once=True)
        costs: dict[str, list[float]] = {what: [] for what in _LOADS}
        for _ in range(_ON_THE_WIRE):
            for what, rate in _LOADS.items():
                cost = bench.drive(box.server, what, rate)
                keep(0, WHOLE, f"watching: {what}, {rate:,}/s, on the wire", cost)
                costs[what].append(cost.total)
    return {what: statistics.median(found) for what, found in costs.items()}


def _in_turns(children: Mapping[str, _Child], line: str) -> dict[str, float]:
    costs: dict[str, list[float]] = {name: [] for name in children}
    for turn in range(_TURNS_A_ROUND + 2):
        order = list(children.items())
        random.shuffle(order)
        for name, child in order:
            cost = float(child.ask(line))
            if turn >= 2:  # the first fill its caches
                costs[name].append(cost)
    return {name: statistics.median(found) for name, found in costs.items()}


class _Child:
    """A process with a core, from which something was cut out; ``seed`` is how it lies in memory."""

    def __init__(self, cut: str, *, seed: int) -> None:
        self._process = subprocess.Popen(
            [
                "setarch",
                "--addr-no-randomize",
                sys.executable,
                "-m",
                "benchmarks.cut_out",
                cut,
                "benchmarks.core_path",
                cut,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
            env=os.environ | {"PYTHONHASHSEED": str(seed), "PYTHONPATH": str(REPOSITORY)},
        )

    def ask(self, line: str) -> str:
        """Send a line; its answer."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline().strip()
        assert answer, f"{self._process.args} has ended"
        return answer

    def __enter__(self) -> _Child:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()
