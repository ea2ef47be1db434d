"""Two boxes that are one telephone system: what one has begun the other ends, whoever holds the address."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy

from tests.harness.mariadb import MariaDB
from tests.harness.networks import Networks
from tests.harness.pair import USERS, Pair
from tests.harness.phone import SDP, hang_up, talk
from tests.harness.template import mariadb_database
from tests.harness.waiting import wait_until

pytestmark = [pytest.mark.mariadb, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def net() -> Iterator[Networks]:
    with Networks() as net:
        yield net


@pytest.fixture
def pair(net: Networks, mariadb: MariaDB) -> Iterator[Pair]:
    with Pair(net, mariadb_database(mariadb)) as pair:
        pair.give(0)
        yield pair


def test_what_one_has_begun_the_other_ends(pair: Pair, net: Networks) -> None:
    """A challenge, a call that is up, and one that is just ringing."""
    caller, callee, third = (pair.phone(user, net.public()) for user in USERS[:3])
    for phone in (caller, callee, third):
        assert phone.register().status == 200
    up, _ = talk(caller, callee)
    request = caller.request("INVITE", f"sip:{third.user}@{third.domain}", body=SDP)
    caller.send(request)
    challenged = caller.final(request)
    caller.send(caller.ack(request, challenged))
    ringing = caller.invite(third.user)
    asked = third.expect("INVITE")
    third.reply(asked, 180, "Ringing")
    caller.expect(180)

    pair.boxes[0].kill9()
    pair.give(1)
    # The nonce is known to be ours: no guess, and no ban; a new one is asked for, and nobody is disturbed.
    again = caller.authorized(request, challenged)
    caller.send(again)
    stale = caller.final(again)
    assert stale.status == 407
    assert "stale=true" in stale.get("Proxy-Authenticate").lower()
    caller.send(caller.ack(again, stale))
    # Whoever answers is heard, and the call that was being set up can be talked on.
    third.reply(asked, 200, body=SDP)
    answered = caller.final(ringing)
    assert answered.status == 200
    dialog = caller.dialog_as_caller(ringing, answered)
    caller.send(caller.within(dialog, "ACK"))
    third.expect("ACK")
    hang_up(caller, third, dialog)
    hang_up(caller, callee, up)
    # And a new one: the phones have not registered at this box.
    dialog, _ = talk(callee, caller)
    hang_up(callee, caller, dialog)


def test_a_call_that_rings_is_cancelled_at_the_other_box(pair: Pair, net: Networks) -> None:
    caller, callee = (pair.phone(user, net.public()) for user in USERS[:2])
    for phone in (caller, callee):
        assert phone.register().status == 200
    invite = caller.invite(callee.user)
    asked = callee.expect("INVITE")
    callee.reply(asked, 180, "Ringing")
    caller.expect(180)
    pair.boxes[0].kill9()
    pair.give(1)
    cancel = caller.cancel(invite)
    caller.send(cancel)
    assert caller.final(cancel).status == 200
    callee.reply(callee.expect("CANCEL"), 200)
    callee.reply(asked, 487, "Request Terminated")
    assert caller.final(invite).status == 487


@contextmanager
def nobody_reads_locations(pair: Pair) -> Iterator[None]:
    engine = sqlalchemy.create_engine(pair.database_url)
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text("LOCK TABLES location WRITE"))
        yield
    engine.dispose()


def test_whoever_waits_for_a_box_that_reads_its_locations_is_served_by_the_other(
    pair: Pair, net: Networks
) -> None:
    """It starts again, and loses the address before it can tell where anybody is. A 100 of it would keep the
    caller's phone from saying again what the other box has to hear."""
    caller, callee = (pair.phone(user, net.public()) for user in USERS[:2])
    for phone in (caller, callee):
        assert phone.register().status == 200
    pair.boxes[0].kill9()
    with nobody_reads_locations(pair):
        pair.boxes[0].start()
        wait_until("it holds the address again", lambda: pair.holds(0), timeout=30)
        invite = caller.invite(callee.user)
        caller.silent(1.0)
        pair.give(1)
        caller.send(invite)
        stale = caller.final(invite)
        assert stale.status == 407
        caller.send(caller.ack(invite, stale))
        invite = caller.authorized(invite, stale)
        caller.send(invite)
        callee.reply(callee.expect("INVITE"), 200, body=SDP)
        answered = caller.final(invite)
        assert answered.status == 200
        dialog = caller.dialog_as_caller(invite, answered)
        caller.send(caller.within(dialog, "ACK"))
        callee.expect("ACK")
        hang_up(caller, callee, dialog)


def test_a_phone_behind_a_nat_is_called_from_the_shared_address(pair: Pair, net: Networks) -> None:
    """By whoever holds it; through the other box by way of that one."""
    home = net.home()
    callee = pair.phone("11", home.place())
    assert callee.register().status == 200
    first, second = (
        pair.phone(user, net.public(), at=place.address)
        for user, place in (
            ("12", pair.places[0]),
            ("13", pair.places[1]),
        )
    )
    for caller in (first, second):
        assert caller.register().status == 200
        dialog, _ = talk(caller, callee)
        hang_up(caller, callee, dialog)
    pair.give(1)
    for caller in (first, second):
        dialog, _ = talk(caller, callee)
        hang_up(caller, callee, dialog)
    # At once: whoever has just lost it does not call from it.
    for holder, caller in ((0, second), (1, first), (0, second), (1, first)):
        pair.give(holder, known=False)
        dialog, _ = talk(caller, callee)
        hang_up(caller, callee, dialog)


def test_keep_alives_come_from_who_holds_the_address(net: Networks, mariadb: MariaDB) -> None:
    settings = {"nat": {"keepalive_seconds": 1}}
    with Pair(net, mariadb_database(mariadb), settings) as pair:
        pair.give(0)
        phone = pair.phone("11", net.home().place())
        assert phone.register().status == 200
        for holder in (0, 1, 0):
            pair.give(holder)
            phone.take_in(0)
            phone.unread.clear()
            assert pair.shared in phone.expect("OPTIONS", timeout=30).all("Via")[0]


def test_a_phone_of_a_dead_box_is_called_from_the_shared_address(pair: Pair, net: Networks) -> None:
    """It registered at the box itself. One with a connection is lost with it, and said to be so at once."""
    reached = pair.phone("11", net.public(), at=pair.places[0].address)
    lost = pair.phone("12", net.public(), at=pair.places[0].address, transport="tcp")
    caller = pair.phone("13", net.public(), at=pair.places[1].address)
    assert reached.register(contact="<sip:11@192.168.1.20:5060>").status == 200
    for phone in (lost, caller):
        assert phone.register().status == 200
    pair.boxes[0].kill9()
    pair.give(1)
    wait_until(
        "the other is known to be away",
        lambda: pair.boxes[1].status()["neighbours"] == {"pbx-1": False},
        timeout=30,
    )
    invite = caller.invite("11")
    incoming = reached.expect("INVITE")
    assert pair.shared in incoming.all("Via")[0]
    reached.proxy = (pair.shared, 5060)  # it answers whoever calls
    reached.reply(incoming, 486, "Busy Here")
    assert caller.final(invite).status == 486
    assert caller.final(caller.invite("12")).status == 480
    pair.boxes[0].start()
    wait_until("they have met again", pair.have_met, timeout=30)


def test_a_phone_whose_connection_died_with_its_box_comes_back_to_the_other_one(
    pair: Pair, net: Networks
) -> None:
    """Whoever calls it meanwhile waits a moment, and is told."""
    place = net.public()
    phone = pair.phone("11", place, transport="tcp")
    caller = pair.phone("12", net.public(), at=pair.places[1].address)
    for each in (phone, caller):
        assert each.register().status == 200
    hang_up(caller, phone, talk(caller, phone)[0])
    pair.boxes[0].kill9()
    pair.give(1)
    wait_until("it is taken for dead", lambda: not pair.boxes[1].status()["neighbours"]["pbx-1"], timeout=30)
    assert caller.final(caller.invite("11")).status == 480
    anew = pair.phone("11", place, transport="tcp")
    assert anew.register().status == 200
    hang_up(caller, anew, talk(caller, anew)[0])
    pair.boxes[0].start()
    wait_until("they have met again", pair.have_met, timeout=30)


def test_connections_to_an_address_that_is_given_away_are_lost(pair: Pair, net: Networks) -> None:
    phone = pair.phone("11", net.public(), transport="tcp")
    caller = pair.phone("12", net.public(), at=pair.places[1].address)
    for each in (phone, caller):
        assert each.register().status == 200
    dialog, _ = talk(caller, phone)
    hang_up(caller, phone, dialog)
    pair.give(1)
    wait_until(
        "the connection is lost",
        lambda: "connections lost: 1" in pair.boxes[0].log,
        timeout=30,
    )
    anew = pair.phone("11", net.public(), transport="tcp")
    assert anew.register().status == 200
    dialog, _ = talk(caller, anew)
    hang_up(caller, anew, dialog)


def test_a_box_that_does_not_hold_the_address_can_be_tested(pair: Pair) -> None:
    told = pair.boxes[1].cli("self-test").stdout
    assert pair.places[1].address in told
    assert pair.shared not in told


def test_status_shows_all_boxes(pair: Pair, net: Networks) -> None:
    pair.give(1)
    wait_until(
        "both know who holds it",
        lambda: all(box.status()["cluster"]["holders"] == ["pbx-2"] for box in pair.boxes),
        timeout=30,
    )
    told = pair.boxes[0].cli("status", "--cluster").stdout
    assert "pbx-1" in told
    assert pair.shared in next(line for line in told.splitlines() if "pbx-2" in line)
    # A hand that gives it to both: each says so.
    pair.places[0].ip(f"address add {pair.shared}/24 dev eth0")
    try:
        wait_until(
            "split brain is told",
            lambda: "Split brain: pbx-1 and pbx-2 hold" in str(pair.boxes[0].status()["problems"]),
            timeout=30,
        )
    finally:
        pair.places[0].ip(f"address delete {pair.shared}/24 dev eth0")
    pair.boxes[1].stop()
    pair.boxes[1].write_settings({"sip": {"ring_seconds": 60}})
    pair.boxes[1].start()
    wait_until(
        "they differ",
        lambda: "have not the same settings" in str(pair.boxes[0].status()["cluster"]),
        timeout=30,
    )
