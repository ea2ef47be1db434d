"""Sound through a real rtpengine: packets counted at both ends, and what happens when it is killed."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from appliance import control
from tests.harness import sipp
from tests.harness.accounts import assert_sums
from tests.harness.mariadb import MariaDB
from tests.harness.message import Message
from tests.harness.phone import Dialog, Phone, hang_up
from tests.harness.rtp import RtpPhone, converse, media_of
from tests.harness.rtpengine import Rtpengine
from tests.harness.sipbox import Sipbox
from tests.harness.sipp import Sipp
from tests.harness.template import mariadb_database
from tests.harness.waiting import wait_until
from tests.harness.workers import Workers
from tests.wire.conftest import Register

PATIENCE = 20.0


class Talk:
    """10 calls 11, each with sound of its own; ``box`` is what they register at."""

    def __init__(self, box: Sipbox, stack: ExitStack, phones: Sequence[Phone] = ()) -> None:
        self.box = box
        self.caller, self.callee = phones or (
            stack.enter_context(box.phone(user, f"secret-{user}")) for user in ("10", "11")
        )
        self.mouth, self.ear = stack.enter_context(RtpPhone(0x10)), stack.enter_context(RtpPhone(0x11))
        for phone in (self.caller, self.callee):
            assert phone.register(timeout=PATIENCE).status == 200

    def call(self, *, offer_late: bool = False) -> tuple[Dialog, Dialog]:
        """A call, answered; ``offer`` and ``answer`` are the descriptions that the phones got."""
        self.invite(b"" if offer_late else self.mouth.description)
        self.callee.reply(self.incoming, 180, "Ringing")
        answer = self.callee.reply(self.incoming, 200, body=self.ear.description)
        answered = self.caller.final(self.request, timeout=PATIENCE)
        assert answered.status == 200, answered
        mine = self.caller.dialog_as_caller(self.request, answered)
        self.caller.send(self.caller.within(mine, "ACK", body=self.mouth.description if offer_late else b""))
        acknowledged = self.callee.expect("ACK", timeout=PATIENCE)
        self.offer = acknowledged.body if offer_late else self.incoming.body
        self.answer = answered.body
        return mine, self.callee.dialog_as_callee(self.incoming, answer)

    def invite(self, body: bytes) -> None:
        self.request = self.caller.invite("11", body=body)
        self.incoming = self.callee.expect("INVITE", timeout=PATIENCE)

    def refused(self) -> Message:
        """What a caller gets whose call is not let through."""
        request = self.caller.invite("11", body=self.mouth.description)
        refusal = self.caller.final(request, timeout=PATIENCE)
        self.caller.send(self.caller.ack(request, refusal))
        return refusal

    def talk(self, *, packets: int = 50) -> None:
        converse(self.mouth, media_of(self.answer), self.ear, media_of(self.offer), packets)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def settings(*engines: Rtpengine, **more: object) -> dict[str, dict[str, object]]:
    nodes = [engine.node for engine in engines]
    return {"media": {"mode": "always", "nodes": nodes, "ping_seconds": 1, **more}}


def begin(stack: ExitStack, *engines: Rtpengine, **more: object) -> Talk:
    """A server that has its media relayed by these, with two phones."""
    box = stack.enter_context(Sipbox(settings=settings(*engines, **more)))
    box.add_subscribers({"10": "secret-10", "11": "secret-11"})
    return Talk(box, stack)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Rtpengine]:
    with Rtpengine(tmp_path) as engine:
        yield engine


# -- sound ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("offer_late", [False, True], ids=["offer in INVITE", "offer in 200"])
def test_two_phones_hear_each_other_through_it(stack: ExitStack, engine: Rtpengine, offer_late: bool) -> None:
    talk = begin(stack, engine)
    mine, _ = talk.call(offer_late=offer_late)
    for description in (talk.offer, talk.answer):
        address, port = media_of(description)
        assert address == engine.host
        assert engine.relays_at(port)
    talk.talk()
    sources = {source for phone in (talk.mouth, talk.ear) for _, _, source in phone.heard}
    assert len(sources) == 2
    assert all(engine.relays_at(port) for _, port in sources)
    assert engine.packets(talk.request.call_id) >= 100
    assert engine.calls() == 1
    hang_up(talk.caller, talk.callee, mine)
    wait_until("the call is over for rtpengine", lambda: engine.calls() == 0, timeout=PATIENCE)


def test_a_call_that_is_held_and_moved_is_heard_again(stack: ExitStack, engine: Rtpengine) -> None:
    talk = begin(stack, engine)
    mine, theirs = talk.call()
    talk.talk()
    with RtpPhone(0x12) as elsewhere:
        again = talk.callee.within(theirs, "INVITE", body=elsewhere.description)
        talk.callee.send(again)
        offered = talk.caller.expect("INVITE", timeout=PATIENCE)
        talk.caller.reply(offered, 200, body=talk.mouth.description)
        answered = talk.callee.final(again, timeout=PATIENCE)
        assert answered.status == 200
        talk.callee.send(talk.callee.within(theirs, "ACK"))
        talk.caller.expect("ACK", timeout=PATIENCE)
        converse(talk.mouth, media_of(offered.body), elsewhere, media_of(answered.body))
    hang_up(talk.caller, talk.callee, mine)


def test_of_two_phones_that_speak_early_the_one_that_answers_is_heard(
    stack: ExitStack, engine: Rtpengine
) -> None:
    talk = begin(stack, engine)
    second = stack.enter_context(talk.box.phone("11", "secret-11"))
    voice = stack.enter_context(RtpPhone(0x12))
    assert second.register(timeout=PATIENCE).status == 200
    talk.invite(talk.mouth.description)
    invited = second.expect("INVITE", timeout=PATIENCE)
    talk.callee.reply(talk.incoming, 183, "Session Progress", body=talk.ear.description)
    early = talk.caller.expect(183, timeout=PATIENCE)
    second.reply(invited, 183, "Session Progress", body=voice.description)
    other = talk.caller.expect(183, timeout=PATIENCE)
    assert media_of(early.body) != media_of(other.body)

    answer = talk.callee.reply(talk.incoming, 200, body=talk.ear.description)
    answered = talk.caller.final(talk.request, timeout=PATIENCE)
    second.reply(second.expect("CANCEL", timeout=PATIENCE), 200)
    second.reply(invited, 487, "Request Terminated")
    mine = talk.caller.dialog_as_caller(talk.request, answered)
    talk.caller.send(talk.caller.within(mine, "ACK"))
    talk.callee.expect("ACK", timeout=PATIENCE)
    converse(talk.mouth, media_of(answered.body), talk.ear, media_of(talk.incoming.body))
    assert not voice.has_heard(talk.mouth.ssrc)
    hang_up(talk.callee, talk.caller, talk.callee.dialog_as_callee(talk.incoming, answer))
    wait_until("the call is over for rtpengine", lambda: engine.calls() == 0, timeout=PATIENCE)


def test_a_call_that_nobody_takes_gives_its_ports_back(stack: ExitStack, engine: Rtpengine) -> None:
    talk = begin(stack, engine)
    talk.invite(talk.mouth.description)
    assert engine.calls() == 1
    talk.callee.reply(talk.incoming, 486, "Busy Here")
    assert talk.caller.final(talk.request, timeout=PATIENCE).status == 486
    wait_until("the call is over for rtpengine", lambda: engine.calls() == 0, timeout=PATIENCE)


def test_the_server_may_be_killed_while_they_talk(stack: ExitStack, engine: Rtpengine) -> None:
    talk = begin(stack, engine)
    mine, _ = talk.call()
    talk.box.kill9()
    talk.talk()
    talk.box.start()
    hang_up(talk.caller, talk.callee, mine)
    wait_until("the call is over for rtpengine", lambda: engine.calls() == 0, timeout=PATIENCE)


# -- no sound ------------------------------------------------------------------------------------------------


def test_without_rtpengine_calls_are_refused_until_it_is_back(stack: ExitStack, engine: Rtpengine) -> None:
    talk = begin(stack, engine)
    _, theirs = talk.call()
    engine.kill9()
    refusal = talk.refused()
    assert (refusal.status, refusal.get("Retry-After")) == (503, "5")
    hang_up(talk.callee, talk.caller, theirs)
    status = json.loads(talk.box.cli("status", "--json", check=False).stdout)
    assert status["state"] == "degraded"
    assert status["media"] == {"mode": "always", "nodes": {engine.node: False}}
    assert "rtpengine" in status["problems"][0]["what"]
    assert "media-lost" in talk.box.log

    engine.start()
    wait_until("it is known to be back", lambda: "media-back" in talk.box.log, timeout=PATIENCE)
    mine, _ = talk.call()
    talk.talk()
    hang_up(talk.caller, talk.callee, mine)


def test_an_rtpengine_that_hangs_holds_up_nobody_else(stack: ExitStack, engine: Rtpengine) -> None:
    talk = begin(stack, engine, timeout_ms=8000)
    assert engine.process is not None
    engine.process.signal(signal.SIGSTOP)
    try:
        request = talk.caller.invite("11", body=talk.mouth.description)
        talk.caller.expect(100, timeout=PATIENCE)  # it waits for rtpengine
        with talk.box.phone("11", "secret-11") as other:
            assert other.register(timeout=PATIENCE).status == 200
        talk.caller.take_in(0.05)
        assert not [each for each in talk.caller.unread if each.status >= 200], "nobody has waited that long"
        assert talk.caller.final(request, timeout=PATIENCE).status == 503
    finally:
        engine.process.signal(signal.SIGCONT)
    wait_until("it is known to be back", lambda: "media-back" in talk.box.log, timeout=PATIENCE)
    mine, _ = talk.call()
    talk.talk(packets=10)
    hang_up(talk.caller, talk.callee, mine)


def test_or_they_pass_and_the_phones_hear_each_other_directly(stack: ExitStack, engine: Rtpengine) -> None:
    talk = begin(stack, engine, when_away="pass", timeout_ms=300)
    engine.kill9()
    talk.call()
    assert talk.offer == talk.mouth.description
    assert talk.answer == talk.ear.description
    talk.talk()
    assert talk.mouth.heard[-1][2] == (talk.ear.host, talk.ear.port)


def test_another_node_takes_the_calls_of_one_that_was_killed(
    stack: ExitStack, engine: Rtpengine, tmp_path: Path
) -> None:
    other = stack.enter_context(Rtpengine(tmp_path))
    engines = {engine.node: engine, other.node: other}
    talk = begin(stack, engine, other, timeout_ms=500)
    mine, _ = talk.call()
    (used,) = [each for each in engines.values() if each.knows(talk.request.call_id)]
    (left,) = [each for each in engines.values() if each is not used]
    talk.talk()
    used.kill9()
    # Its ports are gone, and nobody can tell the phones; the next description moves the call to the other.
    again = talk.caller.within(mine, "INVITE", body=talk.mouth.description)
    talk.caller.send(again)
    offered = talk.callee.expect("INVITE", timeout=PATIENCE)
    talk.callee.reply(offered, 200, body=talk.ear.description)
    answered = talk.caller.final(again, timeout=PATIENCE)
    assert answered.status == 200
    talk.caller.send(talk.caller.within(mine, "ACK"))
    talk.callee.expect("ACK", timeout=PATIENCE)
    assert left.knows(talk.request.call_id)
    converse(talk.mouth, media_of(answered.body), talk.ear, media_of(offered.body))
    for _ in range(5):
        mine, _ = talk.call()
        assert left.knows(talk.request.call_id)
        hang_up(talk.caller, talk.callee, mine)


def test_one_without_ports_is_as_good_as_none(stack: ExitStack, tmp_path: Path) -> None:
    small = stack.enter_context(Rtpengine(tmp_path, ports=4))
    talk = begin(stack, small)
    talk.call()
    assert talk.refused().status == 503
    assert small.process is not None
    assert small.process.running


# -- many calls, several workers -----------------------------------------------------------------------------


def test_calls_go_on_at_the_other_node_when_one_is_killed_under_load(
    stack: ExitStack, tmp_path: Path, register: Register
) -> None:
    other = stack.enter_context(Rtpengine(tmp_path, ports=200))
    more = stack.enter_context(Rtpengine(tmp_path, ports=200))
    box = stack.enter_context(Sipbox(settings=settings(other, more, timeout_ms=1000)))
    box.add_subscribers({"10": "secret-10", "11": "secret-11"})
    port = register(box, "11")
    row = ["10", sipp.digest("10", "secret-10"), "11"]
    calls = 120
    answering = stack.enter_context(Sipp("callee", tmp_path, port=port, calls=calls, values={"LINGER": "0"}))
    calling = stack.enter_context(
        Sipp(
            "caller",
            tmp_path,
            target=box.address,
            users=[row],
            keys={"domain": box.domain},
            calls=calls,
            rate=20,
            pause_ms=500,
        )
    )
    wait_until("both have calls", lambda: other.calls() and more.calls(), timeout=PATIENCE)
    other.kill9()
    assert calling.succeed().successful == calls
    assert answering.succeed().successful == calls
    wait_until("the calls are over for rtpengine", lambda: more.calls() == 0, timeout=PATIENCE)
    told = control.call(str(box.settings["sip"]["control"]), "metrics")["snapshot"]
    assert dict(map(first_label, told["sipbox_media_unrelayed_total"]))["refused"] == 0
    asked = {tuple(labels): count for labels, count in told["sipbox_media_commands_total"]}
    assert asked["offer", "ok"] == calls
    assert_sums(box, {"200": calls}, {})


def first_label(sample: tuple[list[str], int]) -> tuple[str, int]:
    return sample[0][0], sample[1]


@pytest.mark.mariadb
def test_each_side_at_another_worker(stack: ExitStack, engine: Rtpengine, mariadb: MariaDB) -> None:
    box = stack.enter_context(Workers(mariadb_database(mariadb), settings=settings(engine)))
    box.add_subscribers({"10": "secret-10", "11": "secret-11"})
    caller, callee = box.phone_at(1, "10"), box.phone_at(2, "11")
    talk = Talk(box, stack, (caller, callee))
    for leaver in ("caller", "callee"):
        mine, theirs = talk.call()
        assert engine.calls() == 1
        talk.talk(packets=10)
        again = callee.within(theirs, "INVITE", body=talk.ear.description)
        callee.send(again)
        offered = caller.expect("INVITE", timeout=PATIENCE)
        caller.reply(offered, 200, body=talk.mouth.description)
        answered = callee.final(again, timeout=PATIENCE)
        callee.send(callee.within(theirs, "ACK"))
        caller.expect("ACK", timeout=PATIENCE)
        assert engine.relays_at(media_of(offered.body)[1])
        assert engine.relays_at(media_of(answered.body)[1])
        if leaver == "caller":
            hang_up(caller, callee, mine)
        else:
            hang_up(callee, caller, theirs)
        wait_until("the call is over for rtpengine", lambda: engine.calls() == 0, timeout=PATIENCE)
    status = json.loads(box.cli("status", "--json").stdout)
    assert status["media"]["nodes"] == {engine.node: True}
