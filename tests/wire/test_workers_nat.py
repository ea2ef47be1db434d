"""Two workers, and phones behind a NAT: each is kept reachable by one of them, and its answers are heard."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.harness.mariadb import MariaDB
from tests.harness.phone import Phone
from tests.harness.template import mariadb_database
from tests.harness.waiting import wait_until
from tests.harness.workers import Workers

pytestmark = [pytest.mark.mariadb, pytest.mark.timeout(300)]

USERS = tuple(str(number) for number in range(10, 18))
#: Not where it is: so there is a NAT between.
CONTACT = "<sip:{}@192.168.1.20:5060>"


@pytest.fixture
def box(mariadb: MariaDB) -> Iterator[Workers]:
    settings = {"nat": {"keepalive_seconds": 1, "remove_after_misses": 4}}
    with Workers(mariadb_database(mariadb), count=2, settings=settings) as box:
        box.add_subscribers({user: f"secret-{user}" for user in USERS})
        yield box


def answer(phones: dict[str, Phone], seconds: float) -> dict[str, list[float]]:
    """Lets every phone answer what it is asked; when each was asked."""
    asked: dict[str, list[float]] = {user: [] for user in phones}
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for user, phone in phones.items():
            phone.take_in(0.01)
            for request in [each for each in phone.unread if each.method == "OPTIONS" and each.is_request]:
                phone.unread.remove(request)
                phone.reply(request, 200)
                asked[user].append(time.monotonic())
    return asked


def test_each_phone_hears_of_one_worker_and_is_heard(box: Workers) -> None:
    phones = {
        user: box.phone_at(1 + place % 2, user, transport="tcp" if place in (2, 5) else "udp")
        for place, user in enumerate(USERS)
    }
    for user, phone in phones.items():
        assert phone.register(contact=CONTACT.format(user)).status == 200
    asked = answer(phones, 10)
    for user, times in asked.items():
        # One in a second; two workers that both did it would make it twenty.
        assert 6 <= len(times) <= 12, (user, times)
    assert len(box.sql("select ruid from location where cflags = 64")) == len(USERS)  # all answers were heard
    box.kill9_worker(2)
    wait_until(
        "the other worker takes its share",
        lambda: all(times for user, times in answer(phones, 2).items() if phones[user].transport == "udp"),
        timeout=30,
    )
