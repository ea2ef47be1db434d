from __future__ import annotations

from dataclasses import replace

from appliance.proxy.shared_address import SharedAddress
from appliance.registrar.binding import NATED, Binding
from appliance.sip.hop import Hop
from appliance.sip.uri import AddressOfRecord

SHARED = "192.0.2.9"
LISTENERS = [
    ("udp", "192.0.2.1", 5060),
    ("tcp", "192.0.2.1", 5060),
    ("udp", SHARED, 5060),
    ("tcp", SHARED, 5060),
    ("tls", SHARED, 5061),
]
PHONE = Binding(
    AddressOfRecord("10", "example.org"),
    "sip:10@192.168.1.20",
    1e9,
    "call-1",
    1,
    received="sip:198.51.100.7:40000",
    socket=f"udp:{SHARED}:5060",
    hop=Hop("udp", "198.51.100.7", 40000, -1),
    cflags=NATED,
    ruid="r1",
)


def test_who_holds_it_reaches_its_phones_by_their_flows() -> None:
    shared = SharedAddress(SHARED, LISTENERS)
    shared.here = True
    assert list(shared.as_reached([PHONE])) == [PHONE]
    assert all(shared.may_send(index) for index in range(len(LISTENERS)))


def test_who_does_not_hold_it_sends_calls_there() -> None:
    shared = SharedAddress(SHARED, LISTENERS)
    own = replace(PHONE, socket="udp:192.0.2.1:5060")
    stream = replace(PHONE, socket=f"tls:{SHARED}:5061")
    through, *others = shared.as_reached([PHONE, own, stream])
    assert (through.hop, through.path, through.nated) == (None, f"<sip:{SHARED}:5060;lr;nb=r1>", False)
    assert through.socket is None, "by whichever leads there"
    assert others == [own, stream], "of those the owner is known, or it is this box"
    assert [shared.may_send(index) for index in range(len(LISTENERS))] == [True, True, False, False, False]


def test_who_has_just_lost_it_sees_that_before_a_call() -> None:
    shared = SharedAddress(SHARED, LISTENERS)
    looked = 0

    def look() -> None:
        nonlocal looked
        looked += 1
        shared.here = False

    shared.look = look
    shared.here = True
    own = replace(PHONE, socket="udp:192.0.2.1:5060")
    assert list(shared.as_reached([own])) == [own]
    assert (looked, shared.here) == (0, True), "nothing to know for a phone that registered elsewhere"
    [through] = shared.as_reached([PHONE])
    assert (looked, through.path) == (1, f"<sip:{SHARED}:5060;lr;nb=r1>")


def test_what_came_by_it_leaves_by_it() -> None:
    shared = SharedAddress(SHARED, LISTENERS)
    assert shared.leaves_by(2, "udp") == 2
    assert shared.leaves_by(2, "tcp") == 3
    assert shared.leaves_by(4, "udp") == 2
    assert shared.leaves_by(2, "ws") == -1
    assert shared.leaves_by(0, "udp") == -1
