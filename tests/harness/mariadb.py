"""A private, real MariaDB for a test: its own data directory, its own socket, nothing shared with the
machine's.

::

    with MariaDB() as server:
        server.sql("create database openser")
        engine = sqlalchemy.create_engine(server.url("openser"))
        server.kill()            # SIGKILL: what a power cut does to a process
        server.start()

The settings are MariaDB's defaults (``--no-defaults``: the machine's own files are not read): strict
``sql_mode`` and ``innodb_flush_log_at_trx_commit=1``, on which "the 200 OK means durable" rests. Only the
buffers are made small. Administrator is ``root`` without a password; the socket stands in a directory that
only the current user may enter.
"""

from __future__ import annotations

import atexit
import functools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.harness.startable import Startable

#: A new data directory takes a second to make and milliseconds to copy: one is made for each test process.
SMALL = ("--innodb-log-file-size=16M", "--innodb-buffer-pool-size=64M", "--innodb-fast-shutdown=1")


class MariaDBFailed(Exception):
    """The server or its client did not do what it was asked; the text is what it printed."""


def _user() -> str:
    return pwd.getpwuid(os.getuid()).pw_name


@functools.cache
def _template() -> Path:
    """A data directory with the system tables, made once and copied for each server."""
    directory = Path(tempfile.mkdtemp(prefix="sipbox-mariadb-template-"))
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    data = directory / "data"
    made = subprocess.run(
        [
            "mariadb-install-db",
            "--no-defaults",
            f"--datadir={data}",
            f"--user={_user()}",
            "--auth-root-authentication-method=normal",
            "--skip-test-db",
            # A machine whose own name cannot be looked up will do: nobody comes by name.
            "--force",
            SMALL[0],
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if made.returncode:
        raise MariaDBFailed(made.stdout + made.stderr)
    return data


class MariaDB(Startable):
    """One server. ``options`` are further command line options of mariadbd; ``port`` also listens on TCP."""

    def __init__(self, *, port: int | None = None, options: Sequence[str] = ()) -> None:
        self.directory = Path(tempfile.mkdtemp(prefix="sipbox-db-"))
        self.data = self.directory / "data"
        self.socket = self.directory / "mariadb.sock"
        self.log = self.directory / "mariadb.log"
        self.port = port
        self.options = tuple(options)
        self._process: subprocess.Popen[bytes] | None = None

    # ------------------------------------------------------------------------------------ starting and ending

    @property
    def pid(self) -> int | None:
        """The running server's process id."""
        return self._process.pid if self._process else None

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def make_data(self) -> None:
        """See to it that there is a data directory."""
        if not self.data.exists():
            shutil.copytree(_template(), self.data)

    def start(self, timeout: float = 30.0) -> MariaDB:
        """Start it and wait until it answers."""
        if self.running:
            return self
        self.make_data()
        network = [f"--port={self.port}", "--bind-address=127.0.0.1"] if self.port else ["--skip-networking"]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    "mariadbd",
                    "--no-defaults",
                    f"--user={_user()}",
                    f"--datadir={self.data}",
                    f"--socket={self.socket}",
                    f"--pid-file={self.directory / 'mariadb.pid'}",
                    f"--tmpdir={self.directory}",
                    "--skip-name-resolve",
                    *SMALL,
                    *network,
                    *self.options,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + timeout
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                text = self.log.read_text(errors="replace")[-4000:]
                self.kill()
                raise MariaDBFailed(f"mariadbd did not start:\n{text}")
            time.sleep(0.03)
        return self

    def stop(self, timeout: float = 30.0) -> None:
        """End it in good order (SIGTERM) and wait for it."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(timeout)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait(timeout)
        self._process = None

    def kill(self) -> None:
        """SIGKILL, in the middle of whatever it does."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait(30)
        self._process = None

    def restart(self) -> None:
        self.stop()
        self.start()

    def close(self) -> None:
        """End it and remove all that it wrote."""
        self.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    # ----------------------------------------------------------------------------------------- speaking to it

    def url(self, database: str = "openser", user: str = "root", password: str | None = None) -> str:
        """The SQLAlchemy URL of ``database`` over the server's unix socket."""
        who = user if password is None else f"{user}:{password}"
        return f"mysql+pymysql://{who}@localhost/{database}?unix_socket={self.socket}"

    def sql(
        self, statement: str, database: str | None = None, *, user: str = "root"
    ) -> list[tuple[str, ...]]:
        """What the mariadb client prints for ``statement``: rows of text, NULL as ``NULL``.

        :raises MariaDBFailed: with the server's own error text.
        """
        client = self.client(statement, "--batch", "--skip-column-names", database=database, user=user)
        return [tuple(line.split("\t")) for line in client.splitlines()]

    def client(self, statement: str, *options: str, database: str | None = None, user: str = "root") -> str:
        """The output of ``mariadb`` fed with ``statement``, as a person would see it."""
        done = subprocess.run(
            ["mariadb", "--no-defaults", f"--socket={self.socket}", f"--user={user}", *options]
            + ([database] if database else []),
            input=statement,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if done.returncode:
            raise MariaDBFailed(done.stderr.strip())
        return done.stdout

    def cpu_seconds(self) -> float:
        """Processor time that the server has used, user and system."""
        if self._process is None:
            return 0.0
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _answers(self) -> bool:
        """Whether it greets who comes; a client of its own would cost more than the start it waits for."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as visitor:
            visitor.settimeout(30)
            try:
                visitor.connect(str(self.socket))
                greeting = visitor.recv(5)
            except OSError:
                return False
        # Four bytes of a packet's head, then the version of the protocol, or 255 for an error.
        return len(greeting) == 5 and greeting[4] == 10
