"""How long a start takes with many bindings in the database, and what memory each binding takes."""

from __future__ import annotations

import time

from benchmarks.filling import FIRST, fill_bindings, last_read, settle
from benchmarks.load import Bench
from benchmarks.processor_time import resident_bytes
from benchmarks.servers import Running
from benchmarks.statistics_of_rounds import percentile
from tests.harness.phone import Phone
from tests.harness.ports import LOOPBACK
from tests.harness.waiting import wait_until

_WITHIN = 600.0
#: Seconds between two questions while it loads; how many of them before it is asked how far it is.
_PAUSE, _BETWEEN_LOOKS = 0.01, 10


def fill(running: Running, bench: Bench, count: int) -> int:
    """See to it that ``count`` bindings are in the database, and that the server is stopped.

    The answer is the memory of the idle server with next to none.
    """
    bench.check(running.server)
    idle = resident_bytes(running.pids)
    running.stop()
    fill_bindings(running, FIRST, count - 2)  # two phones are registered already
    settle(running)
    return idle


def start(running: Running, bench: Bench, count: int, idle: int) -> dict[str, float]:
    """Start it: seconds to the first answer, to the first call that is answered and until ``count`` bindings
    are in memory; what processor time that took, of the server and its database; how long an answer takes
    meanwhile (99 of 100, ms); bytes a binding over ``idle``. The server is stopped again.
    """
    last = last_read(running)  # who answers while loading has to find it
    caller = bench.users[0]
    with bench.callee(), Phone(caller, f"pw{caller}", proxy=(LOOPBACK, running.server.port)) as phone:
        before = running.server.used()
        begun = time.monotonic()
        running.start()
        running.box.wait_until_ready(_WITHIN)
        answered = time.monotonic() - begun
        wait_until("a call goes through", lambda: _call(phone, last), timeout=_WITHIN)
        called = time.monotonic() - begun
        waits = _ask_until_loaded(running, count)
        loaded = time.monotonic() - begun
        used = sum(running.server.used()) - sum(before)
    memory = (resident_bytes(running.pids) - idle) / count
    running.end()
    return {
        "first answer, s": answered,
        "first call, s": called,
        "all loaded, s": loaded,
        "CPU until then, s": used,
        "answer while loading, p99 ms": percentile(waits, 99),
        "memory a binding, bytes": memory,
    }


def _ask_until_loaded(running: Running, count: int) -> list[float]:
    """Ask it for its options until ``count`` bindings are in memory; ms until each answer, ascending."""
    waits = []
    deadline = time.monotonic() + _WITHIN
    with Phone("probe", proxy=(LOOPBACK, running.server.port)) as probe:
        while running.bindings() < count:
            assert time.monotonic() < deadline, f"{count} bindings are not loaded within {_WITHIN:g} s"
            for _ in range(_BETWEEN_LOOKS):
                request = probe.request("OPTIONS", f"sip:{LOOPBACK}:{running.server.port}")
                sent = time.monotonic()
                probe.send(request)
                probe.final(request, 60)
                waits.append((time.monotonic() - sent) * 1000)
                time.sleep(_PAUSE)
    return sorted(waits) or [0.0]


def _call(phone: Phone, callee: str) -> bool:
    request = phone.invite(callee)
    answer = phone.final(request)
    if answer.status != 200:
        phone.send(phone.ack(request, answer))
        return False
    dialog = phone.dialog_as_caller(request, answer)
    phone.send(phone.within(dialog, "ACK"))
    bye = phone.within(dialog, "BYE")
    phone.send(bye)
    return phone.final(bye).status == 200
