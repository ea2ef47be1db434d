"""What a durable write costs the server and MariaDB, and how long it is waited for.

    python -m benchmarks.durable_write                        # this checkout
    python -m benchmarks.durable_write --against DIRECTORY    # beside another one, in turns

Needs MariaDB. Each version has a MariaDB and a process of its own (``writer_process``); they take turns, rate
by rate. Arrivals are random. The cost is CPU time a row: of the server without what the arrivals themselves
cost, of MariaDB with what it does when nothing comes, which is shown too. Beside them stands what the disk
needs for 4 KB (fdatasync), measured in the same rounds.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from appliance.storage import schema
from benchmarks import as_on_a_box
from benchmarks.processor_time import Meter
from benchmarks.servers import assert_durable
from benchmarks.statistics_of_rounds import paired_ratio, percentile
from tests.harness.mariadb import MariaDB
from tests.harness.sipbox import Sipbox

_HERE = Path(__file__).parents[1]
_RATES = (100, 1000, 3000)
#: As MariaDB has them by itself; the tests' servers are smaller.
_OPTIONS = ("--innodb-buffer-pool-size=128M", "--innodb-log-file-size=96M")
#: Until MariaDB has done what a load leaves to be done later.
_SETTLE_SECONDS = 0.5


class Reading(NamedTuple):
    """CPU microseconds a row, rows a commit, milliseconds of waiting."""

    server: float
    database: float
    rows: float
    p50: float
    p99: float


class Version:
    """A checkout, its process and its database."""

    def __init__(self, name: str, checkout: Path, mariadb: MariaDB, phones: int) -> None:
        self.name = name
        paths = [str(checkout), os.environ.get("PYTHONPATH", "")]
        script = _HERE / "benchmarks" / "writer_process.py"
        self._process = subprocess.Popen(
            [sys.executable, str(script), mariadb.url("openser"), str(phones)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        )
        self._database = Meter(lambda: [mariadb.pid] if mariadb.pid else [])
        self._line()

    def measure(self, rate: int, seconds: float) -> Reading:
        """One load, after one that writes nothing."""
        arrivals = self._run("memory", rate, seconds / 2)
        before = self._database.seconds()
        load = self._run("write-through", rate, seconds)
        time.sleep(_SETTLE_SECONDS)
        database = self._database.seconds() - before
        waits = load["waits"]
        own = load["cpu"] / len(waits) - arrivals["cpu"] / len(arrivals["waits"])
        return Reading(
            own * 1e6,
            database / len(waits) * 1e6,
            len(waits) / load["commits"],
            percentile(waits, 50),
            percentile(waits, 99),
        )

    def idle(self, seconds: float) -> tuple[float, float]:
        """CPU milliseconds a second when nothing comes: own, MariaDB's."""
        before = self._database.seconds()
        load = self._run("write-through", 0, seconds)
        return load["cpu"] / seconds * 1e3, (self._database.seconds() - before) / seconds * 1e3

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()

    def _run(self, mode: str, rate: int, seconds: float) -> dict[str, Any]:
        assert self._process.stdin is not None
        print(mode, rate, seconds, file=self._process.stdin, flush=True)
        answer: dict[str, Any] = json.loads(self._line())
        return answer

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the process of {self.name} has ended"
        return line


@contextmanager
def version(name: str, checkout: Path, phones: int) -> Iterator[Version]:
    """A version with a new database."""
    with MariaDB(options=_OPTIONS) as mariadb:
        assert_durable(mariadb)
        schema.create(mariadb.url("openser"))
        running = Version(name, checkout, mariadb, phones)
        try:
            yield running
        finally:
            running.close()


def sync_times(directory: Path, times: int) -> list[float]:
    """Milliseconds that blocks of 4 KB need, written one after the other, to be on the disk."""
    spent = []
    with tempfile.TemporaryFile(dir=directory, buffering=0) as file:
        file.write(bytes(4096 * times))
        os.fsync(file.fileno())
        for number in range(times):
            begun = time.perf_counter()
            os.pwrite(file.fileno(), b"x" * 4096, 4096 * number)
            os.fdatasync(file.fileno())
            spent.append((time.perf_counter() - begun) * 1000)
    return spent


def main(options: argparse.Namespace) -> None:
    """Measure all rounds, then print."""
    readings: dict[tuple[str, int], list[Reading]] = defaultdict(list)
    idle: dict[str, list[tuple[float, float]]] = defaultdict(list)
    disk: list[float] = []
    checkouts = {"before": options.against} if options.against else {}
    checkouts["now"] = Sipbox.program
    with ExitStack() as stack:
        versions = [
            stack.enter_context(version(name, where, options.phones)) for name, where in checkouts.items()
        ]
        for number in range(options.rounds):
            disk += sync_times(Path(tempfile.gettempdir()), 100)
            for each in versions[number % 2 :] + versions[: number % 2]:
                idle[each.name].append(each.idle(options.seconds / 2))
            for rate in options.rates:
                for each in versions[number % 2 :] + versions[: number % 2]:
                    readings[each.name, rate].append(each.measure(rate, options.seconds))
    disk.sort()
    print(f"fdatasync of 4 KB: p50 {percentile(disk, 50):.1f} ms, p99 {percentile(disk, 99):.1f} ms")
    for name, figures in idle.items():
        own, database = (statistics.median(each) for each in zip(*figures, strict=True))
        print(f"idle, {name}: {own:.1f} + {database:.1f} ms of CPU a second")
    print()
    print("| rows/s | version | server µs | MariaDB µs | together | rows a commit | p50 ms | p99 ms |")
    print("|---|---|---|---|---|---|---|---|")
    for rate in options.rates:
        for name in checkouts:
            server, database, rows, p50, p99 = (
                statistics.median(each) for each in zip(*readings[name, rate], strict=True)
            )
            print(
                f"| {rate:,} | {name} | {server:.0f} | {database:.0f} | {server + database:.0f}"
                f" | {rows:.1f} | {p50:.1f} | {p99:.1f} |"
            )
    if options.against:
        print()
        for rate in options.rates:
            totals = ([r.server + r.database for r in readings[name, rate]] for name in ("now", "before"))
            print(f"{rate:,}/s: now through before, CPU: {paired_ratio(*totals)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--against", type=Path, help="another checkout of sipbox")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--phones", type=int, default=10_000)
    parser.add_argument("--rates", type=int, nargs="+", default=_RATES)
    as_on_a_box.add_options(parser)
    given = parser.parse_args()
    as_on_a_box.begin(given)
    main(given)
