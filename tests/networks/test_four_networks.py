"""Real phones behind two NATs, the box in public, a gateway in its own network: one world for all tests here.

They call, hold, transfer and hang up, and what is heard is counted where it is heard. What baresip cannot do
(a transfer to a call that is up) is done by the tests' own phones, in the same homes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import quote

import pytest

from tests.harness.calling import PATIENCE, Calling, hear, quiet
from tests.harness.four_networks import FourNetworks
from tests.harness.handset import Handset, leave, tag
from tests.harness.waiting import wait_until

#: The NATs' patience, and how often a phone behind one hears of us; silence is longer than three times that.
FORGETS, EVERY = 4, 2
SILENCE = 3 * FORGETS


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FourNetworks]:
    directory = tmp_path_factory.mktemp("four")
    settings = {"registrar": {"min_expires": 5}}
    with FourNetworks(directory, udp_timeout=FORGETS, keepalive_seconds=EVERY, settings=settings) as world:
        yield world


@pytest.fixture
def world(shared: FourNetworks) -> FourNetworks:
    shared.free_all()
    return shared


@contextmanager
def trio(world: FourNetworks, *, outside: bool = False) -> Iterator[tuple[Handset, Handset, Handset]]:
    """20 and 22 in one home, and 21 in the other, or somebody who calls by a gateway in its place."""
    with ExitStack() as stack:
        other = ("+49891", world.carrier) if outside else ("21", world.homes[1])
        who = (("20", world.homes[0]), other, ("22", world.homes[0]))
        one, two, three = (stack.enter_context(world.handset(user, home)) for user, home in who)
        yield one, two, three


def phone(world: FourNetworks, name: str) -> Calling:
    found: Calling = getattr(world, name)
    return found


@pytest.mark.parametrize(
    ("one", "other", "leaver"),
    [
        ("ten", "eleven", "caller"),
        ("eleven", "ten", "callee"),
        ("ten", "twelve", "callee"),
        ("ten", "gateway", "caller"),
        ("eleven", "gateway", "callee"),
        ("gateway", "ten", "caller"),
        ("gateway", "eleven", "callee"),
    ],
)
def test_they_hear_each_other_and_hang_up(world: FourNetworks, one: str, other: str, leaver: str) -> None:
    """Between two homes, within one, and with the gateway in both directions."""
    caller, callee = phone(world, one), phone(world, other)
    call_id = world.call(caller, callee)
    hear(caller, callee)
    assert world.engine.packets(call_id) >= 100
    if leaver == "caller":
        world.end(caller, callee)
    else:
        world.end(callee, caller)


@pytest.mark.parametrize(("one", "other"), [("ten", "eleven"), ("gateway", "ten"), ("eleven", "gateway")])
def test_hold_and_resume(world: FourNetworks, one: str, other: str) -> None:
    """By either side, in turn."""
    caller, callee = phone(world, one), phone(world, other)
    world.call(caller, callee)
    for holds, held in ((caller, callee), (callee, caller)):
        hear(caller, callee)
        offers = held.phone.log.count("a=sendonly")
        world.change(holds, "hold")
        assert held.phone.log.count("a=sendonly") > offers
        quiet(caller, callee)
        world.change(holds, "resume")
    hear(caller, callee)
    world.end(callee, caller)


@pytest.mark.parametrize("direction", ["sendonly", "inactive"])
def test_a_phone_that_holds_by_either_word(world: FourNetworks, direction: str) -> None:
    """Both sides, in turn; with sendonly there is music for whoever waits."""
    with trio(world) as (one, other, _):
        mine, theirs = one.call(other)
        one.hear(other)
        for holds, held, dialog in ((one, other, mine), (other, one, theirs)):
            holds.describe(held, dialog, direction)
            if direction == "sendonly":
                holds.play(held)
            holds.describe(held, dialog, "sendrecv")
            one.hear(other)
        leave(one, other, mine)


# -------------------------------------------------------------------------------------------------- transfers


@pytest.mark.parametrize("by", ["caller", "callee"])
@pytest.mark.parametrize("to", ["twelve", "gateway"])
def test_a_blind_transfer(world: FourNetworks, by: str, to: str) -> None:
    """Whoever transfers is free when the others talk. 11 may call the number that it is sent to."""
    ten, eleven, target = world.ten, world.eleven, phone(world, to)
    if by == "caller":
        world.call(ten, eleven)
    else:
        world.call(eleven, ten)
    hear(ten, eleven)
    world.transfer(ten, target.user)
    target.phone.wait_for("CALL_ESTABLISHED", timeout=PATIENCE)
    wait_until("10 is free", ten.free, timeout=PATIENCE, every=0.1)
    hear(eleven, target)
    world.end(target, eleven)


@pytest.mark.parametrize("began", ["gateway", "ten"])
def test_the_gateway_is_transferred_to_somebody_here(world: FourNetworks, began: str) -> None:
    ten, eleven, line = world.ten, world.eleven, world.gateway
    caller, callee = (line, ten) if began == "gateway" else (ten, line)
    world.call(caller, callee)
    hear(caller, callee)
    world.transfer(ten, "11")
    eleven.phone.wait_for("CALL_ESTABLISHED", timeout=PATIENCE)
    wait_until("10 is free", ten.free, timeout=PATIENCE, every=0.1)
    hear(line, eleven)
    world.end(eleven, line)


@pytest.mark.parametrize("by", ["the box", "the gateway itself"])
def test_nobody_has_the_gateway_call_a_number_by_a_transfer(world: FourNetworks, by: str) -> None:
    ten, line = world.ten, world.gateway
    world.call(line, ten)
    number = "0900123456"
    world.transfer(ten, number, world.box.domain if by == "the box" else line.place.address)
    failed = ten.phone.wait_for("TRANSFER_FAILED", timeout=PATIENCE)
    assert failed["param"] == ("403 PSTN Not Permitted" if by == "the box" else "403 Forbidden")
    for each in (ten, line):  # this phone hangs up when it could not transfer
        wait_until(f"{each.user} is free", each.free, timeout=PATIENCE, every=0.1)


@pytest.mark.parametrize(
    ("whom", "to"),
    [("21", "its address of record"), ("21", "its Contact"), ("outside", "its address of record")],
)
def test_an_attended_transfer(world: FourNetworks, whom: str, to: str) -> None:
    """20 has 21, or who calls from outside, call 22 in its own place: REFER with Replaces (RFC 5589 §7)."""
    with trio(world, outside=whom == "outside") as (one, other, third):
        theirs, mine = other.call(one)
        one.hear(other)
        one.describe(other, mine, "inactive")
        consulting, consulted = one.call(third)
        one.hear(third)
        replaces = f"{consulting.call_id};to-tag={tag(consulting.remote)};from-tag={tag(consulting.local)}"
        target = third.phone.aor if to == "its address of record" else consulting.target
        refer_to = f"<{target}?Replaces={quote(replaces, safe='')}>"
        one.phone.send(refer := one.phone.within(mine, "REFER", headers=[("Refer-To", refer_to)]))
        referred = other.phone.expect("REFER", timeout=PATIENCE)
        assert referred.get("Refer-To") == refer_to
        other.phone.reply(referred, 202, "Accepted")
        assert one.phone.final(refer, timeout=PATIENCE).status == 202

        joined, _ = other.call(third, target, headers=[("Replaces", replaces)])
        leave(third, one, consulted)
        done = other.phone.within(theirs, "NOTIFY", headers=NOTIFIED, body=b"SIP/2.0 200 OK\r\n")
        other.phone.send(done)
        one.phone.reply(one.phone.expect("NOTIFY", timeout=PATIENCE), 200)
        assert other.phone.final(done, timeout=PATIENCE).status == 200
        leave(one, other, mine)
        other.hear(third)
        leave(other, third, joined)
    wait_until("rtpengine has no call", lambda: world.engine.calls() == 0, timeout=PATIENCE)


NOTIFIED = [
    ("Event", "refer"),
    ("Subscription-State", "terminated;reason=noresource"),
    ("Content-Type", "message/sipfrag"),
]


# -------------------------------------------------------------------------------------- silence, and oblivion


def test_they_are_reachable_after_silence(world: FourNetworks) -> None:
    """By the flows that they registered with, which their NATs would have forgotten three times."""
    world.spend(SILENCE)
    world.call_around()


def test_without_keep_alives_they_are_lost_until_they_register_anew(world: FourNetworks) -> None:
    """What the test above would be worth if NATs here forgot nothing."""
    world.forget()
    world.call_around()


def test_a_home_that_is_interrupted_and_has_another_address(world: FourNetworks) -> None:
    """A phone there registers anew in time, with the Contact that it has, and is reached by its new flow."""
    home = world.homes[1]
    guest = world.phone("20", home, expires=10)
    with guest.phone:
        guest.phone.wait_registered()
        (before,) = world.flow("20")
        home.redial()
        assert not home.ports(world.box.port)
        wait_until(
            "20 has registered anew", lambda: world.flow("20") != [before], timeout=PATIENCE, every=0.2
        )
        (after,) = world.flow("20")
        assert after.startswith(f"sip:{home.address}:")
        for caller, callee in ((world.ten, guest), (guest, world.ten)):
            world.call(caller, callee)
            hear(caller, callee)
            world.end(callee, caller)
    world.eleven.phone.restart()
    world.eleven.phone.wait_registered()
    world.call_around()
