"""sipbox alone under more loads than side_by_side drives: what the scaling model is drawn through.

    python -m benchmarks.scaling_loads [--seconds 3] [--phones 2000]      # about three minutes

Registrations and calls at rates from a hundred a second to the highest. Needs MariaDB and SIPp. The readings
have the names of side_by_side's and are kept in benchmarks/results/.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks import as_on_a_box, machine, report
from benchmarks.ladder import climb
from benchmarks.load import Bench, Cost, Server
from benchmarks.names import SIPBOX
from benchmarks.servers import running
from tests.harness.waiting import wait_until

RESULTS = Path(__file__).parent / "results"
_REGISTRATIONS = (100, 300, 1000, 2000, 3000)
_CALLS = (100, 200, 400)
_COLD_RATE = 1000


class Loads:
    """The readings of one run; each load is driven once in a round."""

    def __init__(self) -> None:
        self.readings: list[report.Reading] = []

    def keep(self, round_: int, server: str, what: str, value: Cost | float) -> None:
        """Remember a reading and show it."""
        self.readings.append(report.Reading.of(round_, server, what, value))
        print(f"{round_:2} {server:<20} {what:<40} {value}", file=sys.stderr, flush=True)

    def rates(self, bench: Bench, rounds: int) -> None:
        """All that one worker does."""
        with running(SIPBOX, len(bench.users)) as box:
            bench.registrations(box.server, _COLD_RATE, once=True)
            for number in range(1, rounds + 1):
                box.server.restart()
                wait_until("all are loaded", lambda: box.bindings() >= len(bench.users), timeout=60)
                cold = bench.registrations(box.server, _COLD_RATE, once=True)
                self.keep(number, SIPBOX, "registration, first after a start", cold)
                for rate in _REGISTRATIONS:
                    load = bench.registrations(box.server, rate)
                    if load.clean:
                        self.keep(number, SIPBOX, f"registration, {rate:,}/s", load)
                for rate in _CALLS:
                    load = bench.calls(box.server, rate)
                    if load.clean:
                        self.keep(number, SIPBOX, f"call, {rate:,}/s", load)
            for what, drive, guess in _HIGHEST:
                best = climb(partial(_stands, drive, bench, box.server), guess)
                self.keep(1, SIPBOX, f"highest rate, {what}/s", float(best))


#: What is driven, and where the search begins.
_HIGHEST = (("registrations", Bench.registrations, 3000), ("calls", Bench.calls, 850))


def _stands(drive: Callable[[Bench, Server, int], Cost], bench: Bench, server: Server, rate: int) -> bool:
    """Each rate may try twice: the machine is not ours alone."""
    return drive(bench, server, rate).clean or drive(bench, server, rate).clean


def main() -> None:
    """Measure, show and keep."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--seconds", type=float, default=3, help="how long a load lasts")
    options.add_argument("--phones", type=int, default=2000)
    options.add_argument("--rounds", type=int, default=2)
    as_on_a_box.add_options(options)
    given = options.parse_args()
    as_on_a_box.begin(given)
    loads = Loads()
    with tempfile.TemporaryDirectory(prefix="sipbox-bench-") as scratch:
        described = machine.describe(Path(scratch)) | as_on_a_box.described()
        loads.rates(Bench(given.phones, given.seconds, Path(scratch)), given.rounds)
    kept = report.kept(described, vars(given), loads.readings)
    name = time.strftime("%Y-%m-%d-%H%M%S-loads.json", time.gmtime())
    (RESULTS / name).write_text(json.dumps(kept, indent=1) + "\n")


if __name__ == "__main__":
    main()
