"""The servers that are measured: sipbox as on a box, Kamailio in four configurations, and the bare loop.

Each has a MariaDB of its own, so that what the database does afterwards is counted for the right one.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.control.client import ServerDown, call
from benchmarks.kamailio import Kamailio
from benchmarks.load import Bench, Server
from benchmarks.processor_time import Meter, family
from tests.harness.mariadb import MariaDB
from tests.harness.process import Process
from tests.harness.sipbox import REPOSITORY, Sipbox

#: As MariaDB has them by itself; the tests' servers are smaller.
_DATABASE = ("--innodb-buffer-pool-size=128M", "--innodb-log-file-size=96M")
#: Kamailio's are written from its documentation: (configuration, usrloc's db_mode).
KAMAILIOS = {
    "Kamailio, seed, db_mode 1": ("seed", 1),
    "Kamailio, seed, db_mode 2": ("seed", 2),
    "Kamailio, tuned, db_mode 1": ("tuned", 1),
    "Kamailio, tuned, db_mode 2": ("tuned", 2),
}
SIPBOX = "sipbox"
#: Neither writes a line for each request.
_QUIET: Mapping[str, Mapping[str, Any]] = {
    "log": {"level": "warning"},
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
        return self.box.pids if isinstance(self.box, Kamailio) else family(self.box.pid)

    def bindings(self) -> int:
        """How many bindings are in memory; -1 while it cannot be asked."""
        if isinstance(self.box, Kamailio):
            return self.box.bindings()
        try:
            return int(call(self.box.settings["sip"]["control"], "status")["bindings"])
        except (ServerDown, OSError):
            return -1

    def start(self) -> None:
        """Start it and wait for nothing."""
        self.box.start(wait=False)

    def stop(self) -> None:
        self.box.stop()


def subscribers(count: int, *, first: int = 1000) -> str:
    """SQL for ``count`` subscribers from user ``first`` on, password ``pw`` and the user, kept as HA1."""
    return (
        "insert into subscriber (username, domain, password, ha1, ha1b)"
        " select seq, '127.0.0.1', '', md5(concat(seq, ':127.0.0.1:pw', seq)),"
        f" md5(concat(seq, '@127.0.0.1:127.0.0.1:pw', seq)) from seq_{first}_to_{first + count - 1}"
    )


@contextmanager
def running(name: str, phones: int) -> Iterator[Running]:
    """The server of that name (``SIPBOX`` or one of ``KAMAILIOS``) with ``phones`` subscribers, started."""
    with MariaDB(options=_DATABASE) as mariadb:
        assert_durable(mariadb)
        if name == SIPBOX:
            with Sipbox(mariadb.url("openser"), settings=_QUIET) as box:
                mariadb.sql(subscribers(phones), "openser")
                pids = Meter(lambda: family(box.pid))
                yield Running(_server(name, box, pids, mariadb), box, mariadb, "openser")
            return
        with Kamailio(*KAMAILIOS[name], mariadb) as kamailio:
            kamailio.create_database()
            mariadb.sql(subscribers(phones), "kamailio")
            kamailio.start()
            pids = Meter(lambda: kamailio.pids)
            yield Running(_server(name, kamailio, pids, mariadb), kamailio, mariadb, "kamailio")


def _server(name: str, box: Sipbox | Kamailio, own: Meter, mariadb: MariaDB) -> Server:
    database = Meter(lambda: [mariadb.pid] if mariadb.pid else [])
    return Server(name, box.port, lambda: (own.seconds(), database.seconds()), box.restart)


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
