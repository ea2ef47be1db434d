"""What accounting costs a call: the same calls through two servers, of which one accounts them.

    python -m benchmarks.accounting_cost [--phones 500] [--seconds 6] [--rounds 4] [--calls 200]

Both servers and their databases run all the time, and are driven in turn, so what else a machine does hits
both. Costs are CPU time of the processes; a round's difference says more than the medians do.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks import as_on_a_box
from benchmarks.load import Bench, Cost, Server
from benchmarks.processor_time import Meter, family
from benchmarks.servers import assert_durable, subscribers
from tests.harness.mariadb import MariaDB
from tests.harness.sipbox import Sipbox

_QUIET: Mapping[str, Mapping[str, Any]] = {"log": {"level": "warning"}}


def server(stack: ExitStack, phones: int, *, enabled: bool) -> Server:
    """A sipbox with a MariaDB of its own."""
    mariadb = stack.enter_context(MariaDB(options=("--innodb-buffer-pool-size=128M",)))
    assert_durable(mariadb)
    settings = {**_QUIET, "accounting": {"enabled": enabled}}
    box = stack.enter_context(Sipbox(mariadb.url("openser"), settings=settings))
    mariadb.sql(subscribers(phones), "openser")
    own = Meter(lambda: family(box.pid))
    database = Meter(lambda: [mariadb.pid] if mariadb.pid else [])
    name = "with accounting" if enabled else "without"
    return Server(name, box.port, lambda: (own.seconds(), database.seconds()), box.restart)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--phones", type=int, default=500)
    options.add_argument("--seconds", type=float, default=6)
    options.add_argument("--rounds", type=int, default=4)
    options.add_argument("--calls", type=int, default=200, help="a second")
    as_on_a_box.add_options(options)
    given = options.parse_args()
    as_on_a_box.begin(given)
    with tempfile.TemporaryDirectory(prefix="sipbox-bench-") as scratch, ExitStack() as stack:
        bench = Bench(given.phones, given.seconds, Path(scratch))
        both = [server(stack, given.phones, enabled=enabled) for enabled in (False, True)]
        for each in both:
            bench.registrations(each, given.calls, once=True)
            bench.calls(each, given.calls)  # everything is warm
        costs: dict[str, list[Cost]] = {each.name: [] for each in both}
        print("CPU microseconds a call, server + MariaDB; p50 and p99 in ms", flush=True)
        for number in range(given.rounds):
            for each in both if number % 2 else reversed(both):
                cost = bench.calls(each, given.calls)
                costs[each.name].append(cost)
                clean = "" if cost.clean else "   not clean"
                figures = f"{cost.server:6.0f} + {cost.database:3.0f}   {cost.p50:4.0f} {cost.p99:5.0f}"
                print(f"{each.name:<16} {figures}{clean}", flush=True)
        without, having = costs.values()
        rounds = list(zip(without, having, strict=True))
        print(
            "accounting costs, median of the rounds:"
            f" {statistics.median(b.server - a.server for a, b in rounds):.0f}"
            f" + {statistics.median(b.database - a.database for a, b in rounds):.0f} us"
        )


if __name__ == "__main__":
    main()
