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
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from tests.harness.mariadb import MariaDB
from tests.harness.ports import free_port
from tests.harness.process import Process
from tests.harness.sipbox import REPOSITORY, Sipbox
from tests.harness.sipp import Sipp, digest

_TICKS = os.sysconf("SC_CLK_TCK")
_REGISTRATION_RATES = (500, 1000, 2000, 3000, 4000, 5000, 6000, 8000, 10000)
_CALL_RATES = (100, 200, 400, 600, 800, 1000, 1300, 1600, 2000)


class Server(NamedTuple):
    """A server under load: its address's port, CPU seconds used so far (own, database), a new start."""

    name: str
    port: int
    used: Callable[[], tuple[float, float]]
    restart: Callable[[], object]


class Cost(NamedTuple):
    """CPU microseconds an operation, of the server and of the database; what went wrong among how many."""

    server: float
    database: float
    operations: int
    failed: int
    retransmissions: int

    @property
    def total(self) -> float:
        return self.server + self.database

    @property
    def clean(self) -> bool:
        return self.failed == 0 and self.retransmissions < self.operations / 1000


def cpu_seconds(pid: int) -> float:
    """User and system time of one process, all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


class Bench:
    """The load: ``phones`` subscribers whose phones all are at one port of loopback."""

    def __init__(self, phones: int, seconds: float, directory: Path) -> None:
        self.users = [str(1000 + number) for number in range(phones)]
        self.seconds = seconds
        self.contact_port = free_port()
        self._directory = directory
        self._runs = 0

    def registrations(self, server: Server, rate: int, *, once: bool = False) -> Cost:
        """Each phone registers in turn, two requests a registration; ``once``: each phone only once."""
        contact = f"127.0.0.1:{self.contact_port}"
        rows = [(user, digest(user, f"pw{user}"), contact) for user in self.users]
        return self._drive(
            server,
            "register",
            rate,
            rows,
            {"domain": f"127.0.0.1:{server.port}", "expires": "3600", "contact_transport": "udp"},
            operations=len(rows) if once else None,
        )

    def calls(self, server: Server, rate: int) -> Cost:
        """Each phone calls another one, which answers and is hung up on: ten messages at the caller."""
        others = self.users[1:] + self.users[:1]
        rows = [
            (user, digest(user, f"pw{user}"), other) for user, other in zip(self.users, others, strict=True)
        ]
        with Sipp(
            "callee",
            self._fresh(),
            port=self.contact_port,
            calls=10_000_000,
            at_once=10_000,
            values={"LINGER": "0"},
            timeout=self.seconds + 60,
        ):
            return self._drive(server, "caller", rate, rows, {"domain": f"127.0.0.1:{server.port}"})

    def _drive(
        self,
        server: Server,
        scenario: str,
        rate: int,
        rows: list[tuple[str, ...]],
        keys: dict[str, str],
        operations: int | None = None,
    ) -> Cost:
        operations = operations or max(1, int(rate * self.seconds))
        with Sipp(
            scenario,
            self._fresh(),
            target=("127.0.0.1", server.port),
            users=rows,
            calls=operations,
            rate=rate,
            at_once=3_000,
            keys=keys,
            timeout=self.seconds * 4 + 30,
        ) as sipp:
            before = server.used()
            counted = sipp.wait()
            time.sleep(0.3)  # the last commit
            after = server.used()
        own, database = (
            (later - earlier) / operations * 1e6 for earlier, later in zip(before, after, strict=True)
        )
        return Cost(own, database, operations, operations - counted.successful, counted.retransmissions)

    def _fresh(self) -> Path:
        self._runs += 1
        place = self._directory / str(self._runs)
        place.mkdir()
        return place


@contextmanager
def sipbox_server(bench: Bench) -> Iterator[Server]:
    """sipbox with write-through locations on a MariaDB of its own."""
    with MariaDB() as mariadb:
        flush = mariadb.sql("select @@innodb_flush_log_at_trx_commit")
        assert "1" in str(flush), f"the database does not flush at each commit: {flush}"
        settings = {"log": {"level": "warning"}, "registrar": {"max_contacts": 10}}
        with Sipbox(mariadb.url("openser"), settings=settings) as box:
            box.add_subscribers({user: f"pw{user}" for user in bench.users})
            used = lambda: (cpu_seconds(box.pid), mariadb.cpu_seconds())  # noqa: E731
            yield Server("sipbox", box.port, used, box.restart)


@contextmanager
def plain_server(bench: Bench, directory: Path) -> Iterator[Server]:
    """The bare loop."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.plain_loop", str(port), str(bench.contact_port)]
    process = Process(command, log=directory / "plain.log", directory=REPOSITORY)
    try:
        time.sleep(1)
        # It knows nothing, so a start changes nothing for it.
        yield Server("plain loop", port, lambda: (cpu_seconds(process.pid), 0.0), lambda: None)
    finally:
        process.close()


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
    given = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="sipbox-bench-") as scratch:
        bench = Bench(given.phones, given.seconds, Path(scratch))
        with sipbox_server(bench) as sipbox, plain_server(bench, Path(scratch)) as plain:
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
