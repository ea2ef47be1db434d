"""Which calls are relayed by rtpengine, what it is asked and when, and what happens without it."""

from __future__ import annotations

import pytest

from appliance.registrar.binding import NATED
from appliance.sip.hop import Hop
from tests.unit.proxy.nat.scene import CALLEE, CALLER, OTHER, Scene, described, relayed, sdp
from tests.unit.proxy.stage import ack_of, cancel_of, response_to

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


def test_what_is_sent_to_ourselves_first_is_relayed_when_it_comes_back() -> None:
    scene = Scene(sip={"self_loop": ("INVITE",)})
    request = scene.stage.request(
        "INVITE", body=sdp("192.0.2.10"), headers=(("Content-Type", "application/sdp"),)
    )
    (looped,) = [each for each in scene.stage.receive(request) if each.message.is_request]
    assert looped.message.body == sdp("192.0.2.10")
    assert scene.nodes.asked == []
