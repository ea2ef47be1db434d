"""Something breaks during calls, and the rows of the accounts add up to exactly the calls that SIPp made.

The database and rtpengine are away for some seconds here; ``./test endurance`` has the full minute.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.accounts import ACC, counts
from tests.harness.bad_day import BadDay
from tests.harness.mariadb import MariaDB
from tests.harness.media_day import MediaDay
from tests.harness.rtpengine import Rtpengine
from tests.harness.waiting import wait_until


@pytest.mark.mariadb
def test_a_database_that_is_stopped_during_calls_of_every_kind(tmp_path: Path) -> None:
    with MariaDB() as mariadb, BadDay(mariadb.url("openser"), tmp_path, calls=20, rate=5) as day:
        box, half = day.box, day.all_calls // 2
        wait_until("some calls have rows", lambda: sum(counts(box, ACC).values()) >= 10, timeout=60)
        mariadb.stop()
        wait_until("it is known", lambda: "database-lost" in box.log, timeout=60)
        wait_until("half of the calls are over", lambda: day.so_far >= half, timeout=60, every=0.2)
        mariadb.start()
        day.assert_sums()
        assert "database-back" in box.log


def test_an_rtpengine_that_is_killed_during_calls(tmp_path: Path) -> None:
    """It is the only one. Calls that are up are hung up as ever; new ones are refused until it is back."""
    with Rtpengine(tmp_path, ports=400) as engine, MediaDay(engine, tmp_path, calls=120, rate=20) as day:
        wait_until("it has calls", lambda: engine.calls() > 3, timeout=60)
        engine.kill9()
        wait_until("some are refused", lambda: day.refused() > 5, timeout=60, every=0.2)
        engine.start()
        wait_until("it has calls again", lambda: engine.calls() > 3, timeout=60)
        day.assert_sums()
