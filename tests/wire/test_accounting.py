"""The rows of ``acc``, ``missed_calls`` and ``cdrs`` add up to the calls that SIPp made, exactly: also when
the database is away for a time and the server is killed meanwhile."""

from __future__ import annotations

import os
import re
import signal
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.harness import sipp
from tests.harness.accounts import ACC, CDRS, MISSED, assert_sums, counts, wait_for_requests
from tests.harness.mariadb import MariaDB
from tests.harness.phone import hang_up, talk
from tests.harness.ports import LOOPBACK
from tests.harness.sipbox import Sipbox
from tests.harness.sipp import Sipp
from tests.harness.template import mariadb_database
from tests.harness.waiting import wait_until
from tests.harness.workers import Workers
from tests.wire.conftest import Register


def caller(box: Sipbox, directory: Path, scenario: str = "caller", **options: Any) -> Sipp:
    """SIPp as the phone of 10, which calls 11."""
    row = ["10", sipp.digest("10", "secret-10"), "11"]
    return Sipp(scenario, directory, target=box.address, users=[row], keys={"domain": box.domain}, **options)


def metric(box: Sipbox, name: str) -> int:
    """A metric with its labels; -1 while nobody says."""
    with urllib.request.urlopen(f"http://{LOOPBACK}:{box.agent_port}/metrics", timeout=10) as page:
        text = page.read().decode()
    found = re.search(rf"(?m)^{re.escape(name)} (\S+)$", text)
    return int(float(found[1])) if found else -1


def waiting(box: Sipbox, place: str) -> int:
    return metric(box, f'sipbox_accounting_waiting{{place="{place}"}}')


def wait_for_calls(box: Sipbox, count: int) -> None:
    wait_until(
        f"{count} calls are up", lambda: metric(box, "sipbox_calls_active") == count, timeout=30, every=0.2
    )


@pytest.fixture
def quick(database_url: str | None) -> Iterator[Sipbox]:
    """A server that lets a phone ring for two seconds."""
    with Sipbox(database_url, settings={"sip": {"ring_seconds": 2}}) as server:
        server.add_subscribers({user: f"secret-{user}" for user in ("10", "11")})
        yield server


def test_each_end_that_a_call_can_have(quick: Sipbox, tmp_path: Path, register: Register) -> None:
    calls = 10
    with caller(quick, tmp_path, "refused_caller", calls=calls, values={"STATUS": "480"}) as calling:
        calling.succeed()  # nobody is registered yet
    for scenario, callee, status in (
        ("caller", "callee", "200"),
        ("refused_caller", "busy_callee", "486"),
        ("cancelling_caller", "cancelled_callee", "487"),
        ("refused_caller", "cancelled_callee", "408"),
    ):
        quick.cli("registration", "remove", "11", "--yes", check=False)
        port = register(quick, "11")
        with (
            Sipp(callee, tmp_path, port=port, calls=calls, values={"LINGER": "0"}) as answering,
            caller(
                quick, tmp_path, scenario, calls=calls, rate=10, pause_ms=1500, values={"STATUS": status}
            ) as calling,
        ):
            assert calling.succeed().successful == calls
            assert answering.succeed().successful == calls
    wait_for_requests(quick, 6 * calls)
    codes = ("200", "408", "480", "486", "487")
    expected = {("INVITE", code): calls for code in codes} | {("BYE", "200"): calls}
    assert counts(quick, ACC) == expected
    assert counts(quick, MISSED) == {code: calls for code in codes if code != "200"}
    assert counts(quick, CDRS) == {
        "answered": calls, "busy": calls, "cancelled": calls, "no_answer": 2 * calls,
    }  # fmt: skip
    lasted = [float(row[0]) for row in quick.sql("select duration from cdrs where state = 'answered'")]
    assert len(lasted) == calls
    assert all(1.4 <= seconds < 30 for seconds in lasted)
    told = quick.sql("select distinct src_user, src_domain, src_ip, dst_user, dst_ouser from acc")
    assert [tuple(row) for row in told] == [("10", quick.domain, LOOPBACK, "11", "11")]
    assert quick.sql("select distinct account from cdrs") == [(f"10@{quick.domain}",)]
    rung = quick.sql("select count(*) from cdrs where state <> 'answered' and call_start_time is null")
    assert rung == [(4 * calls,)]


def test_a_forked_call_is_one_call(quick: Sipbox, tmp_path: Path, register: Register) -> None:
    calls = 10
    roles = ("callee", "cancelled_callee", "busy_callee")
    with ExitStack() as stack:
        phones = [
            stack.enter_context(
                Sipp(role, tmp_path, port=register(quick, "11"), calls=calls, values={"LINGER": "0"})
            )
            for role in roles
        ]
        calling = stack.enter_context(caller(quick, tmp_path, calls=calls, rate=5))
        calling.succeed()
        del phones
    wait_for_requests(quick, 2 * calls)
    assert counts(quick, ACC) == {("INVITE", "200"): calls, ("BYE", "200"): calls}
    assert counts(quick, MISSED) == {}
    assert counts(quick, CDRS) == {"answered": calls}


@pytest.fixture
def private() -> Iterator[MariaDB]:
    """A MariaDB that the test may end."""
    with MariaDB() as server:
        yield server


@pytest.fixture
def fragile(private: MariaDB) -> Iterator[Sipbox]:
    """A server with its agent on that MariaDB, which notices within a second or two that it is away."""
    settings = {"database": {"connect_timeout_seconds": 1, "query_timeout_seconds": 2}}
    with Sipbox(private.url("openser"), settings=settings, agent=True) as box:
        box.add_subscribers({user: f"secret-{user}" for user in ("10", "11")})
        yield box


@pytest.mark.mariadb
def test_a_database_that_is_away_and_a_server_that_is_killed_meanwhile(
    fragile: Sipbox, private: MariaDB, tmp_path: Path, register: Register
) -> None:
    """Calls are answered before the outage and during it; they are hung up after both have been killed."""
    calls = 200
    port = register(fragile, "11")
    with (
        Sipp("callee", tmp_path, port=port, calls=calls, values={"LINGER": "3000"}) as answering,
        caller(fragile, tmp_path, calls=calls, rate=40, pause_ms=25_000) as calling,
    ):
        wait_until("some calls have rows", lambda: counts(fragile, ACC), timeout=30)
        private.kill()
        wait_until("the rest waits on disk", lambda: waiting(fragile, "disk") > 50, timeout=30)
        wait_for_calls(fragile, calls)
        wait_until("none is in memory only", lambda: waiting(fragile, "memory") == 0, timeout=30)
        assert calling.so_far == 0
        fragile.kill9()
        private.start()
        fragile.start()
        assert calling.succeed().successful == calls
        assert answering.succeed().successful == calls
    wait_until("the spool is empty", lambda: waiting(fragile, "disk") == 0, timeout=30)
    assert_sums(fragile, {"200": calls}, {})


@pytest.mark.mariadb
def test_a_database_that_refuses_then_hangs(
    fragile: Sipbox, private: MariaDB, tmp_path: Path, register: Register
) -> None:
    """A table is not there; then the database is frozen. No call is any the worse for it, none is lost."""
    calls = 200
    port = register(fragile, "11")
    with (
        Sipp("callee", tmp_path, port=port, calls=calls, values={"LINGER": "0"}) as answering,
        caller(fragile, tmp_path, calls=calls, rate=20, pause_ms=1000) as calling,
    ):
        private.sql("rename table cdrs to elsewhere", "openser")
        wait_until("it waits on disk", lambda: waiting(fragile, "disk") > 20, timeout=30)
        private.sql("rename table elsewhere to cdrs", "openser")
        wait_until("it comes in", lambda: waiting(fragile, "disk") == 0, timeout=30)
        assert private.pid is not None
        os.kill(private.pid, signal.SIGSTOP)
        try:
            wait_until("it waits on disk again", lambda: waiting(fragile, "disk") > 20, timeout=30)
        finally:
            os.kill(private.pid, signal.SIGCONT)
        assert calling.succeed().successful == calls
        assert answering.succeed().successful == calls
    assert_sums(fragile, {"200": calls}, {})


@pytest.mark.mariadb
def test_a_stop_in_mid_call_leaves_nothing_behind(
    fragile: Sipbox, private: MariaDB, tmp_path: Path, register: Register
) -> None:
    """The database is away when the server is stopped, and back before it starts again."""
    calls = 40
    port = register(fragile, "11")
    with (
        Sipp("callee", tmp_path, port=port, calls=calls, values={"LINGER": "3000"}) as answering,
        caller(fragile, tmp_path, calls=calls, rate=40, pause_ms=15_000) as calling,
    ):
        wait_for_calls(fragile, calls)
        private.stop()
        fragile.stop()
        private.start()
        fragile.start()
        assert calling.succeed().successful == calls
        assert answering.succeed().successful == calls
    assert_sums(fragile, {"200": calls}, {})


@pytest.mark.mariadb
def test_calls_that_begin_at_one_worker_and_end_at_another(mariadb: MariaDB) -> None:
    """Each accounts what passes by it; one of them is killed in the middle, and a call goes on without it."""
    with Workers(mariadb_database(mariadb), count=2) as box:
        box.add_subscribers({user: f"secret-{user}" for user in ("10", "11")})
        caller, callee = box.phone_at(1, "10"), box.phone_at(2, "11")
        assert callee.register().status == 200
        assert caller.register().status == 200
        mine, _ = talk(caller, callee)
        hang_up(caller, callee, mine)
        _, theirs = talk(caller, callee)
        wait_for_requests(box, 3)
        box.kill9_worker(1)
        box.start_worker(1)
        hang_up(callee, caller, theirs)
        wait_for_requests(box, 4)
        assert counts(box, ACC) == {("INVITE", "200"): 2, ("BYE", "200"): 2}
        assert counts(box, CDRS) == {"answered": 2}
        whole = "select src_username, dst_username from cdrs where duration is not null"
        wait_until("both are over", lambda: box.sql(whole) == [("10", "11")] * 2, timeout=30)
