"""What systemd is told: ready when it answers, a live status, signs of life that no database can stop."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from itertools import pairwise

import pytest

from tests.harness.mariadb import MariaDB
from tests.harness.phone import talk
from tests.harness.supervised import Supervised
from tests.harness.waiting import wait_until


@pytest.fixture
def box() -> Iterator[Supervised]:
    with Supervised(watchdog_seconds=2) as server:
        server.add_subscribers({user: f"secret-{user}" for user in ("10", "11")})
        yield server


def status(box: Supervised) -> str:
    return box.systemd.last("STATUS") or ""


def signs_of_life(box: Supervised) -> int:
    return box.systemd.told.count("WATCHDOG=1")


def test_ready_is_told_when_it_answers(box: Supervised) -> None:
    box.stop()
    box.systemd.told.clear()
    box.start(wait=False)
    wait_until("it says that it is ready", lambda: "READY=1" in box.systemd.told, timeout=20)
    with box.phone("10") as phone:
        request = phone.request("OPTIONS", f"sip:{box.domain}:{box.port}")
        phone.send(request)
        assert phone.final(request).status == 200


def test_the_status_says_how_many_phones_and_calls_there_are(box: Supervised) -> None:
    def told(words: str) -> None:
        wait_until(words, lambda: status(box).startswith(words), timeout=15)

    told("ready: 0 bindings, 0 calls, database answers")
    with box.phone("10", "secret-10") as caller, box.phone("11", "secret-11") as callee:
        assert callee.register().status == 200
        told("ready: 1 bindings, 0 calls, database answers")
        talk(caller, callee)
        told("ready: 1 bindings, 1 calls, database answers")
    # It is told when it has changed, and not again and again.
    lines = [line for line in box.systemd.told if line.startswith("STATUS=")]
    assert all(before != after for before, after in pairwise(lines))


def test_it_says_that_it_stops_and_ends_with_0(box: Supervised) -> None:
    assert "STOPPING=1" not in box.systemd.told
    box.stop()
    wait_until("it has said so", lambda: "STOPPING=1" in box.systemd.told)


def test_signs_of_life_come_while_the_loop_turns_and_only_then(box: Supervised) -> None:
    first = wait_until("signs of life", lambda: signs_of_life(box) > 2 and signs_of_life(box))
    wait_until("more of them", lambda: signs_of_life(box) > first + 2)
    os.kill(box.pid, signal.SIGSTOP)
    time.sleep(0.3)  # what was on its way arrives
    before = signs_of_life(box)
    time.sleep(2.5)  # longer than the watchdog waits
    assert signs_of_life(box) == before
    os.kill(box.pid, signal.SIGCONT)
    wait_until("it lives again", lambda: signs_of_life(box) > before)


@pytest.mark.mariadb
def test_no_outage_of_the_database_stops_the_signs_of_life() -> None:
    with MariaDB() as private:
        settings = {"database": {"connect_timeout_seconds": 1, "query_timeout_seconds": 2}}
        with Supervised(private.url("openser"), settings=settings, watchdog_seconds=12) as box:
            box.add_subscribers({"10": "secret-10"})
            with box.phone("10", "secret-10") as phone:
                assert phone.register().status == 200
                private.stop()
                wait_until("the status says so", lambda: "database away" in status(box), timeout=30)
                before = signs_of_life(box)
                assert phone.register().status == 200  # from memory, and into the spool
                wait_until("signs of life", lambda: signs_of_life(box) > before + 4, timeout=30)
                times = [
                    when
                    for when, line in zip(box.systemd.when, box.systemd.told, strict=False)
                    if line == "WATCHDOG=1"
                ]
                assert max(later - earlier for earlier, later in pairwise(times)) < 12
                private.start()
                wait_until("it is back", lambda: "database answers" in status(box), timeout=30)


def test_the_agent_tells_too() -> None:
    with Supervised(agent=True, watchdog_seconds=2) as box:
        wait_until(
            "the agent says what it sees",
            lambda: "STATUS=ready: the SIP process has 0 bindings and 0 calls" in box.systemd.told,
            timeout=20,
        )
        assert box.systemd.told.count("READY=1") == 2
        box.stop()
        box.systemd.told.clear()
        wait_until("signs of life go on", lambda: signs_of_life(box) > 2)
        wait_until(
            "the agent says that the server is down", lambda: "does not answer" in status(box), timeout=20
        )
        assert box.agent is not None
        assert box.agent.stop() == 0
        wait_until("it says that it stops", lambda: "STOPPING=1" in box.systemd.told)
        box.start()
