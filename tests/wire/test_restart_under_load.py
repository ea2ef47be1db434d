"""Restarts under load: SIPp registers and calls, the process is restarted again and again, and nothing fails.

Here nobody keeps the sockets, so what comes in the gap is lost and is sent again, as RFC 3261 §17 has it. The
full numbers, with sockets that are handed over, are in ``tests/endurance``.
"""

from __future__ import annotations

from pathlib import Path

from tests.harness.load import Load
from tests.harness.sipbox import Sipbox
from tests.harness.waiting import wait_until

RESTARTS = 3


def test_restarts_under_load_fail_no_registration_and_no_call(box: Sipbox, tmp_path: Path) -> None:
    with Load(box, tmp_path, seconds=20, registrations_a_second=30, calls_a_second=3) as load:
        for number in range(RESTARTS):
            enough = (number + 1) * load.registrations // (RESTARTS + 1)
            wait_until(
                f"{enough} registrations are through",
                lambda enough=enough: load.registered >= enough,
                timeout=60,
                every=0.1,
            )
            box.restart()
        load.succeed()
