"""Whether the machine's clock is kept right. It is looked at, and never set.

chrony says how far it is off, when it runs; else the kernel says whether anybody keeps it (adjtimex(2), which
only reads with ``modes`` 0). In a container the machine below keeps it.
"""

from __future__ import annotations

import ctypes
from typing import NamedTuple

from appliance.diagnosis.finding import Finding
from appliance.diagnosis.surroundings import Surroundings

# Certificates, neighbours' packets and the times of calls: all bear a second.
_MOST_SECONDS = 1.0
_TIME_ERROR = 5
_TIMEX_BYTES = 208  # struct timex of 64-bit Linux
# `chronyc -c tracking`: where the offset and the leap status stand.
_OFFSET, _LEAP, _FIELDS = 4, 13, 14


class Clock(NamedTuple):
    """Who says so; whether the clock follows a time server; how many seconds it is off (None: nobody
    knows)."""

    source: str
    synchronised: bool
    offset: float | None = None


def judge(clock: Clock | None, container: bool) -> Finding:
    """``clock`` is None when nobody can say."""
    if container and (clock is None or not clock.synchronised):
        return Finding("ok", "kept by the machine below: this is a container")
    if clock is None:
        return Finding("unknown", "nobody says whether the clock is right", "See: timedatectl.")
    if clock.offset is not None and abs(clock.offset) > _MOST_SECONDS:
        return Finding(
            "wrong",
            f"the clock is {abs(clock.offset):.1f} s off its time servers",
            "Have it set right: chronyc makestep; chronyc tracking shows the rest.",
        )
    if not clock.synchronised:
        return Finding(
            "wrong",
            f"the clock follows no time server ({clock.source} says so)",
            "See that one is reached: systemctl restart chrony, then chronyc sources;"
            " base_ntp_servers of the inventory names others.",
        )
    off = "" if clock.offset is None else f", {abs(clock.offset) * 1000:.1f} ms off"
    return Finding("ok", f"synchronised ({clock.source}){off}")


def look(around: Surroundings) -> Finding:
    """chrony, or the kernel."""
    clock = tracked(around.run(["chronyc", "-c", "tracking"]) or "") or _kernel()
    container = around.run(["systemd-detect-virt", "--container", "--quiet"]) is not None
    return judge(clock, container)


def tracked(told: str) -> Clock | None:
    """What ``chronyc -c tracking`` has said; None when that is nothing."""
    fields = told.strip().split(",")
    if len(fields) < _FIELDS:
        return None
    try:
        offset = float(fields[_OFFSET])
    except ValueError:
        return None
    return Clock("chrony", fields[_LEAP] != "Not synchronised", offset)


def _kernel() -> Clock | None:
    timex = ctypes.create_string_buffer(_TIMEX_BYTES)  # all zero: nothing is changed
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(timex)
    except (OSError, AttributeError):
        return None
    return None if state < 0 else Clock("the kernel", state != _TIME_ERROR)
