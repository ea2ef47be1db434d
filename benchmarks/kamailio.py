"""Debian's Kamailio as a child process, with a configuration of ours (``kamailio_configs/``).

The packages ``kamailio`` and ``kamailio-mysql-modules`` have to be installed; their service is neither used
nor touched. The tables come from the package's own SQL files.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.processor_time import family
from tests.harness.mariadb import MariaDB
from tests.harness.phone import Phone
from tests.harness.ports import LOOPBACK, free_port
from tests.harness.process import Process

CONFIGURATIONS = Path(__file__).parent / "kamailio_configs"
_TABLES = Path("/usr/share/kamailio/mysql")
_MEGABYTES = "2048"


class Kamailio:
    """One Kamailio on a free port of loopback.

    ``configuration`` is 'seed' or 'tuned', ``db_mode`` usrloc's: 1 writes before the 200 OK, 2 by a timer.
    """

    def __init__(self, configuration: str, db_mode: int, mariadb: MariaDB) -> None:
        self.configuration, self.db_mode, self.mariadb = configuration, db_mode, mariadb
        self.port = free_port()
        self.directory = Path(tempfile.mkdtemp(prefix="kamailio-"))
        self._process: Process | None = None

    @property
    def pids(self) -> list[int]:
        """The main process and its children."""
        assert self._process is not None, "not started"
        return family(self._process.pid)

    def create_database(self, more: Iterable[str] = ()) -> None:
        """The tables of the package (``more`` of its files too), and the credentials in the shape that an
        htable is loaded from."""
        self.mariadb.sql("create database kamailio")
        for name in ("standard", "auth_db", "usrloc", *more):
            self.mariadb.client((_TABLES / f"{name}-create.sql").read_text(), database="kamailio")
        self.mariadb.sql(
            "create view credentials as select id, username as key_name, 0 as key_type, 0 as value_type,"
            " ha1 as key_value, 0 as expires from subscriber",
            "kamailio",
        )

    def add_subscribers(self, hashes: Mapping[str, str], domain: str) -> None:
        """Who may register there: users, and the HA1 of each."""
        rows = ",".join(f"('{user}','{domain}','{each}')" for user, each in hashes.items())
        self.mariadb.client(
            f"insert into subscriber (username, domain, ha1) values {rows}",
            database="kamailio",
        )

    def start(self, *, wait: bool = True) -> Self:
        """Start it and, with ``wait``, wait until it answers."""
        self._process = Process(
            [
                "kamailio",
                "-DD",  # stay in the foreground, yet with children
                "-E",
                *("-f", CONFIGURATIONS / f"{self.configuration}.cfg"),
                *("-l", f"udp:{LOOPBACK}:{self.port}"),
                *("-m", _MEGABYTES),
                *("-Y", self.directory),
                *("-P", self.directory / "kamailio.pid"),
                *("-A", 'DB_URL="mysql://root@localhost/kamailio"'),
                *("-A", f"DB_MODE={self.db_mode}"),
                *("-A", f'CONTROL="{self._control}"'),
            ],
            log=self.directory / "kamailio.log",
            # The client library's own way to say where the socket of "localhost" is.
            environment=os.environ | {"MYSQL_UNIX_PORT": str(self.mariadb.socket)},
            directory=self.directory,
        )
        if wait:
            self.wait_until_ready()
        return self

    def wait_until_ready(self, timeout: float = 60.0) -> None:
        """Ask OPTIONS until it answers; AssertionError with its log when it does not."""
        deadline = time.monotonic() + timeout
        with Phone("probe", proxy=(LOOPBACK, self.port)) as probe:
            while time.monotonic() < deadline:
                assert self._process is not None
                assert self._process.running, f"Kamailio ended:\n{self._process.log[-4000:]}"
                request = probe.request("OPTIONS", f"sip:{LOOPBACK}:{self.port}")
                try:
                    probe.send(request)
                    if probe.final(request, 0.1).status == 200:
                        return
                except (AssertionError, ConnectionRefusedError):
                    time.sleep(0.03)
        raise AssertionError(f"Kamailio gave no answer:\n{self._process.log[-4000:]}")

    def bindings(self) -> int:
        """How many contacts it holds in memory; -1 while nobody can be asked."""
        done = self._ask("stats.get_statistics", "location_contacts")
        found = re.search(r"location_contacts = (\d+)", done)
        return int(found[1]) if found else -1

    def _ask(self, *command: str) -> str:
        return subprocess.run(
            ["kamcmd", "-s", self._control, *command], capture_output=True, text=True, timeout=60, check=False
        ).stdout

    @property
    def _control(self) -> str:
        return f"unix:{self.directory / 'control'}"

    def stop(self) -> None:
        """SIGTERM; what is only in memory is written."""
        if self._process is not None:
            self._process.stop(timeout=60)
            self._process.close()

    def kill(self) -> None:
        """End it without a word: with a million bindings, an orderly end takes minutes."""
        if self._process is not None:
            self._process.close()

    def restart(self) -> None:
        self.stop()
        self.start()

    def close(self) -> None:
        if self._process is not None:
            self._process.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def version() -> str:
    """What ``kamailio -v`` calls itself: '5.6.3'."""
    told = subprocess.run(["kamailio", "-v"], capture_output=True, text=True, timeout=30, check=True).stdout
    found = re.search(r"kamailio (\S+)", told)
    return found[1] if found else told.splitlines()[0]
