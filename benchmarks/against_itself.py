"""sipbox against itself: with a million subscribers and bindings against a thousand, with two workers against
one.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from benchmarks.filling import fill_bindings, fill_subscribers, settle
from benchmarks.load import Bench, Cost
from benchmarks.names import MANY, ONE_WORKER, SOME, TWO_WORKERS
from benchmarks.servers import LARGE_DATABASE, Running, running
from tests.harness.waiting import wait_until

_LOADS = {"registration": 1000, "call": 200}
#: How many subscribers, how many of them are driven: those of the million are spread over all, so that no
#: cache, the processor's nor the database's, holds what each needs.
_SIZES = {SOME: (1_000, 1_000), MANY: (1_000_000, 20_000)}

#: How often all phones register before two workers are measured. Phones stay with the worker that their
#: address leads to; here each comes to both, and both have to know its credentials.
_PHONES, _PASSES = 1_000, 6

Keep = Callable[[int, str, str, Cost | float], None]


def scale(rounds: int, seconds: float, directory: Path, keep: Keep) -> None:
    """What a registration and a call cost with many subscribers, all of whom have a binding."""
    with ExitStack() as stack:
        pairs: list[tuple[Running, Bench]] = []
        for name, (count, driven) in _SIZES.items():
            place = directory / name.replace(" ", "-")
            place.mkdir()
            bench = Bench(driven, seconds, place, every=count // driven)
            each = stack.enter_context(running(name, 0, options=LARGE_DATABASE))
            each.stop()
            fill_subscribers(each, count)
            each.box.start()
            bench.check(each.server)
            each.stop()
            fill_bindings(each, 1000, count, but=bench.users[:2])
            settle(each)
            each.box.start()
            wait_until("all are loaded", lambda: each.bindings() >= count, timeout=300)  # noqa: B023
            keep(0, name, "scale: bindings", float(each.bindings()))
            first = bench.registrations(each.server, _LOADS["registration"], once=True)
            keep(0, name, "scale: registration, first after a start", first)
            pairs.append((each, bench))
        for number in range(1, rounds + 1):
            for what, rate in _LOADS.items():
                # Each is first in its turn.
                for each, bench in pairs if number % 2 else reversed(pairs):
                    keep(
                        number,
                        each.server.name,
                        f"scale: {what}, {rate:,}/s",
                        bench.drive(each.server, what, rate),
                    )


def workers(rounds: int, seconds: float, directory: Path, keep: Keep) -> None:
    """What a registration and a call cost with two workers.

    Every operation comes from a port of its own, so the kernel gives each worker half of them. All phones
    that are called answer from one port, so half of the replies arrive at the other worker. What an operation
    costs falls as the load of a process rises, so two are compared with one twice: under the load of the one,
    and when each of the two has the load of the one.
    """
    with ExitStack() as stack:
        pairs: list[tuple[Running, Bench]] = []
        for name, count in ((ONE_WORKER, 1), (TWO_WORKERS, 2)):
            place = directory / name.replace(" ", "-")
            place.mkdir()
            bench = Bench(_PHONES, seconds, place, transport="un")
            each = stack.enter_context(running(name, _PHONES, workers=count))
            bench.check(each.server)
            for _ in range(_PASSES):
                first = bench.registrations(each.server, _LOADS["registration"], once=True)
            keep(0, name, "workers: registration, last pass before the rounds", first)
            pairs.append((each, bench))
        (one, bench_of_one), (two, bench_of_two) = pairs
        for number in range(1, rounds + 1):
            for what, rate in _LOADS.items():
                # What half of the load does to one worker, each of the two feels as well.
                half = bench_of_one.drive(one.server, what, rate // 2)
                keep(number, ONE_WORKER, f"workers: {what}, {rate // 2:,}/s", half)
                together, each = f"workers: {what}, {rate:,}/s together", f"workers: {what}, {rate:,}/s each"
                cost = bench_of_one.drive(one.server, what, rate)
                keep(number, ONE_WORKER, together, cost)
                keep(number, ONE_WORKER, each, cost)
                keep(number, TWO_WORKERS, together, bench_of_two.drive(two.server, what, rate))
                keep(number, TWO_WORKERS, each, bench_of_two.drive(two.server, what, rate * 2))
