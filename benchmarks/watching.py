"""What tracing costs when nobody traces, and what the metrics cost: the core with them and without, in turns.

Each round begins four processes, because where a process happens to lie in memory makes a difference of the
same size: the program as it is, the same once more (what the method itself sees where there is nothing), and
two from which tracing or counting was cut out (``cut_out``). They take short turns, so that whatever else the
machine does meets all of them; their order is a matter of chance. Sockets and database are left out, so a
server's share is smaller still.
"""

from __future__ import annotations

import random
import statistics
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack

from benchmarks.load import Cost
from benchmarks.names import NO_METRICS, NO_TRACE, TWIN, WHOLE
from tests.harness.sipbox import REPOSITORY

#: What is cut out for each.
_VARIANTS = {WHOLE: "nothing", TWIN: "nothing", NO_TRACE: "tracing", NO_METRICS: "metrics"}
#: How many operations in a turn, some 20 ms of work.
_TURNS = {"registration": 125, "call": 25}
_TURNS_A_ROUND = 30


def watching(rounds: int, keep: Callable[[int, str, str, Cost | float], None]) -> None:
    """All rounds; AssertionError when something was traced or counted that should have been cut out."""
    for number in range(1, rounds + 1):
        with ExitStack() as stack:
            children = {name: stack.enter_context(_Child(cut)) for name, cut in _VARIANTS.items()}
            for what, operations in _TURNS.items():
                costs: dict[str, list[float]] = {name: [] for name in children}
                for turn in range(_TURNS_A_ROUND + 2):
                    order = list(children.items())
                    random.shuffle(order)
                    for name, child in order:
                        cost = float(child.ask(f"{what} {operations}"))
                        if turn >= 2:  # the first fill its caches
                            costs[name].append(cost)
                for name in children:
                    keep(number, name, f"watching: {what}", statistics.median(costs[name]))
            for name, child in children.items():
                left = child.ask("end")
                assert left == "done", f"{name}: {left} counted all the same"


class _Child:
    """A process with a core, from which something was cut out."""

    def __init__(self, cut: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.cut_out", cut, "benchmarks.core_path", cut],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=REPOSITORY,
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
