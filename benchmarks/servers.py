"""The servers that are measured: sipbox as on a box, alone or as several workers, Kamailio in four
configurations, and the bare loop.

Each has a MariaDB of its own, so that what the database does afterwards is counted for the right one.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.control.client import call
from appliance.errors import ControlError
from benchmarks.kamailio import Kamailio
from benchmarks.load import Bench, Server
from benchmarks.names import KAMAILIOS
from benchmarks.processor_time import Meter, family
from tests.harness.mariadb import MariaDB
from tests.harness.process import Process
from tests.harness.sipbox import REPOSITORY, Sipbox
from tests.harness.workers import Workers

#: As MariaDB has them by itself; the tests' servers are smaller.
_DATABASE = ("--innodb-buffer-pool-size=128M", "--innodb-log-file-size=96M")
#: As the role database gives it to a box with 4 GB and more.
LARGE_DATABASE = ("--innodb-buffer-pool-size=1024M", "--innodb-log-file-size=96M")
#: Neither writes a line for each request.
QUIET: Mapping[str, Mapping[str, Any]] = {
    "log": {"level": "warning"},
    "accounting": {"enabled": False},  # Kamailio's configurations have none
    "registrar": {"max_contacts": 10, "location_mode": "write-through"},
}


@dataclass
class Running:
    """A server in the shape that loads are driven at, and what else it is asked in its own way."""

    server: Server
    box: Sipbox | Kamailio
    mariadb: MariaDB
    database: str

    @property
    def pids(self) -> list[int]:
        return _pids(self.box)

    def bindings(self) -> int:
        """How many bindings are in memory, in that of each worker; -1 while it cannot be asked."""
        if isinstance(self.box, Kamailio):
            return self.box.bindings()
        try:
            if isinstance(self.box, Workers):
                return min(self.box.ask(number, "status")["bindings"] for number in self.box.numbers)
            return int(call(self.box.settings["sip"]["control"], "status")["bindings"])
        except (ControlError, OSError):
            return -1

    def start(self) -> None:
        """Start it and wait for nothing."""
        self.box.start(wait=False)

    def stop(self) -> None:
        self.box.stop()

    def end(self) -> None:
        """Stop it, or kill it where that takes minutes."""
        if isinstance(self.box, Kamailio):
            self.box.kill()
        else:
            self.box.stop()


def subscribers(count: int, *, first: int = 1000) -> str:
    """SQL for ``count`` subscribers from user ``first`` on, password ``pw`` and the user, kept as HA1."""
    return (
        "insert into subscriber (username, domain, password, ha1, ha1b)"
        " select seq, '127.0.0.1', '', md5(concat(seq, ':127.0.0.1:pw', seq)),"
        f" md5(concat(seq, '@127.0.0.1:127.0.0.1:pw', seq)) from seq_{first}_to_{first + count - 1}"
    )


@contextmanager
def running(
    name: str, phones: int, *, workers: int = 1, options: Sequence[str] = _DATABASE
) -> Iterator[Running]:
    """The server of that name with ``phones`` subscribers, started: one of ``KAMAILIOS``, else sipbox.

    ``options`` are the database's.
    """
    with MariaDB(options=options) as mariadb:
        assert_durable(mariadb)
        if name not in KAMAILIOS:
            url = mariadb.url("openser")
            with (
                Sipbox(url, settings=QUIET)
                if workers == 1
                else Workers(url, count=workers, settings=QUIET) as box
            ):
                if phones:
                    mariadb.sql(subscribers(phones), "openser")
                yield Running(_server(name, box, mariadb), box, mariadb, "openser")
            return
        with Kamailio(*KAMAILIOS[name], mariadb) as kamailio:
            kamailio.create_database()
            if phones:
                mariadb.sql(subscribers(phones), "kamailio")
            kamailio.start()
            yield Running(_server(name, kamailio, mariadb), kamailio, mariadb, "kamailio")


def _server(name: str, box: Sipbox | Kamailio, mariadb: MariaDB) -> Server:
    own = Meter(lambda: _pids(box))
    database = Meter(lambda: [mariadb.pid] if mariadb.pid else [])
    return Server(name, box.port, lambda: (own.seconds(), database.seconds()), box.restart)


def _pids(box: Sipbox | Kamailio) -> list[int]:
    if isinstance(box, Kamailio):
        return box.pids
    if isinstance(box, Workers):
        return [pid for process in box.processes.values() for pid in family(process.pid)]
    return family(box.pid)


def assert_durable(mariadb: MariaDB) -> None:
    """AssertionError unless each commit is on the disk when it is over."""
    flush = mariadb.sql("select @@innodb_flush_log_at_trx_commit")
    assert flush == [("1",)], f"the database does not flush at each commit: {flush}"


@contextmanager
def plain_server(bench: Bench, port: int, directory: Path) -> Iterator[Server]:
    """The bare loop. It knows nothing, so a start changes nothing for it."""
    command = [sys.executable, "-m", "benchmarks.plain_loop", str(port), str(bench.contact_port)]
    process = Process(command, log=directory / "plain.log", directory=REPOSITORY)
    meter = Meter(lambda: [process.pid])
    try:
        time.sleep(1)
        yield Server("plain loop", port, lambda: (meter.seconds(), 0.0), lambda: None)
    finally:
        process.close()
