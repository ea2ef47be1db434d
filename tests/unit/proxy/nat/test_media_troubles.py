"""Calls whose sound is to be relayed, without an rtpengine, and over a restart."""

from __future__ import annotations

from tests.unit.proxy.nat.scene import CALLEE, Scene, described, relayed, sdp
from tests.unit.proxy.stage import response_to

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
