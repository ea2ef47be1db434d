"""How much processor time processes have used, exactly enough for a few hundred operations.

``/proc/PID/stat`` counts a process with the threads that ended, in hundredths of a second;
``/proc/PID/task/TID/schedstat`` counts nanoseconds of the threads that live. Both are read.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

_TICKS = os.sysconf("SC_CLK_TCK")
#: What two readings in whole ticks may say too much.
_COARSE = 2 / _TICKS


class Used(NamedTuple):
    """Seconds that one process has used: by the ticks of the process, by the clock of each living thread."""

    ticks: float
    threads: dict[int, float]


def used(pid: int) -> Used | None:
    """What one process has used so far; None when it is gone."""
    threads = {}
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        for task in Path(f"/proc/{pid}/task").iterdir():
            try:
                threads[int(task.name)] = int((task / "schedstat").read_text().split()[0]) / 1e9
            except (FileNotFoundError, ProcessLookupError):
                pass  # this thread ended just now
    except (FileNotFoundError, ProcessLookupError):
        return None
    return Used((int(fields[11]) + int(fields[12])) / _TICKS, threads)


def spent(before: Used, after: Used) -> float:
    """Seconds between two readings of one process.

    Threads that ended in between are in the ticks only, so the ticks win when they say clearly more.
    """
    exact = sum(seconds - before.threads.get(thread, 0.0) for thread, seconds in after.threads.items())
    return max(exact, after.ticks - before.ticks - _COARSE)


def family(pid: int) -> list[int]:
    """A process, its children and theirs."""
    found = [pid]
    for parent in found:
        for task in Path(f"/proc/{parent}/task").glob("*/children"):
            try:
                found += [int(child) for child in task.read_text().split()]
            except (FileNotFoundError, ProcessLookupError):
                pass  # it ended just now
    return found


def resident_bytes(pids: Iterable[int]) -> int:
    """Memory of processes; what they share counts once (proportional set size)."""
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    return total


class Meter:
    """Processor time of the processes that ``pids`` names, over all their lives, since the first reading."""

    def __init__(self, pids: Callable[[], Iterable[int]]) -> None:
        self._pids = pids
        self._before: dict[int, Used] = {}
        self._total = 0.0

    def seconds(self) -> float:
        """All that was seen so far. A process that is new since the last reading counts from its start."""
        now = {pid: reading for pid in self._pids() if (reading := used(pid)) is not None}
        for pid, after in now.items():
            self._total += spent(self._before.get(pid, Used(0.0, {})), after)
        self._before = now
        return self._total
