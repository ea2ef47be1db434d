"""Several workers asked as one: statistics, metrics, FIFO, registrations, trace, whoever has done it."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterable, Iterator

import pytest

from tests.harness.mariadb import MariaDB
from tests.harness.phone import hang_up, talk
from tests.harness.ports import LOOPBACK
from tests.harness.template import mariadb_database
from tests.harness.waiting import wait_until
from tests.harness.workers import Workers

pytestmark = [pytest.mark.mariadb, pytest.mark.timeout(300)]

USERS = ("10", "11", "12")


@pytest.fixture(scope="module")
def running(mariadb: MariaDB) -> Iterator[Workers]:
    with Workers(mariadb_database(mariadb), count=2, agent=True) as box:
        box.add_subscribers({user: f"secret-{user}" for user in USERS})
        yield box


@pytest.fixture
def box(running: Workers) -> Iterator[Workers]:
    yield running
    running.ask(1, "registrations_remove", aors=[f"{user}@{running.domain}" for user in USERS])


def statistics(box: Workers) -> dict[str, int]:
    return dict(json.loads(box.cli("statistics", "--json").stdout))


def page(box: Workers) -> str:
    with urllib.request.urlopen(f"http://{LOOPBACK}:{box.agent_port}/metrics", timeout=10) as answer:
        return str(answer.read().decode())


def test_statistics_add_up_and_nothing_counts_twice(box: Workers) -> None:
    caller, callee = box.phone_at(1, "10"), box.phone_at(2, "11")
    before = statistics(box)
    for phone in (caller, callee):
        assert phone.register().status == 200
    _, theirs = talk(caller, callee)
    hang_up(callee, caller, theirs)
    wait_until("the call is over", lambda: box.status()["calls"] == 0)
    after = statistics(box)
    grown = {name: after[name] - before[name] for name in after}
    # Two REGISTERs each; INVITE, ACK of the 407, INVITE again, ACK, BYE.
    assert grown["core:rcv_requests"] == 9
    assert grown["core:rcv_replies"] == 3
    assert grown["registrar:accepted_regs"] == 2
    assert (after["usrloc:location-contacts"], after["usrloc:registered_users"]) == (2, 2)
    told = box.status()
    assert (told["bindings"], told["users"], told["state"]) == (2, 2, "ok")
    assert [row["worker"] for row in told["workers"]] == [1, 2]


def test_metrics_have_the_worker_as_a_label_and_shared_ones_none(box: Workers) -> None:
    phone = box.phone_at(2, "10")
    assert phone.register().status == 200
    text = page(box)
    assert 'sipbox_bindings_active{transport="udp"} 1.0' in text
    assert "sipbox_registered_users 1.0" in text
    for number in box.numbers:
        assert f'sipbox_greenlets{{worker="{number}"}}' in text
        assert f'process_resident_memory_bytes{{worker="{number}"}}' in text
    assert "\nsipbox_up 1.0" in text


def test_registrations_are_listed_once(box: Workers) -> None:
    for number, user in ((1, "10"), (2, "11")):
        assert box.phone_at(number, user).register().status == 200
    rows = json.loads(box.cli("registration", "list", "--json").stdout)
    assert sorted(row["aor"].partition("@")[0] for row in rows) == ["10", "11"]
    assert box.cli("online").stdout.splitlines() == [f"10@{box.domain}", f"11@{box.domain}"]
    dump = box.cli("fifo", "ul_dump", "brief").stdout
    assert "records=2" in dump
    box.cli("registration", "remove", "10", "--yes")
    for number in box.numbers:
        assert not box.ask(number, "registrations", aor=f"10@{box.domain}")
    box.cli("registration", "add", "12", "sip:12@192.0.2.7")
    for number in box.numbers:
        assert len(box.ask(number, "registrations", aor=f"12@{box.domain}")) == 1


def test_a_trace_shows_what_passes_at_either(box: Workers) -> None:
    command = [sys.executable, "-m", "appliance", "--config", str(box.config), "trace", "--json"]
    phones = [box.phone_at(number, "10") for number in (1, 2)]
    seen: set[int] = set()

    def read(lines: Iterable[str]) -> None:
        for line in lines:
            seen.add(json.loads(line)["worker"])

    def both() -> bool:
        for phone in phones:
            assert phone.ask(phone.request("OPTIONS", f"sip:{box.domain}")).status == 200
        return seen == {1, 2}

    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=box.program, env=box.environment
    ) as watching:
        assert watching.stdout is not None
        reader = threading.Thread(target=read, args=(watching.stdout,))
        reader.start()
        try:
            wait_until("both workers were seen", both, timeout=30, every=0.3)
        finally:
            watching.terminate()
            reader.join(10)


def test_a_worker_that_hangs_is_named_and_the_rest_is_told(box: Workers) -> None:
    phone = box.phone_at(2, "10")
    assert phone.register().status == 200
    box.hang(1)
    try:
        told = box.status()
        assert (told["state"], told["bindings"]) == ("degraded", 1)
        assert "Worker 1 does not answer" in told["problems"][0]["what"]
        assert "records=1" in box.cli("fifo", "ul_dump", "brief").stdout
    finally:
        box.go_on(1)
    wait_until("all is well again", lambda: box.status()["state"] == "ok", timeout=30)
