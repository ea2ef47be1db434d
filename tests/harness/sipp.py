"""SIPp (Debian's sip-tester): a scenario, a number of calls, and how many of them failed.

Scenarios lie in ``tests/wire/sipp/``. A row of ``users`` is what they call ``[field0]``, ``[field1]`` and so
on, a key of ``keys`` is ``[key]``. ``${NAME}`` in a scenario is replaced before SIPp reads it, because SIPp
looks at the method of a request before it looks at its keywords.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Self

from tests.harness.networks import Place
from tests.harness.ports import LOOPBACK, free_port, is_free
from tests.harness.process import Process
from tests.harness.startable import Startable
from tests.harness.waiting import wait_until

SCENARIOS = Path(__file__).resolve().parents[1] / "wire" / "sipp"

#: SIPp's exit codes, from its manual.
EXIT_CODES = {0: "all calls were successful", 1: "at least one call failed", 97: "exit on internal command"}


def digest(username: str, password: str) -> str:
    """The field of a user's row that SIPp answers a challenge with."""
    return f"[authentication username={username} password={password}]"


class Statistics(NamedTuple):
    """What SIPp counted."""

    successful: int
    failed: int
    at_once: int
    retransmissions: int
    #: Calls that were neither when this was counted.
    open: int = 0


class Sipp(Startable):
    """One SIPp process: ``with Sipp("callee", directory) as callee: …; callee.succeed()``.

    Without ``target`` it waits for calls. ``calls`` ends it when so many are over. ``lost`` is the percentage
    of packets that it loses on purpose, both ways. ``pause_ms`` is how long a call lasts.
    ``strict`` False lets it pass over messages that it does not expect, such as a second 407 to one INVITE,
    as phones do: SIPp does not look at the branch.
    ``response_times`` keeps how long each call of a scenario with ``rtd`` took, for ``response_times()``.
    ``place`` is where it is instead of loopback, at the address that one has.
    """

    def __init__(
        self,
        scenario: str,
        directory: Path,
        *,
        target: tuple[str, int] | None = None,
        users: Sequence[Sequence[str]] = (),
        calls: int = 1,
        rate: int = 50,
        at_once: int | None = None,
        port: int | None = None,
        transport: str = "u1",
        keys: Mapping[str, str] | None = None,
        values: Mapping[str, str] | None = None,
        lost: int = 0,
        pause_ms: int = 0,
        timeout: float = 60.0,
        address: str = LOOPBACK,
        strict: bool = True,
        response_times: bool = False,
        place: Place | None = None,
    ) -> None:
        port = port or (free_port() if place else free_port(address=address))
        self.scenario, self.port, self.timeout = scenario, port, timeout
        self.address = address = place.address if place else address
        self._namespace = place
        self.transport = transport
        self._place = directory / f"{scenario}-{self.port}"
        self._place.mkdir(parents=True)
        text = (SCENARIOS / f"{scenario}.xml").read_text()
        (self._place / "scenario.xml").write_text(
            re.sub(r"\$\{(\w+)\}", lambda found: (values or {})[found[1]], text)
        )
        command = ["sipp", "-sf", "scenario.xml", "-i", address, "-p", str(self.port), "-t", transport]
        command += ["-m", str(calls), "-l", str(at_once or calls), "-r", str(rate), "-d", str(pause_ms)]
        command += ["-mp", str(free_port(4)), "-cp", str(free_port()), "-nostdin", "-skip_rlimit"]
        # By default a 401 that comes twice, with two nonces, is no retransmission to SIPp but a surprise.
        command += ["-rtcheck", "loose"]
        command += [
            "-trace_err",
            "-error_file",
            "errors.log",
            "-trace_stat",
            "-stf",
            "statistics.csv",
            "-fd",
            "1",
        ]
        command += ["-timeout", f"{timeout:g}s", "-timeout_error"]
        if not strict:
            command += ["-default_behaviors", "all,-abortunexp"]
        if response_times:
            command += ["-trace_rtt", "-rtt_freq", "20"]
        if lost:
            command += ["-lost", str(lost)]
        if users:
            rows = ["SEQUENTIAL", *(";".join(row) for row in users)]
            (self._place / "users.csv").write_text("\n".join(rows) + "\n")
            command += ["-inf", "users.csv"]
        for key, value in (keys or {}).items():
            command += ["-key", key, value]
        if target is not None:
            host = f"[{target[0]}]" if ":" in target[0] else target[0]
            if host != target[0]:
                command += ["-auth_uri", f"{host}:{target[1]}"]  # by itself, it forgets the brackets
            command.append(f"{host}:{target[1]}")
        self._command, self._calling = command, target is not None
        self._process: Process | None = None

    def start(self) -> Self:
        """Start it; one that waits for calls is listening when this returns."""
        command = self._namespace.command(*self._command) if self._namespace else self._command
        self._process = Process(command, log=self._place / "screen.log", directory=self._place)
        if not self._calling:
            wait_until(f"SIPp listens on port {self.port}", self._listens)
        return self

    def _listens(self) -> bool:
        assert self._process is not None
        assert self._process.running, self.errors()
        if self._namespace is not None:
            return f":{self.port} " in self._namespace.run("ss", "-Htuln")
        return not is_free(self.address, self.port)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def wait(self) -> Statistics:
        """Wait until its calls are over; what it counted."""
        assert self._process is not None, "not started"
        self._process.wait(self.timeout + 40)
        return self.statistics()

    def succeed(self) -> Statistics:
        """Wait until its calls are over; AssertionError with SIPp's own words if one of them failed."""
        counted = self.wait()
        assert self._process is not None
        code = self._process.exit_code
        assert code == 0, f"{self.scenario}: {EXIT_CODES.get(code or 0, code)}, {counted}\n{self.errors()}"
        assert counted.failed == 0, f"{self.scenario}: {counted}\n{self.errors()}"
        return counted

    def statistics(self) -> Statistics:
        with (self._place / "statistics.csv").open(newline="") as file:
            rows = list(csv.DictReader(file, delimiter=";"))
        last = rows[-1]
        return Statistics(
            successful=int(last["SuccessfulCall(C)"]),
            failed=int(last["FailedCall(C)"]),
            at_once=max(int(row["CurrentCall"]) for row in rows),
            retransmissions=int(last["Retransmissions(C)"]),
            open=int(last["CurrentCall"]),
        )

    def counter(self, number: int) -> int:
        """What the scenario has counted by ``counter="NUMBER"``."""
        with (self._place / "statistics.csv").open(newline="") as file:
            return int(list(csv.DictReader(file, delimiter=";"))[-1][f"GenericCounter{number}(C)"])

    def response_times(self) -> list[float]:
        """Milliseconds from ``start_rtd`` to ``rtd``, one for each call that came so far."""
        times = []
        for path in self._place.glob("*_rtt.csv"):
            with path.open(newline="") as file:
                times += [float(row["response_time_ms"]) for row in csv.DictReader(file, delimiter=";")]
        return times

    @property
    def so_far(self) -> int:
        """How many calls have succeeded up to the last second; 0 while SIPp has written no whole line."""
        try:
            return self.statistics().successful
        except (FileNotFoundError, IndexError, TypeError, ValueError):
            return 0

    def errors(self) -> str:
        """The end of what SIPp complained about."""
        texts = [self._place / name for name in ("errors.log", "screen.log")]
        return "\n".join(path.read_text(errors="replace")[-3000:] for path in texts if path.exists())

    def close(self) -> None:
        if self._process is not None:
            self._process.close()


def run(scenario: str, directory: Path, target: tuple[str, int], **options: object) -> Statistics:
    """Run a calling scenario to its end; every call of it succeeds."""
    with Sipp(scenario, directory, target=target, **options) as sipp:  # type: ignore[arg-type]
        return sipp.succeed()
