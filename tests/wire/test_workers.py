"""Two and three workers on one address: whoever gets a message, phones notice nothing of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.harness.mariadb import MariaDB
from tests.harness.phone import Phone, hang_up, talk
from tests.harness.template import mariadb_database
from tests.harness.workers import Workers

pytestmark = [pytest.mark.mariadb, pytest.mark.timeout(300)]

USERS = ("10", "11", "12")


@pytest.fixture(scope="module")
def running(mariadb: MariaDB) -> Iterator[Workers]:
    with Workers(mariadb_database(mariadb), count=2) as box:
        box.add_subscribers({user: f"secret-{user}" for user in USERS})
        yield box


@pytest.fixture
def box(running: Workers) -> Iterator[Workers]:
    """Two workers, and nobody is registered."""
    yield running
    running.ask(1, "registrations_remove", aors=[f"{user}@{running.domain}" for user in USERS])


def test_a_registration_is_known_to_the_other_worker_before_its_200(box: Workers) -> None:
    caller, callee = box.phone_at(1, "10"), box.phone_at(2, "11")
    for _ in range(5):
        assert callee.register().status == 200
        invite = caller.invite("11")
        incoming = callee.expect("INVITE")
        callee.reply(incoming, 486, "Busy Here")
        assert caller.final(invite).status == 486
        caller.send(caller.ack(invite, Phone.received(caller)[-1]))
        callee.expect("ACK")
        assert callee.register(expires=0).status == 200
        invite = caller.invite("11")
        gone = caller.final(invite)
        assert gone.status == 480
        caller.send(caller.ack(invite, gone))


def test_a_call_through_both_workers(box: Workers) -> None:
    caller, callee = box.phone_at(1, "10"), box.phone_at(2, "11")
    assert callee.register().status == 200
    assert caller.register().status == 200
    mine, _ = talk(caller, callee)
    hang_up(caller, callee, mine)
    _, theirs = talk(caller, callee)
    hang_up(callee, caller, theirs)
