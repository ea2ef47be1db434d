"""Calls between IPv4 and IPv6: each side sees the address of ours that it can reach, in every direction."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.baresip import Baresip, call_and_hang_up
from tests.harness.phone import Phone, hang_up, talk
from tests.harness.ports import LOOPBACK
from tests.harness.rtp import RtpPhone, converse, media_of
from tests.harness.rtpengine import Rtpengine
from tests.harness.sipbox import Sipbox

SIX = "::1"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rtpengine]:
    place = tmp_path_factory.mktemp("rtpengine")
    with Rtpengine(place, interfaces=[f"default/{LOOPBACK}", f"default/{SIX}"]) as engine:
        yield engine


@pytest.fixture(scope="module")
def box(engine: Rtpengine) -> Iterator[Sipbox]:
    box = Sipbox(settings={"media": {"mode": "nated", "nodes": [engine.node]}})
    listen = [
        f"{transport}:{host}:{box.port}" for transport in ("udp", "tcp") for host in (LOOPBACK, f"[{SIX}]")
    ]
    box.write_settings({"sip": {"listen": listen, "domains": ["example.org"]}})
    with box:
        box.add_subscribers({user: f"secret-{user}" for user in ("10", "11")})
        yield box


@pytest.fixture(autouse=True)
def no_bindings_left(box: Sipbox) -> Iterator[None]:
    yield
    for user in ("10", "11"):
        with phone(box, user, LOOPBACK) as one:
            assert one.register(contact="*", expires=0).status == 200


def phone(box: Sipbox, user: str, address: str, transport: str = "udp") -> Phone:
    return Phone(
        user,
        f"secret-{user}",
        proxy=(address, box.port),
        domain="example.org",
        address=address,
        transport=transport,
    )


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize(("here", "there"), [(LOOPBACK, SIX), (SIX, LOOPBACK), (SIX, SIX)])
def test_a_call_and_all_that_follows(box: Sipbox, here: str, there: str, transport: str) -> None:
    with phone(box, "10", here) as caller, phone(box, "11", there, transport) as callee:
        assert caller.register().status == 200
        assert callee.register().status == 200
        mine, its = talk(caller, callee)
        request = next(each for each in callee.received() if each.is_request and each.method == "INVITE")
        routes = request.all("Record-Route")
        by = "" if transport == "udp" else f";transport={transport}"
        assert request.all("Via")[0].startswith(f"SIP/2.0/{transport.upper()} {host_of(there)}:{box.port};")
        assert routes[0].startswith(f"<sip:{host_of(there)}:{box.port}{by};lr=on"), routes
        assert len(routes) == (1 if (here, transport) == (there, "udp") else 2)
        assert routes[-1].startswith(f"<sip:{host_of(here)}:{box.port};lr=on"), routes
        for side, other, dialog in ((caller, callee, mine), (callee, caller, its)):
            info = side.within(dialog, "INFO")
            side.send(info)
            other.reply(other.expect("INFO"), 200)
            assert side.final(info).status == 200
        hang_up(callee, caller, its)


@pytest.mark.parametrize(("here", "there"), [(LOOPBACK, SIX), (SIX, LOOPBACK)])
@pytest.mark.parametrize("offer_late", [False, True], ids=["offer first", "offer late"])
def test_they_hear_each_other(
    box: Sipbox, engine: Rtpengine, here: str, there: str, offer_late: bool, tmp_path: Path
) -> None:
    with (
        phone(box, "10", here) as caller,
        phone(box, "11", there) as callee,
        RtpPhone(0x10, host=here) as mouth,
        RtpPhone(0x11, host=there) as ear,
    ):
        assert caller.register().status == 200
        assert callee.register().status == 200
        request = caller.invite("11", body=b"" if offer_late else mouth.description)
        incoming = callee.expect("INVITE", timeout=20)
        answer = callee.reply(incoming, 200, body=ear.description)
        answered = caller.final(request, timeout=20)
        assert answered.status == 200
        mine = caller.dialog_as_caller(request, answered)
        caller.send(caller.within(mine, "ACK", body=mouth.description if offer_late else b""))
        acknowledged = callee.expect("ACK", timeout=20)
        heard_at = media_of(acknowledged.body if offer_late else incoming.body)
        assert (media_of(answered.body)[0], heard_at[0]) == (here, there)
        converse(mouth, media_of(answered.body), ear, heard_at, packets=10)
        hang_up(callee, caller, callee.dialog_as_callee(incoming, answer))


def test_real_phones_of_both_families_call_one_another(box: Sipbox) -> None:
    def real(user: str, address: str) -> Baresip:
        return Baresip(
            user, f"secret-{user}", proxy=(address, box.port), domain="example.org", address=address
        )

    with real("10", SIX) as one, real("11", LOOPBACK) as other:
        one.wait_registered()
        other.wait_registered()
        call_and_hang_up(one, other)
        call_and_hang_up(other, one)


@pytest.mark.parametrize(
    "contact", ["<sip:10@[fe80::1%25eth0]:5060>", "<sip:10@[fe80::1%eth0]>", "<sip:10@::1>"]
)
def test_an_address_with_a_zone_or_without_brackets_is_none(box: Sipbox, contact: str) -> None:
    with phone(box, "10", SIX) as one:
        assert one.register(contact=contact).status == 400


def test_capital_letters_and_zeros_make_no_other_address(box: Sipbox) -> None:
    """A phone may write its own address as it likes; what is answered goes to where it sends from."""
    with phone(box, "10", SIX) as one:
        assert one.register(contact=f"<sip:10@[0:0:0:0:0:0:0:1]:{one.port}>").status == 200
        request = one.request("OPTIONS", f"sip:[{SIX}]:{box.port}")
        via = request.get("Via").replace(f"[{SIX}]", "[0:0::0:0:0001]")
        answer = one.ask(request.with_header("Via", via))
        assert f";received={SIX}" in answer.get("Via")


def host_of(address: str) -> str:
    return f"[{address}]" if ":" in address else address
