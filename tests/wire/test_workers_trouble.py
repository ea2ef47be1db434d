"""A worker that dies, hangs, or gives its share back: what was in flight there is lost, and nothing else."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.config import load
from tests.harness import sipp
from tests.harness.mariadb import MariaDB
from tests.harness.phone import Phone, hang_up, talk
from tests.harness.sipp import Sipp
from tests.harness.template import mariadb_database
from tests.harness.waiting import wait_until
from tests.harness.workers import Workers

pytestmark = [pytest.mark.mariadb, pytest.mark.timeout(300)]

USERS = ("10", "11", "12")


@pytest.fixture
def box(mariadb: MariaDB) -> Iterator[Workers]:
    with Workers(mariadb_database(mariadb), count=3) as box:
        box.add_subscribers({user: f"secret-{user}" for user in USERS})
        yield box


def refused(caller: Phone, user: str) -> int:
    """The status that a call to that user ends with at once."""
    invite = caller.invite(user)
    answer = caller.final(invite, 10)
    caller.send(caller.ack(invite, answer))
    return answer.status


def test_a_killed_worker_comes_back_and_the_others_go_on(box: Workers, tmp_path: Path) -> None:
    """Under load: a registration that was under way comes again, as over UDP it does; none fails."""
    users = [f"load{number}" for number in range(50)]
    box.add_subscribers(dict.fromkeys(users, "secret"))
    registering = Sipp(
        "register",
        tmp_path,
        target=box.address,
        users=[[user, sipp.digest(user, "secret"), "127.0.0.1:9"] for user in users],
        keys={"domain": box.domain, "expires": "3600", "contact_transport": "udp"},
        calls=200,
        rate=20,
        timeout=120,
    )
    caller, callee = box.phone_at(1, "10"), box.phone_at(3, "11")
    at_two = box.phone_at(2, "12")
    for phone in (callee, at_two):
        assert phone.register().status == 200
    with registering:
        wait_until("some are through", lambda: registering.so_far >= 40, timeout=60, every=0.1)
        box.kill9_worker(2)
        mine, _ = talk(caller, callee)
        hang_up(caller, callee, mine)
        # Its phone is called by the others all the same; what it answers waits for the next worker 2.
        invite = caller.invite("12")
        incoming = at_two.expect("INVITE")
        at_two.reply(incoming, 180, "Ringing")
        box.start_worker(2)
        caller.expect(180, timeout=10)
        at_two.reply(incoming, 200, "OK")
        assert caller.final(invite, 10).status == 200
        assert registering.succeed().successful == 200
    assert [box.ask(number, "status")["bindings"] for number in box.numbers] == [52, 52, 52]


def test_a_worker_that_is_restarted_goes_on_with_its_calls(box: Workers) -> None:
    caller, answers, rings = box.phone_at(1, "10"), box.phone_at(2, "11"), box.phone_at(3, "11")
    for phone in (answers, rings):
        assert phone.register().status == 200
    invite = caller.invite("11")
    asked = {phone: phone.expect("INVITE") for phone in (answers, rings)}
    for phone, request in asked.items():
        phone.reply(request, 180, "Ringing")
    caller.expect(180)
    assert box.processes[1].stop() == 0
    box.start_worker(1)
    answers.reply(asked[answers], 200, "OK")
    answered = caller.final(invite, 10)
    assert answered.status == 200
    # It has taken its calls up again: the other phone stops.
    rings.reply(rings.expect("CANCEL", timeout=10), 200, "OK")
    rings.reply(asked[rings], 487, "Request Terminated")
    rings.expect("ACK", timeout=10)
    caller.send(caller.within(caller.dialog_as_caller(invite, answered), "ACK"))
    answers.expect("ACK")


def test_a_worker_that_hangs_holds_up_nobody_and_catches_up(box: Workers) -> None:
    caller, callee = box.phone_at(2, "10"), box.phone_at(1, "11")
    box.hang(2)
    try:
        for _ in range(30):
            assert callee.register(timeout=10).status == 200
        moved = box.phone_at_living([1, 3], "11")
        assert callee.register(expires=0, timeout=10).status == 200
        assert moved.register(timeout=10).status == 200
    finally:
        box.go_on(2)
    invite = caller.invite("11")
    incoming = moved.expect("INVITE", timeout=10)
    moved.reply(incoming, 486, "Busy Here")
    assert caller.final(invite, 10).status == 486
    box.wait_until_they_know_one_another()


def test_a_worker_that_has_missed_something_reads_all_again(box: Workers) -> None:
    """What it cannot read stands for what it has not heard: rows and bindings that only the others know."""
    phone = box.phone_at(1, "11")
    assert phone.register().status == 200
    gone = box.phone_at(1, "12")
    assert gone.register().status == 200
    box.sql("update location set username = '10', contact = concat(contact, ';moved') where username = '11'")
    box.sql("delete from location where username = '12'")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as other:
        other.connect(load(str(box.config)).sip.link_of(2))
        other.send(b"nothing that anybody says")
    wait_until(
        "worker 2 knows what the rows say",
        lambda: [row["aor"] for row in box.ask(2, "registrations")] == [f"10@{box.domain}"],
    )
    assert len(box.ask(3, "registrations")) == 2
    assert "were read again" in box.processes[2].log
    assert refused(box.phone_at(2, "10"), "12") == 480


def test_a_share_that_was_given_back_goes_to_the_others(box: Workers) -> None:
    phones = [box.phone_at(number, "12") for number in (1, 2, 3)]
    box.processes[2].stop()
    box.give_back(2)
    for phone in phones:
        assert phone.register(timeout=10).status == 200
    caller, callee = box.phone("10", "secret-10"), phones[1]
    with caller:
        invite = caller.invite("12")
        incoming = callee.expect("INVITE")
        callee.reply(incoming, 200, "OK")
        assert caller.final(invite, 10).status == 200
