"""Calls through an rtpengine that is killed meanwhile, and what they have to add up to.

::

    with Rtpengine(tmp_path) as engine, MediaDay(engine, tmp_path, calls=100, rate=20) as day:
        engine.kill9()
        ...
        answered, refused = day.assert_sums()

Each call is answered, or refused with 503 because no rtpengine takes it; SIPp counts either.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Self

from tests.harness import sipp
from tests.harness.accounts import assert_sums
from tests.harness.ports import free_port
from tests.harness.rtpengine import Rtpengine
from tests.harness.settings import Sections
from tests.harness.sipbox import Sipbox
from tests.harness.sipp import Sipp
from tests.harness.waiting import wait_until


class MediaDay:
    """10 calls 11 so many times, ``rate`` times in a second; ``box`` has a SQLite file and this rtpengine."""

    def __init__(self, engine: Rtpengine, directory: Path, *, calls: int, rate: int) -> None:
        nodes: dict[str, object] = {"mode": "always", "nodes": [engine.node]}
        settings: Sections = {"media": {**nodes, "ping_seconds": 1, "timeout_ms": 500}}
        self.box = Sipbox(settings=settings)
        self.calls, self._directory, self._rate = calls, directory, rate
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        try:
            self._begin()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def _begin(self) -> None:
        box, directory = self._stack.enter_context(self.box), self._directory
        box.add_subscribers({"10": "secret-10", "11": "secret-11"})
        port, timeout = free_port(), self.calls / self._rate + 90
        keys = {"domain": box.domain, "expires": "3600", "contact_transport": "udp"}
        row = ["11", sipp.digest("11", "secret-11"), f"127.0.0.1:{port}"]
        sipp.run("register", directory, box.address, users=[row], keys=keys)
        # More than come: some are refused before they get there.
        callee = Sipp(
            "callee", directory, port=port, calls=self.calls + 1, values={"LINGER": "0"}, timeout=timeout
        )
        self._callee = self._stack.enter_context(callee)
        caller = Sipp(
            "caller_or_refused",
            directory,
            target=box.address,
            users=[["10", sipp.digest("10", "secret-10"), "11"]],
            keys=keys,
            values={"STATUS": "503"},
            calls=self.calls,
            rate=self._rate,
            pause_ms=1000,
            timeout=timeout,
        )
        self._caller = self._stack.enter_context(caller)

    def refused(self) -> int:
        """How many were refused, up to the last second."""
        return self._caller.counter(2) if self._caller.so_far else 0

    def assert_sums(self) -> tuple[int, int]:
        """How many were answered and how many refused: every call is one of these, and the rows say so."""
        assert self._caller.succeed().successful == self.calls
        answered, refused = self._caller.counter(1), self._caller.counter(2)
        assert answered + refused == self.calls
        wait_until("the callee has hung up", lambda: self._callee.so_far == answered, timeout=60, every=0.2)
        assert_sums(self.box, {"200": answered, "503": refused}, {"503": refused})
        return answered, refused
