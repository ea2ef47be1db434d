"""Restarts under load: SIPp registers and calls, the process is restarted again and again, and nothing fails.

The sockets are handed from process to process, as systemd does. The full numbers are in ``tests/endurance``.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.load import Load
from tests.harness.supervised import Supervised
from tests.harness.waiting import wait_until

RESTARTS = 3

pytestmark = pytest.mark.timeout(300)


def test_restarts_under_load_fail_no_registration_and_no_call(
    database_url: str | None, tmp_path: Path
) -> None:
    with Supervised(database_url) as box:
        box.add_subscribers({user: f"secret-{user}" for user in ("10", "11")})
        with Load(box, tmp_path, seconds=20, registrations_a_second=20, calls_a_second=2) as load:
            for number in range(RESTARTS):
                enough = (number + 1) * load.registrations // (RESTARTS + 1)
                wait_until(
                    f"{enough} registrations are through",
                    lambda enough=enough: load.registered >= enough,
                    timeout=60,
                    every=0.2,
                )
                box.restart()
            load.succeed()
