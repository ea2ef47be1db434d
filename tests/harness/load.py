"""Phones that register and call while something happens to the server: SIPp, three phones for each call."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Self

from tests.harness import sipp
from tests.harness.ports import free_port
from tests.harness.sipbox import Sipbox
from tests.harness.sipp import Sipp

#: A call lasts until its 2xx has been sent five times (RFC 3261 §13.3.1.4): an ACK may get lost, and another.
_LASTS_MS = 12_000
_LINGER_MS = "6000"


class Load:
    """100 users register in turn; 10 calls 11, whose three phones ring, and one of them answers.

    Needs a server with the subscribers 10 and 11, whose passwords are 'secret-10' and 'secret-11'.
    """

    def __init__(
        self,
        box: Sipbox,
        directory: Path,
        *,
        seconds: float,
        registrations_a_second: int,
        calls_a_second: int,
    ) -> None:
        self.registrations = int(seconds * registrations_a_second)
        self.calls = int(seconds * calls_a_second)
        timeout = 2 * seconds + 90
        users = [f"load{number}" for number in range(100)]
        box.add_subscribers(dict.fromkeys(users, "secret"))
        keys = {"domain": box.domain, "expires": "3600", "contact_transport": "udp"}
        self._phones = []
        for role in ("callee_after_a_while", "cancelled_callee", "cancelled_callee"):
            port = free_port()
            eleven = ["11", sipp.digest("11", "secret-11"), f"127.0.0.1:{port}"]
            sipp.run("register", directory, box.address, users=[eleven], keys=keys)
            values = {"LINGER": _LINGER_MS}
            self._phones.append(
                Sipp(role, directory, port=port, calls=self.calls, values=values, timeout=timeout)
            )
        self._calling = Sipp(
            "caller",
            directory,
            target=box.address,
            users=[["10", sipp.digest("10", "secret-10"), "11"]],
            keys={"domain": box.domain},
            calls=self.calls,
            rate=calls_a_second,
            pause_ms=_LASTS_MS,
            timeout=timeout,
        )
        self._registering = Sipp(
            "register",
            directory,
            target=box.address,
            users=[[user, sipp.digest(user, "secret"), "127.0.0.1:9"] for user in users],
            keys=keys,
            calls=self.registrations,
            rate=registrations_a_second,
            timeout=timeout,
        )
        self._running = ExitStack()

    @property
    def registered(self) -> int:
        """How many registrations have succeeded up to the last second."""
        return self._registering.so_far

    def succeed(self) -> None:
        """Waits for the end; AssertionError with SIPp's own words if a registration or a call failed."""
        assert self._registering.succeed().successful == self.registrations
        assert self._calling.succeed().successful == self.calls
        for phone in self._phones:
            assert phone.succeed().successful == self.calls

    def __enter__(self) -> Self:
        try:
            for each in (*self._phones, self._calling, self._registering):
                self._running.enter_context(each)
            return self
        except BaseException:
            self._running.close()
            raise

    def __exit__(self, *_: object) -> None:
        self._running.close()
