"""An ordinary day in short: calls and registrations at a steady rate, and memory that does not grow.

``SIPBOX_ENDURANCE_MINUTES`` says how long; 15 by default, and more than the 6 that caches take to fill.
"""

from __future__ import annotations

import os
import statistics
import time
from pathlib import Path

import pytest

from tests.harness import sipp
from tests.harness.sipbox import Sipbox
from tests.harness.sipp import Sipp

MINUTES = float(os.environ.get("SIPBOX_ENDURANCE_MINUTES", "15"))
RATE = 30
#: What is remembered longest in bounded caches are nonces, for five minutes; memory is measured after that.
WARM_UP_SECONDS = 360.0

pytestmark = [pytest.mark.endurance, pytest.mark.timeout(MINUTES * 60 + 300)]


def memory(pid: int) -> int:
    """Resident memory in bytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_memory_stays_where_it_is_and_no_call_fails(database_url: str | None, tmp_path: Path) -> None:
    seconds = MINUTES * 60
    calls = int(seconds * RATE)
    users = [str(number) for number in range(1000, 1500)]
    with Sipbox(database_url) as box:
        box.add_subscribers({user: f"secret-{user}" for user in ("10", "11", *users)})
        keys = {"domain": box.domain, "expires": "3600", "contact_transport": "udp"}
        credentials = sipp.digest("10", "secret-10")
        callee = Sipp("callee", tmp_path, calls=calls, values={"LINGER": "0"}, timeout=seconds + 120)
        contact = f"127.0.0.1:{callee.port}"
        sipp.run(
            "register",
            tmp_path,
            box.address,
            users=[["11", sipp.digest("11", "secret-11"), contact]],
            keys=keys,
        )
        caller = Sipp(
            "caller",
            tmp_path,
            target=box.address,
            users=[["10", credentials, "11"]],
            keys=keys,
            calls=calls,
            rate=RATE,
            at_once=RATE * 10,
            pause_ms=2000,
            timeout=seconds + 120,
        )
        registering = Sipp(
            "register",
            tmp_path,
            target=box.address,
            users=[[user, sipp.digest(user, f"secret-{user}"), "127.0.0.1:9"] for user in users],
            keys=keys,
            calls=calls,
            rate=RATE,
            at_once=RATE * 10,
            timeout=seconds + 120,
        )
        with callee, caller, registering:
            samples = []
            end = time.monotonic() + seconds
            time.sleep(WARM_UP_SECONDS)
            while time.monotonic() < end:
                samples.append(memory(box.pid))
                time.sleep(1)
            assert caller.succeed().successful == calls
            assert registering.succeed().successful == calls
            assert callee.succeed().successful == calls
        third = len(samples) // 3
        before, after = statistics.median(samples[:third]), statistics.median(samples[-third:])
        print(f"{calls} calls, {calls} registrations: {before / 1e6:.1f} MB, then {after / 1e6:.1f} MB")
        assert after < before * 1.05
