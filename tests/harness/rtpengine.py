"""A real rtpengine in user space, on free ports; ended by its process id.

::

    with Rtpengine(tmp_path) as engine:
        Sipbox(settings={"media": {"mode": "always", "nodes": [engine.node]}})
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from tests.harness.networks import Place
from tests.harness.ports import LOOPBACK, free_port
from tests.harness.process import Process
from tests.harness.waiting import wait_until

_PORTS = 80


class Rtpengine:
    """``interfaces`` are written as rtpengine has them (``name/address!advertised``); ``place`` is where it
    runs, at the address there and on ports of its own.
    """

    def __init__(
        self,
        directory: Path,
        *,
        place: Place | None = None,
        interfaces: Sequence[str] = (),
        ports: int = _PORTS,
    ) -> None:
        self.place = place
        self.host = place.address if place else LOOPBACK
        self.control_port = 2223 if place else free_port()
        self.first_port = 30000 if place else free_port(ports)
        self.last_port = self.first_port + ports - 1
        self.interfaces = list(interfaces) or [self.host]
        self.node = f"{LOOPBACK}:{self.control_port}"
        self._directory = directory
        self.process: Process | None = None

    def start(self) -> Self:
        command = [
            "rtpengine", "--config-file=none", "--table=-1", "--foreground", "--log-stderr", "--log-level=5",
            "--num-threads=2", f"--listen-ng={self.node}", f"--port-min={self.first_port}",
            f"--port-max={self.last_port}", *(f"--interface={each}" for each in self.interfaces),
        ]  # fmt: skip
        self.process = Process(
            self.place.command(*command) if self.place else command,
            log=self._directory / f"rtpengine-{self.control_port}.log",
        )
        wait_until("rtpengine answers", self._answers, timeout=30)
        return self

    def kill9(self) -> None:
        assert self.process is not None
        self.process.kill9()

    def stop(self) -> None:
        assert self.process is not None
        self.process.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self.process is not None:
            self.process.close()

    def relays_at(self, port: int) -> bool:
        """Whether that is one of its ports for media."""
        return self.first_port <= port <= self.last_port

    def calls(self) -> int:
        """How many calls it has that were not deleted."""
        told = self.ask({"command": "statistics"})
        return int(told["statistics"]["currentstatistics"]["sessionstotal"])

    def packets(self, call_id: str) -> int:
        """How many RTP packets it has relayed in a call."""
        return int(self.ask({"command": "query", "call-id": call_id})["totals"]["RTP"]["packets"])

    def knows(self, call_id: str) -> bool:
        return bool(self.ask({"command": "query", "call-id": call_id})["result"] == b"ok")

    def ask(self, question: dict[str, object]) -> Any:
        from appliance.media.bencode import decode, encode

        with self._socket() as control:
            control.settimeout(5)
            control.connect((LOOPBACK, self.control_port))
            cookie = f"test{free_port()}{id(control)}".encode()
            control.send(cookie + b" " + encode(question))
            answer = control.recv(65_535)
        assert answer.startswith(cookie + b" "), answer
        return decode(answer.partition(b" ")[2])

    def _socket(self) -> socket.socket:
        if self.place:
            return self.place.open_socket(socket.AF_INET, socket.SOCK_DGRAM)
        return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.running, self.process.log
        try:
            return bool(self.ask({"command": "ping"})["result"] == b"pong")
        except OSError:
            return False
