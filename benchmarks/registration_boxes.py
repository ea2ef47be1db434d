"""What a registration costs with one, two and three boxes: each a sipbox and a member of a Galera cluster.

    python -m benchmarks.registration_boxes [--seconds 4] [--phones 2000]   # three minutes; as root

All phones register at the first box; the others write the row and hear of the binding. CPU time of each, and
how long a phone waits. The rates are low, because a machine with two cores runs all boxes. All is on this
machine's loopback: the network is none, and the boxes share its cores, so the waiting is that of a busy
machine. Needs mariadb-server, galera-4, rsync and SIPp.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from benchmarks import machine, report
from benchmarks.load import Bench, Server
from benchmarks.processor_time import Meter, family
from benchmarks.servers import QUIET, assert_durable, subscribers
from tests.harness.galera import Galera
from tests.harness.mariadb import MariaDB
from tests.harness.neighbours import neighbours_key
from tests.harness.ports import LOOPBACK, free_port
from tests.harness.settings import merged
from tests.harness.sipbox import Sipbox
from tests.harness.waiting import wait_until

RESULTS = Path(__file__).parent / "results"
_RATES = (100, 300)
_BOXES = (1, 2, 3)


@contextmanager
def boxes(count: int, phones: int, directory: Path) -> Iterator[tuple[list[Sipbox], list[MariaDB]]]:
    """So many boxes that know of one another's registrations, and have their rows in common."""
    with ExitStack() as stack:
        if count == 1:
            databases = [stack.enter_context(MariaDB())]
        else:
            databases = stack.enter_context(Galera(count)).members
        key = str(neighbours_key(directory))
        ports = [free_port() for _ in range(count)]
        servers = []
        for number, mariadb in enumerate(databases):
            assert_durable(mariadb)
            peers = [f"{LOOPBACK}:{port}" for port in ports if port != ports[number]]
            between = {
                "interface": LOOPBACK,
                "port": ports[number],
                "key_file": key,
                "node": f"box-{number + 1}",
                "peers": peers,
                "shared_database": True,
            }
            settings = merged(dict(QUIET), {"replication": between} if peers else {})
            servers.append(stack.enter_context(Sipbox(mariadb.url("openser"), settings=settings)))
            if number == 0:
                mariadb.sql(subscribers(phones), "openser")
        if count > 1:
            wait_until("the boxes have met", partial(_have_met, servers), timeout=30)
        yield servers, databases


def _have_met(servers: Sequence[Sipbox]) -> bool:
    others = len(servers) - 1
    return all(list(box.status()["neighbours"].values()) == [True] * others for box in servers)


def _used(box: Sipbox, mariadb: MariaDB) -> Callable[[], tuple[float, float]]:
    """CPU seconds so far, of a box's server and of its database."""
    own = Meter(lambda: family(box.pid))
    rows = Meter(lambda: [mariadb.pid] if mariadb.pid else [])
    return lambda: (own.seconds(), rows.seconds())


def measured(count: int, bench: Bench, directory: Path) -> Iterator[tuple[str, float]]:
    """Readings by what they are."""
    with boxes(count, len(bench.users), directory) as (servers, databases):
        used = [_used(box, mariadb) for box, mariadb in zip(servers, databases, strict=True)]
        load = Server("sipbox", servers[0].port, used[0], servers[0].restart)
        bench.registrations(load, 300, once=True)
        for rate in _RATES:
            before = [each() for each in used]
            cost = bench.registrations(load, rate)
            time.sleep(0.5)  # the others apply what is left
            what = f"{count} boxes, registration, {rate:,}/s"
            yield f"{what}: failed", float(cost.failed)
            yield f"{what}: p50, ms", cost.p50
            yield f"{what}: p99, ms", cost.p99
            yield f"{what}: sipbox at the first, µs", cost.server
            yield f"{what}: MariaDB at the first, µs", cost.database
            if count > 1:
                spent = [after - was for after, was in zip(used[1](), before[1], strict=True)]
                yield f"{what}: sipbox at another, µs", spent[0] / cost.operations * 1e6
                yield f"{what}: MariaDB at another, µs", spent[1] / cost.operations * 1e6


def main() -> None:
    """Measure, show and keep."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--seconds", type=float, default=4, help="how long a load lasts")
    options.add_argument("--phones", type=int, default=2000)
    chosen = options.parse_args()
    found = []
    with tempfile.TemporaryDirectory(prefix="sipbox-bench-") as scratch:
        bench = Bench(chosen.phones, chosen.seconds, Path(scratch))
        for count in _BOXES:
            for what, value in measured(count, bench, Path(scratch)):
                found.append(report.Reading.of(1, "sipbox", what, value))
                print(f"{value:12,.1f}  {what}", flush=True)
        kept = report.kept(machine.describe(Path(scratch)), vars(chosen), found)
    name = time.strftime("%Y-%m-%d-%H%M%S-boxes.json", time.gmtime())
    (RESULTS / name).write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
