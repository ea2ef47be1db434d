"""Several workers on one address, as systemd runs them: a socket each with SO_REUSEPORT, which outlives them.

::

    with Workers(mariadb_database(server), count=2) as box:
        phone = box.phone_at(2, "10", "secret-10")     # the kernel hands what it sends to worker 2
        box.kill9_worker(2)
        box.start_worker(2)
"""

from __future__ import annotations

import signal
import socket
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any, Self

from appliance import control
from appliance.config import load
from appliance.errors import ControlError
from tests.harness.phone import Phone
from tests.harness.ports import LOOPBACK
from tests.harness.process import Process
from tests.harness.settings import Sections, merged
from tests.harness.sipbox import Sipbox
from tests.harness.supervised import LAUNCHER, PlayedSystemd
from tests.harness.waiting import wait_until


class Workers(Sipbox):
    """``count`` workers; the subscribers 10, 11, 12 have the passwords 'secret-10' and so on."""

    def __init__(
        self,
        database_url: str,
        *,
        count: int = 2,
        settings: Sections | None = None,
        agent: bool = False,
    ) -> None:
        super().__init__(
            database_url, settings=merged({"sip": {"workers": count}}, settings or {}), agent=agent
        )
        self.numbers = range(1, count + 1)
        self.processes: dict[int, Process] = {}
        self.systemd = {number: PlayedSystemd(self.directory / f"notify-{number}") for number in self.numbers}
        self.sockets = {number: self._bound() for number in self.numbers}
        self._phones = ExitStack()

    def _bound(self) -> list[socket.socket]:
        """One worker's sockets; all are bound before any listens, so that the kernel's choice stays."""
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_194_304)
        tcp = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for sock in (udp, tcp):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            sock.bind((LOOPBACK, self.port))
        tcp.listen(1024)
        return [udp, tcp]

    # ------------------------------------------------------------------------------------------ its processes

    def start(self, *, timeout: float = 30.0, wait: bool = True) -> Self:
        for number in self.numbers:
            self.start_worker(number, wait=False)
        if wait:
            for number in self.numbers:
                self.wait_for_worker(number, timeout)
            self.wait_until_they_know_one_another(timeout)
        if self.with_agent and (self.agent is None or not self.agent.running):
            self.agent = self._spawn("agent")
            self._wait_for_agent(timeout)
        return self

    def start_worker(self, number: int, *, wait: bool = True, timeout: float = 30.0) -> None:
        systemd = self.systemd[number]
        given = [*(sock.fileno() for sock in self.sockets[number]), *systemd.living()]
        program = [sys.executable, "-m", "appliance", "--config", str(self.config)]
        self.processes[number] = Process(
            [
                *(sys.executable, "-I", "-S", "-c", LAUNCHER, ",".join(map(str, given))),
                *(*program, "serve", "--worker", str(number)),
            ],
            log=self.directory / f"serve-{number}.log",
            environment=self.environment | {"NOTIFY_SOCKET": systemd.address, "WATCHDOG_USEC": "30000000"},
            directory=self.program,
            descriptors=given,
        )
        if wait:
            self.wait_for_worker(number, timeout)
            self.wait_until_they_know_one_another(timeout)

    def wait_for_worker(self, number: int, timeout: float = 30.0) -> None:
        deadline = time.monotonic() + timeout
        while True:
            process = self.processes[number]
            assert process.running, f"worker {number} ended with {process.exit_code}:\n{process.log[-6000:]}"
            try:
                if self.ask(number, "status")["state"] == "ok":
                    return
            except ControlError:
                pass  # it is still starting
            assert time.monotonic() < deadline, f"worker {number} does not answer:\n{process.log[-6000:]}"
            time.sleep(0.05)

    def wait_until_they_know_one_another(self, timeout: float = 30.0) -> None:
        running = sorted(number for number, process in self.processes.items() if process.running)
        wait_until(
            f"the workers {running} know one another",
            lambda: all(self.ask(number, "workers")["living"] == running for number in running),
            timeout=timeout,
            every=0.05,
        )

    def ask(self, number: int, command: str, **arguments: Any) -> Any:
        """What one worker says itself."""
        return control.call(load(str(self.config)).sip.control_of(number), command, **arguments)

    def kill9_worker(self, number: int) -> None:
        self.processes[number].kill9()

    def hang(self, number: int) -> None:
        """The worker does nothing any more, and is not dead."""
        self.processes[number].signal(signal.SIGSTOP)

    def go_on(self, number: int) -> None:
        self.processes[number].signal(signal.SIGCONT)

    def give_back(self, number: int) -> None:
        """The worker's sockets are closed: the kernel spreads its share to the others."""
        for sock in self.sockets[number]:
            sock.close()

    def stop(self) -> None:
        for process in self.processes.values():
            process.signal(signal.SIGTERM)
        for number, process in self.processes.items():
            code = process.wait(20)
            assert code == 0, f"worker {number} ended with {code}:\n{process.log[-6000:]}"

    def close(self) -> None:
        self._phones.close()
        for process in self.processes.values():
            process.close()
        for systemd in self.systemd.values():
            systemd.close()
        for sockets in self.sockets.values():
            for sock in sockets:
                sock.close()
        super().close()

    @property
    def log(self) -> str:
        return "".join(process.log for process in self.processes.values())

    # ----------------------------------------------------------------------------------------------- phones

    def received(self) -> dict[int, int]:
        """How many requests each worker has counted."""
        return {number: self.ask(number, "status")["requests_received"] for number in self.numbers}

    def phone_at_living(self, numbers: Sequence[int], user: str) -> Phone:
        """A phone at one of these workers, while another one answers nobody."""
        for _ in range(200):
            phone = self.phone(user, f"secret-{user}")
            request = phone.request("OPTIONS", f"sip:{self.domain}")
            before = {number: self.ask(number, "status")["requests_received"] for number in numbers}
            phone.send(request)
            try:
                phone.final(request, 1.0)
            except AssertionError:
                phone.close()
                continue
            if any(self.ask(each, "status")["requests_received"] > before[each] for each in numbers):
                return self._phones.enter_context(phone)
        raise AssertionError(f"no phone comes to {numbers}")

    def worker_of(self, phone: Phone) -> int:
        """The worker to whom the kernel hands what this phone sends."""
        before = self.received()
        request = phone.request("OPTIONS", f"sip:{self.domain}")
        phone.send(request)
        assert phone.final(request, 10).status == 200
        return next(number for number, count in self.received().items() if count > before[number])

    def phone_at(self, number: int, user: str, password: str | None = None, **options: Any) -> Phone:
        """A phone whose messages come to that worker; it is closed with the workers."""
        for _ in range(200):
            secret = f"secret-{user}" if password is None else password
            phone = self.phone(user, secret, **options)
            if self.worker_of(phone) == number:
                return self._phones.enter_context(phone)
            phone.close()
        raise AssertionError(f"no phone comes to worker {number}")
