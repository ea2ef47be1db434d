"""A database that is stopped for a minute, an rtpengine that is killed for another, during calls: the rows of
the accounts add up to exactly the calls that SIPp made.
"""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.harness.bad_day import BadDay
from tests.harness.mariadb import MariaDB
from tests.harness.media_day import MediaDay
from tests.harness.rtpengine import Rtpengine
from tests.harness.waiting import wait_until

pytestmark = [pytest.mark.endurance, pytest.mark.timeout(900)]

OUTAGE_SECONDS = 60


@pytest.mark.mariadb
def test_a_database_that_is_stopped_for_a_minute(tmp_path: Path) -> None:
    """7800 calls of thirteen kinds, 65 in a second."""
    with MariaDB() as mariadb, BadDay(mariadb.url("openser"), tmp_path, calls=600, rate=5) as day:
        wait_until("calls go on", lambda: day.so_far >= 500, timeout=60, every=0.2)
        before = day.so_far
        mariadb.stop()
        time.sleep(OUTAGE_SECONDS)
        during = day.so_far - before
        mariadb.start()
        assert during >= day.all_calls // 4, "calls went on meanwhile"
        day.assert_sums()
        assert "database-lost" in day.box.log
        assert "database-back" in day.box.log
        print(f"{day.all_calls} calls add up; {during} ended while the database was stopped")


def test_an_rtpengine_that_is_killed_for_a_minute(tmp_path: Path) -> None:
    """2400 calls, 20 in a second."""
    with Rtpengine(tmp_path, ports=800) as engine, MediaDay(engine, tmp_path, calls=2400, rate=20) as day:
        wait_until("it has calls", lambda: engine.calls() > 10, timeout=60)
        engine.kill9()
        time.sleep(OUTAGE_SECONDS)
        engine.start()
        answered, refused = day.assert_sums()
        print(f"{answered} calls were answered and {refused} refused, and they add up")
