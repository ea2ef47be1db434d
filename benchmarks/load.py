"""The load: SIPp registers and calls, and what one operation cost the server and its database is counted."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from benchmarks.statistics_of_rounds import percentile
from tests.harness.ports import free_port
from tests.harness.sipp import Sipp, digest

#: So that an ACK and a BYE never overtake one another in a server with several processes.
_CALL_LASTS_MS = 100


class Server(NamedTuple):
    """A server under load: its address's port, CPU seconds used so far (own, database), a new start."""

    name: str
    port: int
    used: Callable[[], tuple[float, float]]
    restart: Callable[[], object]


class Cost(NamedTuple):
    """CPU microseconds an operation, of the server and of the database; what went wrong among how many.

    ``p50`` and ``p99`` are milliseconds from the first request of an operation to its 200 OK, as SIPp saw it.
    """

    server: float
    database: float
    operations: int
    failed: int
    retransmissions: int
    p50: float = 0.0
    p99: float = 0.0

    @property
    def total(self) -> float:
        return self.server + self.database

    @property
    def clean(self) -> bool:
        return self.failed == 0 and self.retransmissions < self.operations / 1000


class Bench:
    """``phones`` subscribers, user 1000 and up, password ``pw`` and the user, all at one port of loopback.

    Only one in ``every`` of the numbers is such a phone. ``transport`` is SIPp's: ``u1`` sends all from one
    port, ``un`` has a port for each operation.
    """

    def __init__(
        self, phones: int, seconds: float, directory: Path, *, every: int = 1, transport: str = "u1"
    ) -> None:
        self.users = [str(1000 + number * every) for number in range(phones)]
        self.seconds = seconds
        self.transport = transport
        self.contact_port = free_port()
        self._directory = directory
        self._runs = 0

    def drive(self, server: Server, what: str, rate: int) -> Cost:
        """``what`` is 'registration' or 'call'."""
        return self.registrations(server, rate) if what == "registration" else self.calls(server, rate)

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
        with self.callee():
            return self._drive(server, "caller", rate, rows, {"domain": f"127.0.0.1:{server.port}"})

    def callee(self) -> Sipp:
        """The phones, which answer whoever calls: to be entered."""
        return Sipp(
            "callee",
            self.fresh(),
            port=self.contact_port,
            calls=10_000_000,
            at_once=10_000,
            values={"LINGER": "0"},
            timeout=3600,
            strict=False,
        )

    def check(self, server: Server) -> None:
        """A call goes through and a wrong password is refused; AssertionError when not.

        Both phones are registered from then on.
        """
        target = ("127.0.0.1", server.port)
        first, second = self.users[:2]
        contact = f"127.0.0.1:{self.contact_port}"
        keys = {"domain": f"127.0.0.1:{server.port}", "expires": "3600", "contact_transport": "udp"}
        rows = [(user, digest(user, f"pw{user}"), contact) for user in (first, second)]
        wrong = [(first, digest(first, "guessed"), contact)]
        with Sipp("register", self.fresh(), target=target, users=rows, calls=2, keys=keys) as sipp:
            sipp.succeed()
        with Sipp("refused_register", self.fresh(), target=target, users=wrong, keys=keys) as sipp:
            sipp.succeed()
        caller = [(first, digest(first, f"pw{first}"), second)]
        with (
            self.callee(),
            Sipp("caller", self.fresh(), target=target, users=caller, keys=keys) as sipp,
        ):
            sipp.succeed()

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
            self.fresh(),
            target=("127.0.0.1", server.port),
            users=rows,
            calls=operations,
            rate=rate,
            at_once=3_000,
            transport=self.transport,
            keys=keys,
            timeout=operations / rate * 2 + 15,
            pause_ms=_CALL_LASTS_MS,
            # A server with several processes sends a 180 behind the 200 now and then; phones do not mind.
            strict=False,
            response_times=True,
        ) as sipp:
            before = server.used()
            counted = sipp.wait()
            time.sleep(0.3)  # the last commit
            after = server.used()
            times = sorted(sipp.response_times())
        own, database = (
            (later - earlier) / operations * 1e6 for earlier, later in zip(before, after, strict=True)
        )
        return Cost(
            own,
            database,
            operations,
            operations - counted.successful,
            counted.retransmissions,
            percentile(times, 50),
            percentile(times, 99),
        )

    def fresh(self) -> Path:
        """A directory that nobody has written into."""
        self._runs += 1
        place = self._directory / str(self._runs)
        place.mkdir()
        return place
