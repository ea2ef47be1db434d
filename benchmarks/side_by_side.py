"""sipbox and Kamailio side by side, in one run, on this machine.

    python -m benchmarks.side_by_side [--rounds 10] [--seconds 5] [--subscribers 10000] [--bindings 100000]
    python -m benchmarks.side_by_side --quick              # a quarter of an hour, to see that it works
    python -m benchmarks.side_by_side --only scale --only workers ...   # some parts of a run
    python -m benchmarks.side_by_side --report FILE.json   # the table of a run that was kept

Needs Debian's mariadb-server, sip-tester, kamailio and kamailio-mysql-modules; no service is started. Every
server has a database of its own with the same subscribers and is checked first: a call goes through, a wrong
password is refused. Then all take turns, operation by operation, in an order that changes from round to
round. Results are kept in benchmarks/results/. docs/performance.md says what the rows mean.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from benchmarks import against_itself, as_on_a_box, machine, report
from benchmarks.ladder import climb
from benchmarks.load import Bench, Cost, Server
from benchmarks.names import KAMAILIOS, SEED_1, SIPBOX
from benchmarks.servers import Running, running
from benchmarks.starts import fill, start
from benchmarks.watching import watching
from tests.harness.waiting import wait_until

_RESULTS = Path(__file__).parent / "results"
#: The parts of a run.
_PARTS = ("loads", "cold", "starts", "scale", "workers", "watching")
_WARM_RATES = (100, 1000)
_CALL_RATES = (200,)
_COLD_RATE = 1000
#: Where the search for the highest rate begins in the first round.
_GUESS = {"registration": 3000, "call": 800}


class Run:
    """One run: all readings so far, in the order in which they were taken."""

    def __init__(self, options: argparse.Namespace, bench: Bench) -> None:
        self.options, self.bench = options, bench
        self.readings: list[report.Reading] = []
        self._names = (SIPBOX,) if options.alone else (SIPBOX, *KAMAILIOS)
        self._starters = (SIPBOX,) if options.alone else (SIPBOX, SEED_1)
        self._best: dict[tuple[str, str], int] = {}

    def keep(self, round_: int, server: str, what: str, value: Cost | float) -> None:
        """Remember a reading and show it."""
        self.readings.append(report.Reading.of(round_, server, what, value))
        print(f"  {round_:2} {server:<28} {what:<44} {_short(value)}", file=sys.stderr, flush=True)

    def loads(self) -> None:
        """All rounds of registrations and calls."""
        with ExitStack() as stack:
            servers = {
                name: stack.enter_context(running(name, self.options.subscribers)) for name in self._names
            }
            for each in servers.values():
                self.bench.check(each.server)
                # Everybody is there before anything is measured, so a registration is a refresh.
                first = self.bench.registrations(each.server, _COLD_RATE, once=True)
                self.keep(0, each.server.name, "first registration of all", first)
            for number in range(1, self.options.rounds + 1):
                self._round(number, [servers[name] for name in turns(self._names, number)])

    def cold(self) -> None:
        """All rounds of each subscriber's first registration after a start, and nothing else."""
        with ExitStack() as stack:
            servers = {
                name: stack.enter_context(running(name, self.options.subscribers)) for name in self._starters
            }
            for each in servers.values():
                self.bench.registrations(each.server, _COLD_RATE, once=True)
            for number in range(1, self.options.rounds + 1):
                for name in turns(self._starters, number):
                    self._cold(number, servers[name])

    def _round(self, number: int, servers: list[Running]) -> None:
        for each in servers:
            self._cold(number, each)
        for what, drive, rates in (
            ("registration", self.bench.registrations, _WARM_RATES),
            ("call", self.bench.calls, _CALL_RATES),
        ):
            for rate in rates:
                for each in servers:
                    self.keep(number, each.server.name, f"{what}, {rate:,}/s", drive(each.server, rate))
            if number <= self.options.rate_rounds:
                for each in servers:
                    best = self._highest(each.server, what, drive)
                    self.keep(number, each.server.name, f"highest rate, {what}s/s", float(best))
            for each in servers:
                if best := self._best.get((each.server.name, what)):
                    half = drive(each.server, best // 2)
                    self.keep(number, each.server.name, f"{what}, half the highest rate", half)

    def _cold(self, number: int, each: Running) -> None:
        known = each.bindings()
        each.server.restart()
        wait_until("the bindings are loaded again", lambda: each.bindings() >= known, timeout=300)
        cost = self.bench.registrations(each.server, _COLD_RATE, once=True)
        self.keep(number, each.server.name, "registration, first after a start", cost)

    def _highest(self, server: Server, what: str, drive: Callable[[Server, int], Cost]) -> int:
        begin = self._best.get((server.name, what), 0) or _GUESS[what]
        # Each rate may try twice: this machine is not ours alone.
        best = climb(lambda rate: drive(server, rate).clean or drive(server, rate).clean, begin)
        self._best[server.name, what] = best
        return best

    def starts(self) -> None:
        """All rounds of starts with many bindings."""
        with ExitStack() as stack:
            servers = {
                name: stack.enter_context(running(name, self.options.subscribers)) for name in self._starters
            }
            idle = {name: fill(each, self.bench, self.options.bindings) for name, each in servers.items()}
            for number in range(1, self.options.rounds + 1):
                for name in turns(self._starters, number):
                    measured = start(servers[name], self.bench, self.options.bindings, idle[name])
                    for what, value in measured.items():
                        self.keep(number, name, f"start, {self.options.bindings:,} bindings: {what}", value)

    def scale(self) -> None:
        """A million subscribers against a thousand."""
        against_itself.scale(self.options.rounds, self.options.seconds, self.bench.fresh(), self.keep)

    def workers(self) -> None:
        """Two workers against one."""
        against_itself.workers(self.options.rounds, self.options.seconds, self.bench.fresh(), self.keep)

    def watching(self) -> None:
        """With tracing and metrics, and without."""
        watching(self.options.rounds * 4, self.options.seconds, self.bench.fresh(), self.keep)


def turns(names: tuple[str, ...], number: int) -> tuple[str, ...]:
    """The order of a round: each server is first in its turn."""
    at = number % len(names)
    return names[at:] + names[:at]


def _short(value: Cost | float) -> str:
    if isinstance(value, Cost):
        mark = "" if value.clean else f"  {value.failed} failed, {value.retransmissions} retransmissions"
        return f"{value.server:5.0f} + {value.database:4.0f} µs  p99 {value.p99:.0f} ms{mark}"
    return f"{value:.4g}"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--rounds", type=int, default=10)
    options.add_argument("--seconds", type=float, default=5, help="how long a load lasts")
    options.add_argument(
        "--subscribers", type=int, default=10_000, help="100000 for cold credentials at length"
    )
    options.add_argument("--bindings", type=int, default=100_000, help="in the database at a start")
    options.add_argument(
        "--rate-rounds", type=int, default=3, help="in how many rounds the highest rates are looked for"
    )
    options.add_argument("--only", choices=_PARTS, action="append", help="some parts of a run")
    options.add_argument("--alone", action="store_true", help="sipbox without Kamailio")
    options.add_argument("--quick", action="store_true", help="two short rounds with few subscribers")
    options.add_argument("--report", type=Path, metavar="FILE", help="print the table of a kept run")
    as_on_a_box.add_options(options)
    given = options.parse_args()
    if given.report:
        print(report.text(json.loads(given.report.read_text())))
        return
    as_on_a_box.begin(given)
    if given.quick:
        given.rounds, given.rate_rounds = 2, 1
        given.seconds, given.subscribers, given.bindings = 1, 1000, 10_000
    # However it is ended: what it started ends with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with tempfile.TemporaryDirectory(prefix="sipbox-bench-") as scratch:
        described = machine.describe(Path(scratch)) | as_on_a_box.described()
        run = Run(given, Bench(given.subscribers, given.seconds, Path(scratch)))
        try:
            for part in given.only or (part for part in _PARTS if part != "cold"):
                getattr(run, part)()
        finally:
            kept = report.kept(described, vars(given), run.readings)
            written = report.text(kept)
            if run.readings:
                _RESULTS.mkdir(exist_ok=True)
                name = time.strftime("%Y-%m-%d-%H%M%S", time.gmtime())
                (_RESULTS / f"{name}.json").write_text(json.dumps(kept, indent=1, default=str) + "\n")
                (_RESULTS / f"{name}.txt").write_text(written + "\n")
            print(written)


if __name__ == "__main__":
    main()
