"""What an authenticated registration and an authenticated call cost, and how many there can be in a second.

    python -m benchmarks.first_figures [--phones 2000] [--seconds 5] [--rounds 3] [--no-rates]

SIPp drives in turn sipbox on a real MariaDB (every 200 OK durable: ``innodb_flush_log_at_trx_commit=1``
is asserted) and a bare loop that does the least that can be done (``plain_loop``). Costs are CPU time of
the server's and the database's processes, so they hold on a busy machine; the ratio to the bare loop of
the same round says more than either. The rate is the highest that was driven with less than 0.1 %
retransmissions and no failure.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks import as_on_a_box
from benchmarks.load import Bench, Cost
from benchmarks.names import SIPBOX
from benchmarks.servers import plain_server, running
from tests.harness.ports import free_port

_REGISTRATION_RATES = (500, 1000, 2000, 3000, 4000, 5000, 6000, 8000, 10000)
_CALL_RATES = (100, 200, 400, 600, 800, 1000, 1300, 1600, 2000)


def highest(drive: Callable[[int], Cost], rates: tuple[int, ...]) -> int:
    """The highest of ``rates`` that goes clean; each may try twice."""
    best = 0
    for rate in rates:
        if not (drive(rate).clean or drive(rate).clean):
            break
        best = rate
    return best


def transposed(rounds: list[tuple[Cost, Cost]]) -> tuple[list[Cost], list[Cost]]:
    """Rounds of (sipbox, bare loop) as the costs of each."""
    return [pair[0] for pair in rounds], [pair[1] for pair in rounds]


def report(what: str, sipbox: list[Cost], plain: list[Cost]) -> None:
    """One line: medians, and the median of the rounds' ratios. A round that failed compares nothing."""
    for cost in (cost for cost in (*sipbox, *plain) if not cost.clean):
        print(f"    not clean: {cost}", flush=True)
    rounds = [(a, b) for a, b in zip(sipbox, plain, strict=True) if not a.failed and not b.failed]
    if not rounds:
        print(f"{what:<34} no round without a failure", flush=True)
        return
    sipbox, plain = [pair[0] for pair in rounds], [pair[1] for pair in rounds]
    own = statistics.median(cost.server for cost in sipbox)
    database = statistics.median(cost.database for cost in sipbox)
    bare = statistics.median(cost.server for cost in plain)
    ratio = statistics.median(a.total / b.server for a, b in zip(sipbox, plain, strict=True))
    print(
        f"{what:<34} {own:7.0f} + {database:4.0f} us   bare loop {bare:5.0f} us   ratio {ratio:5.2f}",
        flush=True,
    )


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--phones", type=int, default=2000)
    options.add_argument("--seconds", type=float, default=5)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--registrations", type=int, default=2000, help="a second, for the cost")
    options.add_argument("--calls", type=int, default=300, help="a second, for the cost")
    options.add_argument("--no-rates", action="store_true", help="do not look for the highest rates")
    as_on_a_box.add_options(options)
    given = options.parse_args()
    as_on_a_box.begin(given)
    with tempfile.TemporaryDirectory(prefix="sipbox-bench-") as scratch:
        bench = Bench(given.phones, given.seconds, Path(scratch))
        with (
            running(SIPBOX, given.phones) as box,
            plain_server(bench, free_port(), Path(scratch)) as plain,
        ):
            sipbox = box.server
            print(f"CPU microseconds an operation, server + MariaDB; {given.phones} phones", flush=True)

            def once_each() -> tuple[Cost, Cost]:
                rate = given.registrations
                first = bench.registrations(sipbox, rate, once=True)
                return first, bench.registrations(plain, rate, once=True)

            report("first registration of all", *transposed([once_each()]))
            cold = []
            for _ in range(given.rounds):
                sipbox.restart()
                time.sleep(1)  # its bindings are loaded
                cold.append(once_each())
            report("first after a start", *transposed(cold))
            for what, drive, rate in (
                (f"registration, {given.registrations}/s", bench.registrations, given.registrations),
                (f"call, {given.calls}/s", bench.calls, given.calls),
            ):
                pairs = [(drive(sipbox, rate), drive(plain, rate)) for _ in range(given.rounds)]
                report(what, *transposed(pairs))
            if not given.no_rates:
                for what, drive, rates in (
                    ("registrations", bench.registrations, _REGISTRATION_RATES),
                    ("calls", bench.calls, _CALL_RATES),
                ):
                    for server in (sipbox, plain):
                        rate = highest(lambda at: drive(server, at), rates)  # noqa: B023
                        half = drive(server, max(1, rate // 2))
                        print(
                            f"highest rate without a failure: {rate} {what}/s ({server.name}); at half of it"
                            f" {half.server:.0f} + {half.database:.0f} us each",
                            flush=True,
                        )


if __name__ == "__main__":
    main()
