"""What a change costs: this checkout and an older one side by side, under the same loads in turn.

    git worktree add /tmp/before COMMIT
    python -m benchmarks.before_and_after /tmp/before [--rounds 6] [--seconds 5] [--subscribers 10000]

Both run as they are, not compiled, each with a MariaDB of its own, accounting switched off where there is
any. The ratio is CPU time of server and database for an operation, now through before.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, ClassVar, Final

from benchmarks.load import Bench, Cost, Server
from benchmarks.processor_time import Meter, family
from benchmarks.servers import QUIET, assert_durable, subscribers
from benchmarks.statistics_of_rounds import paired_ratio
from tests.harness.mariadb import MariaDB
from tests.harness.sipbox import REPOSITORY, Sipbox

#: What is driven, at how many a second.
_LOADS: Final = (("registration", 1000), ("call", 200))


class Older(Sipbox):
    """A server of the other checkout."""

    program: ClassVar[Path]


@contextmanager
def _running(kind: type[Sipbox], phones: int) -> Iterator[Server]:
    settings: Mapping[str, Mapping[str, Any]] = QUIET
    if not (kind.program / "appliance/storage/call_records.py").exists():
        settings = {section: values for section, values in QUIET.items() if section != "accounting"}
    with MariaDB() as mariadb, kind(mariadb.url("openser"), settings=settings) as box:
        assert_durable(mariadb)
        mariadb.sql(subscribers(phones), "openser")
        own, database = Meter(lambda: family(box.pid)), Meter(lambda: [mariadb.pid] if mariadb.pid else [])
        yield Server(kind.__name__, box.port, lambda: (own.seconds(), database.seconds()), box.restart)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("before", type=Path, help="the older checkout")
    options.add_argument("--rounds", type=int, default=6)
    options.add_argument("--seconds", type=float, default=5, help="how long a load lasts")
    options.add_argument("--subscribers", type=int, default=10_000)
    given = options.parse_args()
    if not (given.before / "appliance").is_dir():
        options.error(f"{given.before}: no checkout of sipbox")
    Older.program = given.before.resolve()
    Sipbox.program = REPOSITORY
    with ExitStack() as stack:
        scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="sipbox-bench-"))
        bench = Bench(given.subscribers, given.seconds, Path(scratch))
        before, now = (stack.enter_context(_running(kind, given.subscribers)) for kind in (Older, Sipbox))
        for server in (before, now):
            bench.check(server)
            bench.registrations(server, _LOADS[0][1], once=True)
        costs: dict[tuple[str, str], list[Cost]] = {}
        for number in range(given.rounds):
            for what, rate in _LOADS:
                for server in (before, now) if number % 2 else (now, before):
                    costs.setdefault((what, server.name), []).append(bench.drive(server, what, rate))
    for what, rate in _LOADS:
        earlier, later = costs[what, before.name], costs[what, now.name]
        ratio = paired_ratio([each.total for each in later], [each.total for each in earlier])
        clean = all(each.clean for each in (*earlier, *later))
        print(f"{what}, {rate:,}/s: {ratio}{'' if clean else '  (not clean)'}")


if __name__ == "__main__":
    main()
