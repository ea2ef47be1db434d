"""A management agent with its FIFO, and the ways in which clients use it."""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.harness.process import Process
from tests.harness.sipbox import Sipbox

CLIENT = Path(__file__).parents[1] / "wire" / "openser_fifo_client.sh"

#: A registration as the SIP process tells it, and the answer to a request of ours.
BINDING = {
    "aor": "10@127.0.0.1",
    "contact": "sip:10@127.0.0.1:5999",
    "expires": 3598,
    "q": None,
    "callid": "abc@127.0.0.1",
    "cseq": 2,
    "user_agent": "baresip v1.0",
    "received": None,
    "path": None,
    "socket": "udp:127.0.0.1:5060",
    "methods": None,
    "flags": 0,
    "cflags": 0,
    "state": "CS_SYNC",
}
ANSWER: dict[str, Any] = {"request_uri": None, "next_hop": None, "route_set": None, "headers": None}


class Bench:
    """An agent of its own with its FIFO; ``sip`` answers it."""

    def __init__(self, directory: Path) -> None:
        self.fifo = directory / "fifo"
        self.replies = directory / "replies"
        self.control = directory / "control.sock"
        self.settings = directory / "sipbox.toml"
        self.log = directory / "log"
        self.settings.write_text(
            f"""
            [sip]
            control = "{self.control}"
            state_dir = "{directory}"
            [database]
            url = "sqlite:///{directory}/sipbox.db"
            [agent]
            fifo = "{self.fifo}"
            reply_dir = "{self.replies}"
            http = ""
            socket = "{directory}/agent.sock"
            """
        )
        self.agent = self.start()

    def start(self) -> Process:
        agent = Process(
            [sys.executable, "-m", "appliance", "--config", self.settings, "agent"],
            log=self.log,
            directory=Sipbox.program,
        )
        deadline = time.monotonic() + 20
        while not (self.fifo.exists() and self.replies.exists() and b"ready" in self.log.read_bytes()):
            assert agent.running and time.monotonic() < deadline, agent.log
            time.sleep(0.02)
        return agent

    def client(self, command: str, *arguments: str, timeout: float = 10) -> str:
        """What the plain shell client prints."""
        done = subprocess.run(
            [CLIENT, self.fifo, self.replies, command, *arguments],
            capture_output=True,
            text=True,
            timeout=timeout,
            check=True,
        )
        assert not done.stderr
        return done.stdout

    def write(self, data: bytes) -> None:
        descriptor = os.open(self.fifo, os.O_WRONLY | os.O_NONBLOCK)
        try:
            assert os.write(descriptor, data) == len(data)
        finally:
            os.close(descriptor)

    def reply_fifo(self, name: str) -> int:
        """A reply FIFO of this name, open for reading."""
        path = self.replies / name
        os.mkfifo(path)
        return os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    def ask(self, request: bytes, name: str = "reply") -> bytes:
        """The bytes of the reply, up to the moment when the agent closes."""
        reader = self.reply_fifo(name)
        try:
            self.write(request)
            return read_to_end(reader)
        finally:
            os.close(reader)
            (self.replies / name).unlink()


def read_to_end(reader: int, seconds: float = 5.0) -> bytes:
    data = b""
    opened = False
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        ready, _, _ = select.select([reader], [], [], 0.05)
        if not ready:
            continue
        try:
            more = os.read(reader, 65536)
        except BlockingIOError:
            opened = True
            continue
        if more:
            opened = True
            data += more
        elif opened or data:
            return data
        else:
            time.sleep(0.01)  # nobody has opened it for writing yet
    raise AssertionError(f"the reply does not end; so far {data!r}")


@contextmanager
def bench_of_its_own() -> Iterator[Bench]:
    """A bench in a directory with a short path: OpenSER's limit of 128 bytes holds for the reply directory
    and the name together."""
    directory = Path(tempfile.mkdtemp(prefix="fifo-"))
    bench = Bench(directory)
    try:
        yield bench
    finally:
        bench.agent.stop()
        shutil.rmtree(directory)
