"""Two real phones (baresip) register, call each other, and are reachable at once after a power cut."""

from __future__ import annotations

import pytest

from tests.harness.baresip import Baresip, talking
from tests.harness.sipbox import Sipbox
from tests.harness.waiting import wait_until


def phone(box: Sipbox, user: str, transport: str = "udp") -> Baresip:
    return Baresip(user, f"secret-{user}", proxy=box.address, domain=box.domain, transport=transport)


def call(caller: Baresip, callee: Baresip, *, ended_by: Baresip) -> None:
    """A whole call: answered, sound in both directions, hung up."""
    for side in (caller, callee):
        side.forget_events()
    heard = {side: side.log.count("incoming rtp for 'audio' established") for side in (caller, callee)}
    caller.dial(callee.user)
    caller.wait_established()
    callee.wait_established()
    for side in (caller, callee):
        wait_until(
            f"{side.user} hears the other",
            lambda side=side: side.log.count("incoming rtp for 'audio' established") > heard[side],
        )
        assert talking(side)()
    ended_by.hang_up()
    for side in (caller, callee):
        wait_until(f"{side.user} has no call", lambda side=side: not talking(side)())


def registrations(box: Sipbox) -> list[tuple[object, ...]]:
    return box.sql("select username, contact, callid, cseq from location order by username")


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_two_phones_call_each_other(box: Sipbox, transport: str) -> None:
    with phone(box, "10", transport) as ten, phone(box, "11", transport) as eleven:
        ten.wait_registered()
        eleven.wait_registered()
        call(ten, eleven, ended_by=ten)
        call(eleven, ten, ended_by=ten)


def test_phones_are_reachable_after_a_power_cut_without_registering_again(box: Sipbox) -> None:
    with phone(box, "10") as ten, phone(box, "11") as eleven:
        ten.wait_registered()
        eleven.wait_registered()
        call(ten, eleven, ended_by=ten)
        before = registrations(box)
        assert [row[0] for row in before] == ["10", "11"]

        box.kill9()
        box.start()

        call(ten, eleven, ended_by=eleven)
        call(eleven, ten, ended_by=eleven)
        assert registrations(box) == before


def test_a_phone_with_a_wrong_password_is_not_registered(box: Sipbox) -> None:
    with Baresip("10", "guess", proxy=box.address, domain=box.domain) as ten:
        wait_until("the phone is told", lambda: "401 Unauthorized" in ten.log)
        assert registrations(box) == []
