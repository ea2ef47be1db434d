"""Two and three workers on one address: whoever gets a message, phones notice nothing of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.harness.mariadb import MariaDB
from tests.harness.phone import Phone, hang_up, talk
from tests.harness.template import mariadb_database
from tests.harness.waiting import wait_until
from tests.harness.workers import Workers

pytestmark = [pytest.mark.mariadb, pytest.mark.timeout(300)]

USERS = ("10", "11", "12")


@pytest.fixture(scope="module")
def running(mariadb: MariaDB) -> Iterator[Workers]:
    settings = {"registrar": {"min_expires": 1}}
    with Workers(mariadb_database(mariadb), count=2, settings=settings) as box:
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


def test_a_forked_call_is_answered_by_one_and_cancelled_at_the_other(box: Workers) -> None:
    caller, first, second = box.phone_at(1, "10"), box.phone_at(2, "11"), box.phone_at(1, "11")
    for phone in (first, second):
        assert phone.register().status == 200
    invite = caller.invite("11")
    asked = {phone: phone.expect("INVITE") for phone in (first, second)}
    for phone, request in asked.items():
        phone.reply(request, 180, "Ringing")
    first.reply(asked[first], 200, "OK")
    answered = caller.final(invite)
    assert answered.status == 200
    caller.send(caller.within(caller.dialog_as_caller(invite, answered), "ACK"))
    first.expect("ACK")
    cancel = second.expect("CANCEL")
    second.reply(cancel, 200, "OK")
    second.reply(asked[second], 487, "Request Terminated")
    second.expect("ACK")


def test_a_caller_gives_up_and_the_phone_at_the_other_worker_stops(box: Workers) -> None:
    caller, callee = box.phone_at(1, "10"), box.phone_at(2, "11")
    assert callee.register().status == 200
    invite = caller.invite("11")
    incoming = callee.expect("INVITE")
    callee.reply(incoming, 180, "Ringing")
    caller.expect(180)
    caller.send(caller.cancel(invite))
    cancelled = callee.expect("CANCEL")
    assert cancelled.all("Via") == incoming.all("Via")[:1]
    callee.reply(cancelled, 200, "OK")
    callee.reply(incoming, 487, "Request Terminated")
    refusal = caller.receive(lambda m: m.status == 487, "487")
    caller.send(caller.ack(invite, refusal))
    callee.expect("ACK")


def test_a_cancel_at_the_wrong_worker_finds_its_invite(box: Workers) -> None:
    """As when the kernel spreads the phones anew between the two."""
    caller, callee = box.phone_at(1, "10"), box.phone_at(2, "11")
    other_way = box.phone_at(2, "10")
    assert callee.register().status == 200
    invite = caller.invite("11")
    incoming = callee.expect("INVITE")
    callee.reply(incoming, 180, "Ringing")
    caller.expect(180)
    other_way.send(caller.cancel(invite))
    assert other_way.expect(200, method="CANCEL")
    cancelled = callee.expect("CANCEL")
    assert cancelled.all("Via") == incoming.all("Via")[:1]
    callee.reply(cancelled, 200, "OK")
    callee.reply(incoming, 487, "Request Terminated")
    refusal = caller.receive(lambda m: m.status == 487, "487")
    other_way.send(caller.ack(invite, refusal))
    # It is heard: the refusal does not come again, as it would within T1.
    caller.silent(1.2, but=[180, 100])


def test_a_cancel_that_belongs_to_nobody_is_refused(box: Workers) -> None:
    phone = box.phone_at(1, "10")
    invite = phone.request("INVITE", f"sip:11@{box.domain}")
    phone.send(phone.cancel(invite))
    assert phone.expect(481, method="CANCEL")


def test_a_nonce_of_the_other_worker_is_judged_there(box: Workers) -> None:
    """The password is asked for once: the request goes to the worker that has asked."""
    asked, answering = box.phone_at(1, "10"), box.phone_at(2, "10")
    request = asked.request(
        "REGISTER", f"sip:{box.domain}", to=f"<{asked.aor}>", contact=f"<{asked.contact}>"
    )
    asked.send(request)
    challenged = asked.final(request)
    again = asked.authorized(request, challenged)
    answering.send(again)
    # The answer goes to where the request came from, whoever has answered.
    assert answering.final(again).status == 200
    answering.send(again.with_header("Via", asked.via()))
    replayed = answering.receive(lambda m: m.status == 401, "a challenge")
    assert "stale=true" in replayed.get("WWW-Authenticate").lower()
    assert box.received()[1] >= 1


def test_tcp_phones_at_different_workers_call_one_another(box: Workers) -> None:
    caller, callee = box.phone_at(1, "10", transport="tcp"), box.phone_at(2, "11", transport="tcp")
    assert caller.register().status == 200
    assert callee.register().status == 200
    mine, theirs = talk(caller, callee)
    hang_up(callee, caller, theirs)
    mine, theirs = talk(callee, caller)
    hang_up(callee, caller, mine)


def test_a_tcp_phone_answers_the_challenge_of_the_other_worker(box: Workers) -> None:
    asked, answering = box.phone_at(1, "10"), box.phone_at(2, "10", transport="tcp")
    request = answering.request(
        "REGISTER", f"sip:{box.domain}", to=f"<{answering.aor}>", contact=f"<{answering.contact}>"
    )
    asked.send(request.with_header("Via", asked.via()))
    challenged = asked.receive(lambda m: m.status == 401, "a challenge")
    again = answering.authorized(request, challenged)
    answering.send(again)
    assert answering.final(again).status == 200  # sent by worker 2, which has the connection
    caller = box.phone_at(1, "11")
    talk(caller, answering)


def test_a_lost_connection_at_the_other_worker_is_noticed(box: Workers) -> None:
    caller, callee = box.phone_at(1, "10"), box.phone_at(2, "11", transport="tcp")
    assert callee.register().status == 200
    invite = caller.invite("11")
    callee.expect("INVITE")
    callee.close()
    answer = caller.final(invite, 15)
    assert answer.status in (480, 503, 408), answer
    assert box.ask(1, "transaction_slots")


def test_what_ran_out_is_told_and_counted_once(box: Workers) -> None:
    def told() -> int:
        return sum(_statistic(box, number, "location-expires") for number in box.numbers)

    before = told()
    phone = box.phone_at(2, "12")
    assert phone.register(expires=1).status == 200
    wait_until(
        "the row is gone",
        lambda: not box.sql("select ruid from location where username = '12'"),
        timeout=90,
        every=0.1,
    )
    for number in box.numbers:
        wait_until(
            f"worker {number} has forgotten the phone",
            lambda number=number: not box.ask(number, "registrations", aor=f"12@{box.domain}"),
        )
    assert told() == before + 1


def _statistic(box: Workers, number: int, name: str) -> int:
    (found,) = box.ask(number, "statistics", names=[name])
    return int(found["value"])
