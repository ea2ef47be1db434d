"""A box with two workers and a neighbour: the first worker that lives speaks for the box."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.harness.mariadb import MariaDB
from tests.harness.neighbours import neighbours_key
from tests.harness.ports import LOOPBACK, free_port
from tests.harness.sipbox import Sipbox
from tests.harness.template import mariadb_database
from tests.harness.waiting import wait_until
from tests.harness.workers import Workers

pytestmark = [pytest.mark.mariadb, pytest.mark.timeout(300)]

USERS = ("10", "11", "12", "13")


def replication(key: Path, name: str, port: int, other: int) -> dict[str, dict[str, object]]:
    return {
        "sip": {"domains": ["example.org"]},
        "replication": {
            "interface": LOOPBACK,
            "port": port,
            "peers": [f"{LOOPBACK}:{other}"],
            "key_file": str(key),
            "node": name,
        },
    }


@pytest.fixture
def nodes(mariadb: MariaDB, tmp_path: Path) -> Iterator[tuple[Workers, Sipbox]]:
    key = neighbours_key(tmp_path)
    ports = free_port(), free_port()
    with ExitStack() as stack:
        settings = replication(key, "two-workers", *ports)
        box = stack.enter_context(Workers(mariadb_database(mariadb), count=2, settings=settings))
        other = stack.enter_context(Sipbox(settings=replication(key, "other", *ports[::-1])))
        for node in (box, other):
            node.add_subscribers({user: f"secret-{user}" for user in USERS})
        wait_until("they have met", lambda: other.status()["neighbours"] == {"two-workers": True})
        yield box, other


def test_the_worker_that_leads_speaks_for_all(nodes: tuple[Workers, Sipbox]) -> None:
    box, other = nodes
    with box.phone_at(2, "11", transport="tcp") as phone, other.phone("10", "secret-10") as caller:
        assert phone.register().status == 200  # at the worker that does not lead
        invite = caller.invite("11")
        assert phone.expect("INVITE").call_id == invite.call_id
        assert caller.register().status == 200
        for worker in box.numbers:
            wait_until(
                f"worker {worker} knows",
                lambda worker=worker: box.ask(worker, "status")["bindings"] == 2,  # type: ignore[misc]
            )


def test_another_worker_takes_over(nodes: tuple[Workers, Sipbox]) -> None:
    box, other = nodes
    with other.phone("10", "secret-10") as phone:
        assert phone.register().status == 200
    moved = box.phone_at(2, "11")
    box.kill9_worker(1)
    wait_until("the other one speaks", lambda: box.ask(2, "status")["neighbours"] == {"other": True})
    with other.phone("12", "secret-12") as late:
        assert moved.register().status == 200
        wait_until("the neighbour knows", lambda: other.status()["bindings"] == 2)
        box.start_worker(1)
        assert late.register().status == 200
        wait_until("it leads again", lambda: box.ask(1, "status")["neighbours"] == {"other": True})
        for worker in box.numbers:
            wait_until(
                f"worker {worker} knows all",
                lambda worker=worker: box.ask(worker, "status")["bindings"] == 3,  # type: ignore[misc]
            )
