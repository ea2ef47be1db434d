"""Which calls are relayed by rtpengine, what it is asked and when, and what happens without it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from appliance.errors import MediaUnavailable
from appliance.media.session import Session
from appliance.registrar.binding import NATED
from appliance.registrar.preferences import Preferences
from appliance.sip.hop import Hop
from tests.harness.message import Message
from tests.unit.proxy.stage import Sent, Stage, ack_of, cancel_of, response_to

CALLER = Hop("udp", "192.0.2.10", 5060)
CALLEE = Hop("udp", "192.0.2.11", 5060)
OTHER = Hop("udp", "192.0.2.12", 5060)


def sdp(address: str, port: int = 4000) -> bytes:
    return (
        f"v=0\r\no=- 1 1 IN IP4 {address}\r\ns=-\r\nc=IN IP4 {address}\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP 8\r\n"
    ).encode()


class Nodes:
    """rtpengine, played: each description becomes one that names the question, with its loop mark."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Session]] = []
        self.deleted: list[tuple[str, str, str | None]] = []
        self.away = False
        self.waiting: Callable[[], None] = lambda: None

    def offer(self, session: Session) -> bytes:
        return self._rewrite("offer", session)

    def answer(self, session: Session) -> bytes:
        return self._rewrite("answer", session)

    def delete(self, call_id: str, from_tag: str, to_tag: str | None) -> None:
        self.deleted.append((call_id, from_tag, to_tag))

    def _rewrite(self, command: str, session: Session) -> bytes:
        self.asked.append((command, session))
        self.waiting()
        if self.away:
            raise MediaUnavailable("no node answers")
        return f"a=rtpengine:x\r\nrelayed {command} {len(self.asked)}\r\n".encode()

    def take(self) -> list[tuple[str, str, str | None]]:
        """What was asked since the last time: command, offerer, answerer."""
        asked, self.asked = self.asked, []
        return [(command, session.offerer, session.answerer) for command, session in asked]


class Scene:
    """A call from 10 to 11, whose phones are at ``contacts``."""

    def __init__(
        self, mode: str = "always", *, contacts: tuple[str, ...] = ("sip:11@192.0.2.11",), **more: object
    ) -> None:
        bound = more.pop("bound", {})
        sip = more.pop("sip", {})
        self.nodes = Nodes()
        self.stage = Stage(
            media_nodes=None if mode == "never" else self.nodes,
            media={"mode": mode, **more},
            sip=sip,  # type: ignore[arg-type]
        )
        self.stage.add_user("10")
        self.stage.bind("11", *contacts, **bound)  # type: ignore[arg-type]

    def invite(
        self, body: bytes = sdp("192.0.2.10"), hop: Hop = CALLER, *lines: tuple[str, str], **options: object
    ) -> list[Sent]:
        """What left because of an INVITE that was let in."""
        kind = (("Content-Type", "application/sdp"),) if body else ()
        request = self.stage.request("INVITE", body=body, headers=(*kind, *lines), **options)  # type: ignore[arg-type]
        self.request, sent = self.stage.let_in(request, hop)
        self.copies = [
            each.message for each in sent if each.message.method == "INVITE" and each.message.is_request
        ]
        return sent

    def answer(
        self, status: int, body: bytes = b"", phone: int = 0, hop: Hop = CALLEE, *lines: tuple[str, str]
    ) -> Message:
        """The response that the caller gets for this one of a phone."""
        copy = self.copies[phone]
        answer = response_to(
            copy, status, tag=f"tag{phone}", headers=(("Contact", f"<sip:11@{hop.host}>"), *lines)
        )
        (sent,) = [
            each
            for each in self.stage.receive(described(answer, body), hop)
            if each.message.status and each.message.method == "INVITE"
        ]
        self.last = sent.message
        return sent.message

    def in_dialog(
        self, method: str, body: bytes = b"", *, cseq: int = 2, backwards: bool = False
    ) -> Message | None:
        """A request in the dialog that ``last`` made, as it leaves; None when it does not."""
        routes = self.last.all("Record-Route")
        uri, hop, source = f"sip:11@{CALLEE.host}", CALLER, CALLER.host
        names = ("From", "To")
        if backwards:
            names, uri, hop, source = ("To", "From"), f"sip:10@{CALLER.host}", CALLEE, CALLEE.host
        request = self.stage.request(method, uri, source=source, cseq=cseq, call_id=self.request.call_id)
        request = request.with_header("From", self.last.get(names[0])).with_header(
            "To", self.last.get(names[1])
        )
        headers = (*request.headers, *(("Route", each) for each in routes))
        self.sent = self.stage.receive(described(replace(request, headers=headers), body), hop)
        left = [each.message for each in self.sent if each.message.is_request]
        return left[0] if left else None


def described(message: Message, body: bytes) -> Message:
    """The message with a description in it."""
    if not body:
        return message
    kept = tuple(each for each in message.headers if each[0] != "Content-Length")
    described = (("Content-Type", "application/sdp"), ("Content-Length", str(len(body))))
    return replace(message, headers=(*kept, *described), body=body)


def relayed(message: Message | None) -> bool:
    assert message is not None
    assert int(message.get("Content-Length")) == len(message.body)
    return b"relayed" in message.body


# -- a call that is relayed ----------------------------------------------------------------------------------


def test_offer_and_answer_are_rewritten_and_the_end_is_told() -> None:
    scene = Scene()
    scene.invite()
    (copy,) = scene.copies
    tag, call_id = scene.request.get("From").partition("tag=")[2], scene.request.call_id
    assert copy.body == b"a=rtpengine:x\r\nrelayed offer 1\r\n"
    assert relayed(copy)
    assert "flags=r;" in copy.get("Record-Route")
    assert scene.nodes.asked[0][1].call_id == call_id
    assert scene.nodes.take() == [("offer", tag, None)]

    assert not relayed(scene.answer(180))
    assert scene.nodes.take() == []
    assert relayed(scene.answer(183, sdp("192.0.2.11")))
    assert scene.nodes.take() == [("answer", tag, "tag0")]
    assert relayed(scene.answer(200, sdp("192.0.2.11", 6000)))
    assert scene.nodes.take() == [("answer", tag, "tag0")]
    assert scene.in_dialog("ACK", cseq=1) is not None
    assert scene.nodes.take() == []

    assert scene.in_dialog("BYE") is not None
    assert scene.nodes.deleted == [(call_id, tag, "tag0")]


def test_the_callee_may_hang_up() -> None:
    scene = Scene()
    scene.invite()
    scene.answer(200, sdp("192.0.2.11"))
    assert scene.in_dialog("BYE", backwards=True) is not None
    tag = scene.request.get("From").partition("tag=")[2]
    assert scene.nodes.deleted == [(scene.request.call_id, "tag0", tag)]


def test_a_copy_of_a_response_is_rewritten_without_asking_again() -> None:
    scene = Scene()
    scene.invite()
    first = scene.answer(200, sdp("192.0.2.11"))
    scene.nodes.take()
    assert scene.answer(200, sdp("192.0.2.11")).body == first.body
    assert scene.nodes.take() == []


def test_when_another_phone_speaks_rtpengine_is_told_again() -> None:
    scene = Scene(contacts=("sip:11@192.0.2.11", "sip:11@192.0.2.12"))
    scene.invite()
    tag = scene.request.get("From").partition("tag=")[2]
    assert scene.nodes.take() == [("offer", tag, None)]
    assert {copy.body for copy in scene.copies} == {b"a=rtpengine:x\r\nrelayed offer 1\r\n"}
    at = {copy.uri.partition("@")[2]: number for number, copy in enumerate(scene.copies)}
    first, second = at[CALLEE.host], at[OTHER.host]
    scene.answer(183, sdp("192.0.2.11"), first, CALLEE)
    scene.answer(183, sdp("192.0.2.12"), second, OTHER)
    scene.answer(200, sdp("192.0.2.11"), first, CALLEE)
    assert [answerer for _, _, answerer in scene.nodes.take()] == [
        f"tag{first}",
        f"tag{second}",
        f"tag{first}",
    ]
    assert scene.nodes.deleted == []


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_later_offers_go_by_the_same_rtpengine_from_either_side(method: str) -> None:
    scene = Scene()
    scene.invite()
    scene.answer(200, sdp("192.0.2.11"))
    scene.nodes.take()
    tag = scene.request.get("From").partition("tag=")[2]

    again = scene.in_dialog(method, sdp("192.0.2.10", 7000))
    assert relayed(again)
    assert scene.nodes.take() == [("offer", tag, "tag0")]
    assert again is not None
    (back,) = scene.stage.receive(described(response_to(again, 200), sdp("192.0.2.11", 7000)), CALLEE)
    assert relayed(back.message)
    assert scene.nodes.take() == [("answer", tag, "tag0")]

    again = scene.in_dialog(method, sdp("192.0.2.11", 7002), backwards=True)
    assert relayed(again)
    assert scene.nodes.take() == [("offer", "tag0", tag)]
    assert again is not None
    (back,) = scene.stage.receive(described(response_to(again, 200), sdp("192.0.2.10", 7002)), CALLER)
    assert relayed(back.message)
    assert scene.nodes.take() == [("answer", "tag0", tag)]


def test_a_refused_change_ends_nothing() -> None:
    scene = Scene()
    scene.invite()
    scene.answer(200, sdp("192.0.2.11"))
    again = scene.in_dialog("INVITE", sdp("192.0.2.10", 7000))
    assert again is not None
    scene.stage.receive(response_to(again, 488), CALLEE)
    assert scene.nodes.deleted == []


def test_an_offer_may_come_in_the_response() -> None:
    scene = Scene()
    scene.invite(b"")
    tag = scene.request.get("From").partition("tag=")[2]
    assert scene.nodes.take() == []
    assert relayed(scene.answer(200, sdp("192.0.2.11")))
    assert scene.nodes.take() == [("offer", "tag0", tag)]
    assert relayed(scene.in_dialog("ACK", sdp("192.0.2.10"), cseq=1))
    assert scene.nodes.take() == [("answer", "tag0", tag)]
    assert relayed(scene.answer(200, sdp("192.0.2.11")))
    assert relayed(scene.in_dialog("ACK", sdp("192.0.2.10"), cseq=1))
    assert scene.nodes.take() == [], "copies of both are known"


def test_prack_has_the_answer_to_an_offer_in_a_provisional_response() -> None:
    scene = Scene()
    scene.invite(b"")
    tag = scene.request.get("From").partition("tag=")[2]
    assert relayed(scene.answer(183, sdp("192.0.2.11"), 0, CALLEE, ("Require", "100rel"), ("RSeq", "1")))
    assert scene.nodes.take() == [("offer", "tag0", tag)]
    assert relayed(scene.in_dialog("PRACK", sdp("192.0.2.10")))
    assert scene.nodes.take() == [("answer", "tag0", tag)]


def test_prack_may_offer_anew() -> None:
    scene = Scene()
    scene.invite()
    tag = scene.request.get("From").partition("tag=")[2]
    scene.answer(183, sdp("192.0.2.11"))
    scene.nodes.take()
    prack = scene.in_dialog("PRACK", sdp("192.0.2.10", 7000))
    assert relayed(prack)
    assert prack is not None
    (back,) = scene.stage.receive(described(response_to(prack, 200), sdp("192.0.2.11", 7000)), CALLEE)
    assert relayed(back.message)
    assert scene.nodes.take() == [("offer", tag, "tag0"), ("answer", tag, "tag0")]


def test_a_failed_call_needs_its_ports_no_more() -> None:
    scene = Scene()
    scene.invite()
    scene.answer(486)
    scene.stage.receive(ack_of(scene.request, scene.last))
    assert scene.nodes.deleted == [
        (scene.request.call_id, scene.request.get("From").partition("tag=")[2], None)
    ]


def test_a_cancelled_call_neither() -> None:
    scene = Scene()
    scene.invite()
    scene.answer(180)
    scene.stage.receive(cancel_of(scene.request))
    assert scene.nodes.deleted == []
    scene.answer(487)
    assert len(scene.nodes.deleted) == 1


def test_a_call_that_is_cancelled_while_rtpengine_is_asked_never_begins() -> None:
    scene = Scene()
    challenged = scene.stage.request(
        "INVITE", body=sdp("192.0.2.10"), headers=(("Content-Type", "application/sdp"),)
    )
    (challenge,) = scene.stage.receive(challenged)
    again = scene.stage.answered(challenged, challenge.message)
    scene.nodes.waiting = lambda: scene.stage.receive(cancel_of(again)) and None
    sent = scene.stage.receive(again)
    assert [each.message.status for each in sent if each.message.method == "INVITE"] == [487]
    assert len(scene.nodes.deleted) == 1


def test_a_call_that_is_cancelled_while_its_answer_is_rewritten_is_answered_all_the_same() -> None:
    scene = Scene()
    scene.invite()
    scene.answer(180)
    scene.nodes.waiting = lambda: scene.stage.receive(cancel_of(scene.request)) and None
    assert relayed(scene.answer(200, sdp("192.0.2.11")))
    assert scene.nodes.deleted == []


def test_a_part_of_a_body_is_rewritten_and_the_others_stay() -> None:
    scene = Scene()
    whole = (
        b"--x\r\nContent-Type: application/sdp\r\n\r\n"
        + sdp("192.0.2.10")
        + b"\r\n--x\r\n\r\nother\r\n--x--\r\n"
    )
    request = scene.stage.request(
        "INVITE", body=whole, headers=(("Content-Type", "multipart/mixed;boundary=x"),)
    )
    _, sent = scene.stage.let_in(request)
    copy = sent[0].message
    assert copy.body == whole.replace(sdp("192.0.2.10"), b"a=rtpengine:x\r\nrelayed offer 1\r\n")
    assert relayed(copy)


# -- which calls ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["never", "nated"])
def test_descriptions_of_calls_that_are_not_relayed_stay_byte_for_byte(mode: str) -> None:
    scene = Scene(mode)
    odd = b"v=0 \n" + sdp("192.0.2.10") + b"\r\nx\xff"
    scene.invite(odd)
    assert scene.copies[0].body == odd
    assert "flags" not in scene.copies[0].get("Record-Route")
    assert scene.answer(200, odd).body == odd
    again = scene.in_dialog("INVITE", odd)
    assert again is not None
    assert again.body == odd
    assert scene.in_dialog("BYE") is not None
    assert scene.nodes.asked == []
    assert scene.nodes.deleted == []


def test_a_caller_behind_a_nat_is_relayed_and_his_private_address_not_believed() -> None:
    scene = Scene("nated")
    scene.invite(sdp("192.168.1.5"), Hop("udp", "203.0.113.7", 40000), source="192.168.1.5")
    assert relayed(scene.copies[0])
    (asked,) = scene.nodes.asked
    assert asked[1].data == sdp("203.0.113.7")
    assert scene.nodes.take()
    assert relayed(scene.answer(200, sdp("192.0.2.11")))
    assert scene.nodes.asked[0][1].data == sdp("192.0.2.11")
    assert relayed(scene.in_dialog("INVITE", sdp("192.0.2.11"), backwards=True))


def test_a_callee_behind_a_nat_is_relayed_too() -> None:
    far = Hop("udp", "203.0.113.8", 40001)
    scene = Scene("nated", contacts=("sip:11@10.0.0.9",), bound={"hop": far, "cflags": NATED})
    scene.invite()
    assert relayed(scene.copies[0])
    scene.nodes.take()
    assert relayed(scene.answer(200, sdp("10.0.0.9"), 0, far))
    assert scene.nodes.asked[0][1].data == sdp("203.0.113.8")


def test_only_its_description_may_tell_that_a_phone_is_behind_a_nat() -> None:
    scene = Scene("nated")
    scene.invite(sdp("10.1.1.1"))
    assert relayed(scene.copies[0])
    assert scene.nodes.asked[0][1].data == sdp(CALLER.host)


def test_in_a_private_network_private_addresses_are_believed() -> None:
    scene = Scene("always")
    scene.invite(sdp("192.168.2.2"), Hop("udp", "192.168.1.1", 5060), source="192.168.1.1")
    assert scene.nodes.asked[0][1].data == sdp("192.168.2.2")


@pytest.mark.parametrize("source", ["203.0.113.7", "192.168.1.1"])
@pytest.mark.parametrize(
    "claimed", ["127.0.0.1", "127.8.8.8", "0.1.2.3", "224.0.1.75", "255.255.255.255", "240.0.0.1"]
)
def test_nobody_has_it_send_to_this_machine_or_to_everybody(source: str, claimed: str) -> None:
    scene = Scene()
    body = sdp(claimed) + f"a=rtcp:2223 IN IP4 {claimed}\r\n".encode()
    scene.invite(body, Hop("udp", source, 5060), source=source)
    assert scene.nodes.asked[0][1].data == body.replace(claimed.encode(), source.encode())


def test_an_address_of_the_other_family_is_none() -> None:
    scene = Scene()
    body = b"v=0\r\no=- 1 1 IN IP6 ::1\r\nc=IN IP6 ::ffff:127.0.0.1\r\nm=audio 4000 RTP/AVP 8\r\n"
    scene.invite(body)
    assert scene.nodes.asked[0][1].data == body.replace(b"::ffff:127.0.0.1", b"::").replace(b"::1", b"::")


def test_a_call_may_be_held_in_the_old_way() -> None:
    scene = Scene()
    scene.invite()
    scene.answer(200, sdp("192.0.2.11"))
    scene.nodes.take()
    scene.in_dialog("INVITE", sdp("0.0.0.0"))
    assert scene.nodes.asked[0][1].data == sdp("0.0.0.0")


@pytest.mark.parametrize("method", ["MESSAGE", "OPTIONS", "SUBSCRIBE"])
def test_only_calls_are(method: str) -> None:
    scene = Scene()
    request = scene.stage.request(
        method, body=sdp("192.0.2.10"), headers=(("Content-Type", "application/sdp"),)
    )
    _, sent = scene.stage.let_in(request)
    assert sent[0].message.body == sdp("192.0.2.10")
    assert scene.nodes.asked == []


def test_two_interfaces_are_chosen_by_who_speaks_and_who_listens() -> None:
    scene = Scene(inside_networks=("192.0.2.10/32",), interfaces=("lan", "wan"))
    scene.invite()
    assert scene.nodes.asked[0][1].interfaces == ("lan", "wan")
    scene.answer(200, sdp("192.0.2.11"))
    scene.nodes.take()
    scene.in_dialog("INVITE", sdp("192.0.2.11"), backwards=True)
    assert scene.nodes.asked[0][1].interfaces == ("wan", "lan")


def test_what_is_sent_to_ourselves_first_is_relayed_when_it_comes_back() -> None:
    scene = Scene(sip={"self_loop": ("INVITE",)})
    request = scene.stage.request(
        "INVITE", body=sdp("192.0.2.10"), headers=(("Content-Type", "application/sdp"),)
    )
    (looped,) = [each for each in scene.stage.receive(request) if each.message.is_request]
    assert looped.message.body == sdp("192.0.2.10")
    assert scene.nodes.asked == []


# -- without rtpengine ---------------------------------------------------------------------------------------


def test_a_call_that_cannot_be_relayed_is_refused() -> None:
    scene = Scene()
    scene.nodes.away = True
    (refusal,) = [each.message for each in scene.invite() if each.message.status != 100]
    assert (refusal.status, refusal.get("Retry-After")) == (503, "5")
    assert scene.stage.metrics.media_unrelayed["refused"] == 1


def test_or_it_passes_and_all_of_it_is_left_alone() -> None:
    scene = Scene(when_away="pass")
    scene.nodes.away = True
    scene.invite()
    assert scene.copies[0].body == sdp("192.0.2.10")
    assert scene.stage.metrics.media_unrelayed["passed"] == 1
    scene.nodes.away = False
    scene.nodes.take()
    assert scene.answer(200, sdp("192.0.2.11")).body == sdp("192.0.2.11")
    assert not relayed(scene.in_dialog("INVITE", sdp("192.0.2.10", 7000)))
    scene.in_dialog("BYE")
    assert (scene.nodes.take(), scene.nodes.deleted) == ([], [])


def test_an_answer_passes_when_rtpengine_has_gone_meanwhile() -> None:
    scene = Scene()
    scene.invite()
    scene.nodes.away = True
    assert scene.answer(200, sdp("192.0.2.11")).body == sdp("192.0.2.11")
    assert scene.stage.metrics.media_unrelayed["passed"] == 1
    assert scene.in_dialog("ACK", sdp("192.0.2.10"), cseq=1) is not None
    assert scene.in_dialog("INVITE", sdp("192.0.2.10", 7000)) is None
    assert [each.message.status for each in scene.sent] == [503]
    assert scene.in_dialog("BYE") is not None
    assert len(scene.nodes.deleted) == 1


# -- over a restart ------------------------------------------------------------------------------------------


def test_a_call_that_rings_over_a_restart_in_order_is_relayed() -> None:
    scene = Scene()
    scene.invite()
    scene.answer(180)
    scene.stage.restarted_in_order(1.0)
    scene.nodes.take()
    assert relayed(scene.answer(200, sdp("192.0.2.11")))
    assert len(scene.nodes.take()) == 1


def test_a_change_that_is_under_way_at_a_restart_is_relayed() -> None:
    scene = Scene()
    scene.invite()
    scene.answer(200, sdp("192.0.2.11"))
    again = scene.in_dialog("INVITE", sdp("192.0.2.10", 7000))
    assert again is not None
    scene.stage.restarted_in_order(1.0)
    (back,) = scene.stage.receive(described(response_to(again, 200), sdp("192.0.2.11", 7000)), CALLEE)
    assert relayed(back.message)


def test_a_call_that_rings_over_a_kill_is_relayed() -> None:
    scene = Scene()
    scene.invite()
    scene.answer(180)
    scene.stage.restarted()
    scene.nodes.take()
    assert relayed(scene.answer(200, sdp("192.0.2.11")))
    scene.nodes.away = True
    scene.stage.restarted()
    assert scene.answer(200, sdp("192.0.2.11", 6000)).body == sdp("192.0.2.11", 6000)


def test_when_every_greenlet_waits_a_response_that_may_have_to_wait_gets_one_of_its_own() -> None:
    scene = Scene()
    scene.invite()
    answer = described(response_to(scene.copies[0], 200), sdp("192.0.2.11"))
    scene.nodes.take()
    scene.stage.core.admission.refuse_overload(answer.encode(), CALLEE)
    assert scene.nodes.take() == []
    ((function, arguments),) = scene.stage.deferred
    function(*arguments)
    assert len(scene.nodes.take()) == 1


class TestForwarded:
    """The callee is busy, and has his calls forwarded then."""

    def forwarded(self, mode: str, *, away: bool = False, **bound: object) -> tuple[Scene, list[Sent]]:
        scene = Scene(mode)
        scene.stage.wishes["11@example.org"] = Preferences(busy="12")
        scene.stage.bind("12", "sip:12@192.0.2.12", **bound)
        scene.invite()
        scene.nodes.away = away
        return scene, scene.stage.receive(response_to(scene.copies[0], 486), CALLEE)

    def test_what_is_relayed_is_asked_for_once(self) -> None:
        scene, sent = self.forwarded("always")
        (copy,) = [each.message for each in sent if each.hop.host == OTHER.host]
        assert copy.body == scene.copies[0].body
        assert [command for command, *_ in scene.nodes.take()] == ["offer"]
        scene.copies.append(copy)
        assert scene.answer(200, sdp("192.0.2.12"), 1, OTHER).body.startswith(b"a=rtpengine")

    def test_what_was_not_may_be_for_the_other_one(self) -> None:
        scene, sent = self.forwarded("nated", hop=OTHER, cflags=NATED)
        (copy,) = [each.message for each in sent if each.hop.host == OTHER.host]
        assert not scene.copies[0].body.startswith(b"a=rtpengine")
        assert copy.body.startswith(b"a=rtpengine")

    def test_when_nobody_can_the_caller_is_told(self) -> None:
        scene, sent = self.forwarded("nated", away=True, hop=OTHER, cflags=NATED)
        assert not [each for each in sent if each.hop.host == OTHER.host]
        assert [each.message.status for each in sent if each.message.status] == [503]
        assert scene.stage.metrics.snapshot()["sipbox_calls_active"] == [([], 0)]
