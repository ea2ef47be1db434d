"""Phones in separated networks hear each other through rtpengine: packets counted at both ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.harness.networks import Networks, Place
from tests.harness.phone import Phone, hang_up
from tests.harness.rtp import RtpPhone, converse, media_of
from tests.harness.rtpengine import Rtpengine
from tests.harness.settings import Sections
from tests.harness.sipbox import Sipbox
from tests.harness.waiting import wait_until

PATIENCE = 20.0


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def net(stack: ExitStack) -> Networks:
    return stack.enter_context(Networks(udp_timeout=30))


def begin(
    stack: ExitStack,
    tmp_path: Path,
    place: Place,
    interfaces: tuple[str, ...] = (),
    media: dict[str, object] | None = None,
    more: Sections | None = None,
) -> tuple[Sipbox, Rtpengine]:
    """A server at that place with its rtpengine."""
    engine = stack.enter_context(Rtpengine(tmp_path, place=place, interfaces=interfaces))
    settings = {"media": {"mode": "nated", "nodes": [engine.node], **(media or {})}, **(more or {})}
    box = stack.enter_context(Sipbox(place=place, settings=settings))
    box.add_subscribers({user: f"secret-{user}" for user in ("10", "11")})
    return box, engine


class Talk:
    """10 at one place calls 11 at another; ``offer`` and ``answer`` are the descriptions that they get."""

    def __init__(
        self,
        stack: ExitStack,
        box: Sipbox,
        one: Place,
        other: Place,
        proxies: Sequence[tuple[str, int]] = (),
    ) -> None:
        proxies = proxies or [box.address, box.address]
        self.caller, self.callee = (
            stack.enter_context(Phone(user, f"secret-{user}", proxy=proxy, domain=box.domain, place=place))
            for user, place, proxy in (("10", one, proxies[0]), ("11", other, proxies[1]))
        )
        self.mouth, self.ear = (
            stack.enter_context(RtpPhone(ssrc, place=place)) for ssrc, place in ((0x10, one), (0x11, other))
        )
        for phone in (self.caller, self.callee):
            assert phone.register(timeout=PATIENCE).status == 200
        self.request = self.caller.invite("11", body=self.mouth.description)
        incoming = self.callee.expect("INVITE", timeout=PATIENCE)
        self.callee.reply(incoming, 180, "Ringing")
        answer = self.callee.reply(incoming, 200, body=self.ear.description)
        answered = self.caller.final(self.request, timeout=PATIENCE)
        assert answered.status == 200, answered
        self.mine = self.caller.dialog_as_caller(self.request, answered)
        self.theirs = self.callee.dialog_as_callee(incoming, answer)
        self.caller.send(self.caller.within(self.mine, "ACK"))
        self.callee.expect("ACK", timeout=PATIENCE)
        self.offer, self.answer = media_of(incoming.body), media_of(answered.body)

    def hear(self) -> None:
        converse(self.mouth, self.answer, self.ear, self.offer)


@pytest.mark.parametrize("leaver", ["caller", "callee"])
def test_two_phones_behind_their_own_nats_hear_each_other(
    stack: ExitStack, net: Networks, tmp_path: Path, leaver: str
) -> None:
    place = net.public()
    box, engine = begin(stack, tmp_path, place)
    talk = Talk(stack, box, net.home().place(), net.home().place())
    assert talk.caller.address == talk.callee.address == "192.168.1.20"
    assert talk.offer[0] == talk.answer[0] == place.address
    talk.hear()
    assert engine.packets(talk.request.call_id) >= 100
    if leaver == "caller":
        hang_up(talk.caller, talk.callee, talk.mine)
    else:
        hang_up(talk.callee, talk.caller, talk.theirs)
    wait_until("the call is over for rtpengine", lambda: engine.calls() == 0, timeout=PATIENCE)


@pytest.mark.parametrize("behind", ["caller", "callee"])
def test_one_behind_a_nat_and_one_that_is_not(
    stack: ExitStack, net: Networks, tmp_path: Path, behind: str
) -> None:
    place = net.public()
    box, engine = begin(stack, tmp_path, place)
    places = (net.home().place(), net.public())
    talk = Talk(stack, box, *(places if behind == "caller" else places[::-1]))
    assert talk.offer[0] == talk.answer[0] == place.address
    talk.hear()
    assert engine.packets(talk.request.call_id) >= 100


def test_a_caller_cannot_have_it_send_to_the_box_itself(
    stack: ExitStack, net: Networks, tmp_path: Path
) -> None:
    """What he says into the call would come to rtpengine's own control port, from this machine."""
    box, engine = begin(stack, tmp_path, net.public())
    home = net.home()
    thief, callee = (
        stack.enter_context(box.phone(user, f"secret-{user}", place=place))
        for user, place in (("10", home.place()), ("11", net.public()))
    )
    assert thief.register().status == callee.register().status == 200
    description = (
        b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 2223 RTP/AVP 8\r\n"
        b"a=rtcp:2223 IN IP4 127.0.0.1\r\n"
    )
    request = thief.invite("11", body=description)
    callee.expect("INVITE", timeout=PATIENCE)
    told = str(engine.ask({"command": "query", "call-id": request.call_id}))
    assert home.address in told
    assert "127.0.0.1" not in told


def test_phones_that_are_not_behind_a_nat_hear_each_other_without_it(
    stack: ExitStack, net: Networks, tmp_path: Path
) -> None:
    box, engine = begin(stack, tmp_path, net.public())
    one, other = net.public(), net.public()
    talk = Talk(stack, box, one, other)
    assert (talk.offer[0], talk.answer[0]) == (one.address, other.address)
    talk.hear()
    assert engine.calls() == 0


def test_a_box_between_two_networks_tells_each_side_its_own_address(
    stack: ExitStack, net: Networks, tmp_path: Path
) -> None:
    """An office that has no way into the world but through the box, and a phone at home."""
    place = net.public()
    office = net.office(place)
    outside, inside = place.addresses
    more: Sections = {
        "sip": {"listen": [f"udp:{outside}:5060", f"udp:{inside}:5060"], "domains": ["example.org"]}
    }
    media = {"inside_networks": ["10.0.5.0/24"], "interfaces": ["office", "world"]}
    box, engine = begin(stack, tmp_path, place, (f"world/{outside}", f"office/{inside}"), media, more)
    desk, home = office.place(), net.home().place()
    for one, other in ((desk, home), (home, desk)):
        with ExitStack() as call:
            proxies = [(inside if each is desk else outside, 5060) for each in (one, other)]
            talk = Talk(call, box, one, other, proxies)
            assert (talk.offer[0], talk.answer[0]) == (proxies[1][0], proxies[0][0])
            talk.hear()
            hang_up(talk.caller, talk.callee, talk.mine)
    wait_until("the calls are over for rtpengine", lambda: engine.calls() == 0, timeout=PATIENCE)


def test_a_box_in_a_cloud_advertises_what_the_world_knows(
    stack: ExitStack, net: Networks, tmp_path: Path
) -> None:
    cloud = net.cloud()
    place = cloud.place()
    more: Sections = {"sip": {"advertise": [cloud.address], "domains": [cloud.address]}}
    box, engine = begin(stack, tmp_path, place, (f"{place.address}!{cloud.address}",), {}, more)
    talk = Talk(stack, box, net.home().place(), net.home().place(), [(cloud.address, 5060)] * 2)
    assert talk.offer[0] == talk.answer[0] == cloud.address
    talk.hear()
    hang_up(talk.caller, talk.callee, talk.mine)
    wait_until("the call is over for rtpengine", lambda: engine.calls() == 0, timeout=PATIENCE)
