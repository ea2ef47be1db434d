"""A running sipbox: its settings, its process, its database, and what an administrator types.

::

    with Sipbox() as box:
        box.add_subscribers({"10": "secret"})
        phone = box.phone("10")
        assert phone.register().status == 200
        box.kill9()
        box.start()
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

import sqlalchemy

from tests.harness.networks import Place
from tests.harness.phone import Phone
from tests.harness.ports import LOOPBACK, free_port
from tests.harness.process import Process
from tests.harness.settings import Sections, merged, settings_at, toml
from tests.harness.template import sqlite_database

REPOSITORY = Path(__file__).resolve().parents[2]


class Sipbox:
    """One server on free loopback ports.

    ``database_url`` None is a SQLite file of its own. ``settings`` changes the settings file by section.
    ``agent`` starts the management agent (FIFO, HTTP) as well, as the process of its own that it is.
    ``place`` is where it runs instead, at the address that it has there and the port 5060.
    """

    #: The folder around the package that is run; benchmarks run a compiled copy.
    program: ClassVar[Path] = REPOSITORY

    def __init__(
        self,
        database_url: str | None = None,
        *,
        settings: Sections | None = None,
        agent: bool = False,
        trace: bool = False,
        place: Place | None = None,
    ) -> None:
        # Short: the path of a unix socket has at most 107 bytes.
        self.directory = Path(tempfile.mkdtemp(prefix="sipbox-"))
        self.place = place
        self.host = place.address if place else LOOPBACK
        self.port = 5060 if place else free_port()
        self.agent_port = free_port()
        self.database_url = database_url or f"sqlite:///{self.directory / 'sipbox.db'}"
        base = settings_at(self.host, self.directory, self.port, self.agent_port, self.database_url)
        self.settings = merged(base, settings or {})
        self.config = self.directory / "sipbox.toml"
        self.with_agent = agent
        self.trace = trace
        self.process: Process | None = None
        self.agent: Process | None = None
        self.write_settings()

    # -------------------------------------------------------------------------------------------- its process

    @property
    def address(self) -> tuple[str, int]:
        return (self.host, self.port)

    @property
    def domain(self) -> str:
        return str(self.settings["sip"]["domains"][0])

    @property
    def pid(self) -> int:
        assert self.process is not None, "not started"
        return self.process.pid

    @property
    def log(self) -> str:
        """What the server wrote so far, over all its lives."""
        path = self.directory / "serve.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def write_settings(self, changes: Sections | None = None) -> None:
        self.settings = merged(self.settings, changes or {})
        for place in ("state", "replies"):
            (self.directory / place).mkdir(exist_ok=True)
        self.config.write_text(toml(self.settings))

    def create_database(self) -> None:
        """See to it that the tables are there."""
        if self.database_url.startswith("sqlite:"):
            place = Path(self.database_url.removeprefix("sqlite:///"))
            if not place.exists():
                sqlite_database(place)
        elif not self._has_tables():
            self.cli("database", "create", "--yes")

    def _has_tables(self) -> bool:
        try:
            return bool(self.sql("show tables like 'subscriber'"))
        except sqlalchemy.exc.OperationalError:
            return False  # not even the database is there

    def start(self, *, timeout: float = 20.0, wait: bool = True) -> Self:
        """Start it on the ports that it has, and wait until it answers over SIP."""
        assert self.process is None or not self.process.running, "runs already"
        self.process = self._spawn("serve", *(["--trace"] if self.trace else []))
        if wait:
            self.wait_until_ready(timeout)
        if self.with_agent and (self.agent is None or not self.agent.running):
            self.start_agent(timeout)
        return self

    def start_agent(self, timeout: float = 20.0) -> None:
        self.agent = self._spawn("agent")
        self._wait_for_agent(timeout)

    def _spawn(self, verb: str, *options: str) -> Process:
        command = [sys.executable, "-m", "appliance", "--config", str(self.config), verb, *options]
        return Process(
            self.place.command(*command) if self.place else command,
            log=self.directory / f"{verb}.log",
            environment=self.environment,
            directory=self.program,
        )

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SIPBOX_")}
        return kept | {"PYTHONUNBUFFERED": "1", "PYTHONPATH": str(self.program)}

    def wait_until_ready(self, timeout: float = 20.0) -> None:
        """Ask OPTIONS over UDP until there is an answer that is not 503."""
        deadline = time.monotonic() + timeout
        with Phone("probe", proxy=self.address, place=self.place) as probe:
            while time.monotonic() < deadline:
                assert self.process is not None
                assert self.process.running, (
                    f"sipbox ended with {self.process.exit_code}:\n{self.log[-6000:]}"
                )
                request = probe.request("OPTIONS", f"sip:{self.domain}:{self.port}")
                try:
                    probe.send(request)
                    if probe.final(request, 0.1).status != 503:
                        return
                except (AssertionError, ConnectionRefusedError):
                    time.sleep(0.03)
        raise AssertionError(f"sipbox gave no answer within {timeout:g} s:\n{self.log[-6000:]}")

    def _wait_for_agent(self, timeout: float) -> None:
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            assert self.agent is not None
            assert self.agent.running, f"the agent ended:\n{self.agent.log[-4000:]}"
            there = (LOOPBACK, self.agent_port)
            try:
                with self.place.connect(there, 0.2) if self.place else socket.create_connection(there, 0.2):
                    return
            except OSError:
                time.sleep(0.03)
        raise AssertionError(f"the agent does not answer within {timeout:g} s")

    def kill9(self) -> None:
        """What a power cut is to it."""
        assert self.process is not None
        self.process.kill9()

    def stop(self) -> None:
        """As systemd stops it; AssertionError unless it ends cleanly."""
        assert self.process is not None
        code = self.process.stop()
        assert code == 0, f"sipbox ended with {code}:\n{self.log[-6000:]}"

    def restart(self) -> None:
        self.stop()
        self.start()

    def close(self) -> None:
        for process in (self.agent, self.process):
            if process is not None:
                process.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def __enter__(self) -> Self:
        try:
            self.create_database()
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self.assert_no_accident()
        finally:
            self.close()

    def assert_no_accident(self) -> None:
        """Whatever phones, people and databases did: nothing happened that the program did not expect."""
        for log in sorted(self.directory.glob("*.log")):
            before, accident, after = log.read_text(errors="replace").partition("Traceback")
            assert not accident, f"{log.name}:\n{before[-2000:]}{accident}{after[:6000]}"

    # --------------------------------------------------------------------------- its administrator and phones

    def cli(
        self, *arguments: str, typed: str = "", check: bool = True, timeout: float = 60.0
    ) -> subprocess.CompletedProcess[str]:
        """``sipbox ARGUMENTS`` with this server's settings, ``typed`` on its standard input.

        AssertionError when it fails and ``check`` asks for that.
        """
        command = [sys.executable, "-m", "appliance", "--config", str(self.config), *arguments]
        done = subprocess.run(
            self.place.command(*command) if self.place else command,
            input=typed,
            capture_output=True,
            text=True,
            timeout=timeout,
            env=self.environment,
            cwd=self.program,
            check=False,
        )
        assert not check or done.returncode == 0, (
            f"sipbox {' '.join(arguments)}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        )
        return done

    def status(self) -> dict[str, Any]:
        """``sipbox status --json``."""
        return dict(json.loads(self.cli("status", "--json", check=False).stdout))

    def sql(self, statement: str, rows: Iterable[Mapping[str, Any]] | None = None) -> list[tuple[Any, ...]]:
        """Plain SQL on the server's database, past the server; ``rows`` executes it once for each of them."""
        engine = sqlalchemy.create_engine(self.database_url, poolclass=sqlalchemy.NullPool)
        with engine.begin() as connection:
            if rows is None:
                result = connection.execute(sqlalchemy.text(statement))
            else:
                result = connection.execute(sqlalchemy.text(statement), [dict(row) for row in rows])
            return [tuple(row) for row in result] if result.returns_rows else []

    def add_subscribers(self, passwords: Mapping[str, str]) -> None:
        """Subscribers of this server's domain, their passwords in plain text, as the tutorial has them."""
        self.sql(
            "insert into subscriber (username, domain, password) values (:username, :domain, :password)",
            [
                {"username": user, "domain": self.domain, "password": password}
                for user, password in passwords.items()
            ],
        )

    def phone(self, user: str, password: str = "", **options: Any) -> Phone:
        """A phone of that subscriber, with this server as its proxy."""
        return Phone(user, password, proxy=self.address, domain=self.domain, **options)
