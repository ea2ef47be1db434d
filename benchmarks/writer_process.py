"""The process that ``durable_write`` measures: bindings come one by one, and each waits until it is durable.

    writer_process.py URL PHONES

It reads lines ``MODE RATE SECONDS`` and prints a line of JSON for each. Arrivals are a Poisson process: each
wakes the event loop and is handed to a parked greenlet, as a datagram is. The mode ``memory`` commits
nothing: what it costs is the cost of the arrivals. A rate of 0 only waits. It is a script and imports the
``appliance`` that PYTHONPATH names, which may be another version's.
"""

from __future__ import annotations

from gevent import monkey

monkey.patch_all()

import dataclasses  # noqa: E402 - patched first
import gc  # noqa: E402
import json  # noqa: E402
import random  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from typing import Any  # noqa: E402

import gevent  # noqa: E402
from gevent.event import Event  # noqa: E402

from appliance.registrar.binding import Binding, ruid_of  # noqa: E402
from appliance.sip.uri import AddressOfRecord  # noqa: E402
from appliance.storage.bindings import BindingWriter  # noqa: E402
from appliance.storage.engine import Database  # noqa: E402
from appliance.transport.greenlets import ParkedGreenlets  # noqa: E402


class Load:
    """``phones`` that refresh their bindings in turn."""

    def __init__(self, url: str, phones: int) -> None:
        self.writers = {
            "write-through": BindingWriter(Database(url)),
            "memory": BindingWriter(Database(url), mode="memory"),
        }
        self._bindings = [_binding(number) for number in range(phones)]
        self._next = 0
        self._writer = self.writers["memory"]
        self._waits: list[float] = []
        self._failures: list[BaseException] = []
        self._greenlets = ParkedGreenlets(self._register, 10_000, self._failed)
        self._wanted = 0
        self._over = Event()
        self._loop = gevent.get_hub().loop
        self._timer = self._loop.timer(0)

    def begin(self) -> None:
        """Write everybody once, so that all that follows are refreshes."""
        writer = self.writers["write-through"]
        writer.start()
        for first in range(0, len(self._bindings), 500):
            writer.commit(self._bindings[first : first + 500], [])
        gc.collect()
        gc.freeze()
        gc.set_threshold(20_000, 50, 100)

    def run(self, mode: str, rate: float, seconds: float) -> dict[str, Any]:
        """CPU seconds, how many commits, and all waits in milliseconds, ascending."""
        self._writer = self.writers[mode]
        self._waits = []
        before = self.writers["write-through"].state.commits
        used = time.process_time()
        if rate:
            self._drive(_Arrivals(rate, int(rate * seconds)))
        else:
            gevent.sleep(seconds)
        used = time.process_time() - used
        if self._failures:
            raise self._failures[0]
        commits = self.writers["write-through"].state.commits - before
        return {"cpu": used, "commits": commits, "waits": sorted(self._waits)}

    def _drive(self, arrivals: _Arrivals) -> None:
        """Return when the last one is durable."""
        self._wanted = arrivals.wanted
        self._over.clear()
        self._timer = self._loop.timer(0)
        self._timer.start(self._arrive, arrivals)
        self._over.wait()

    def _arrive(self, arrivals: _Arrivals) -> None:
        """Called by the loop when somebody is due."""
        while arrivals.is_due():
            self._greenlets.dispatch()
        if not arrivals.over:
            self._timer = self._loop.timer(max(0.0, arrivals.due - time.perf_counter()))
            self._timer.start(self._arrive, arrivals)

    def _register(self) -> None:
        number = self._next
        self._next = (number + 1) % len(self._bindings)
        binding = self._bindings[number] = _again(self._bindings[number])
        begun = time.perf_counter()
        self._writer.commit((binding,), ())
        self._waits.append((time.perf_counter() - begun) * 1000)
        if len(self._waits) == self._wanted:
            self._over.set()

    def _failed(self, error: BaseException) -> None:
        self._failures.append(error)
        self._over.set()


class _Arrivals:
    """When the next one comes; the same for every version that is measured."""

    def __init__(self, rate: float, wanted: int) -> None:
        self._rate = rate
        self.wanted = self._left = wanted
        self._chance = random.Random(wanted)
        self.due = time.perf_counter()

    @property
    def over(self) -> bool:
        return self._left == 0

    def is_due(self) -> bool:
        """Whether somebody is due now; the next one is, from then on, later."""
        if self._left == 0 or self.due > time.perf_counter():
            return False
        self._left -= 1
        self.due += self._chance.expovariate(self._rate)
        return True


def _binding(number: int) -> Binding:
    aor = AddressOfRecord(f"{1000 + number}", "example.com")
    contact = f"sip:{aor.username}@192.0.2.10:{1024 + number % 60_000};transport=udp"
    return Binding(
        aor,
        contact,
        time.monotonic() + 3600,
        f"33706713ea3b83fd-{number}@192.0.2.10",
        1,
        user_agent="Grandstream BT110 1.0.8.33",
        socket="udp:192.0.2.15:5060",
        methods=2047,
        ruid=ruid_of(aor, contact),
        modified=time.time(),
    )


def _again(former: Binding) -> Binding:
    """What a REGISTER of the same phone makes of it: the same for another hour."""
    return dataclasses.replace(
        former, deadline=time.monotonic() + 3600, cseq=former.cseq + 1, modified=time.time()
    )


def main(url: str, phones: int) -> None:
    """Answer each line."""
    load = Load(url, phones)
    load.begin()
    print("ready", flush=True)
    for line in sys.stdin:
        mode, rate, seconds = line.split()
        print(json.dumps(load.run(mode, float(rate), float(seconds))), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
