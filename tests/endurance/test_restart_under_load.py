"""The promise in full: 200 registrations and 20 calls a second, a restart every ten seconds for a minute.

The sockets are handed from process to process, as systemd does. No registration fails, no call set-up, and
the phones that were not answered stop ringing.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.harness.load import Load
from tests.harness.supervised import Supervised

SECONDS = 60
EVERY = 10

pytestmark = [pytest.mark.endurance, pytest.mark.timeout(600)]


def test_restarts_under_full_load(database_url: str | None, tmp_path: Path) -> None:
    with Supervised(database_url) as box:
        box.add_subscribers({user: f"secret-{user}" for user in ("10", "11")})
        with Load(box, tmp_path, seconds=SECONDS, registrations_a_second=200, calls_a_second=20) as load:
            begun = time.monotonic()
            for number in range(1, SECONDS // EVERY + 1):
                time.sleep(max(0.0, begun + number * EVERY - time.monotonic()))
                box.restart()
            load.succeed()
