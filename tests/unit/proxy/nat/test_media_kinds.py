"""Phones of several kinds, networks and families that ring together or in turn: what each is offered."""

from __future__ import annotations

import pytest

from appliance.registrar.binding import NATED
from appliance.registrar.preferences import Preferences
from appliance.sip.hop import Hop
from tests.unit.proxy.nat.scene import CALLEE, OTHER, Scene, described, relayed, sdp
from tests.unit.proxy.stage import Sent, response_to


def test_who_speaks_by_websocket_is_a_browser() -> None:
    scene = Scene(bound={"hop": Hop("wss", CALLEE.host, 50_000, 1)})
    scene.invite()
    scene.answer(200, sdp("192.0.2.11"), 0, Hop("wss", CALLEE.host, 50_000, 1))
    assert [(command, session.web) for command, session in scene.nodes.asked] == [
        ("offer", (False, True)),
        ("answer", (True, False)),
    ]
    scene.in_dialog("UPDATE", sdp("192.0.2.11"), backwards=True)
    assert scene.nodes.asked[-1][1].web == (False, False), "this one came by UDP"


def test_a_browser_and_a_desk_phone_that_ring_together_are_offered_what_each_understands() -> None:
    scene = Scene()
    browser = Hop("wss", "192.0.2.12", 50_000, 1)
    scene.stage.bind("11", "sip:11@x.invalid;transport=ws", hop=browser)
    scene.invite()
    assert len(scene.copies) == 2
    assert all(relayed(copy) for copy in scene.copies)
    offers = {session.branch: session.web for _, session in scene.nodes.asked}
    assert sorted(offers.values()) == [(False, False), (False, True)]
    at = [copy.uri for copy in scene.copies].index("sip:11@x.invalid;transport=ws")
    scene.answer(200, sdp("192.0.2.12"), at, browser)
    command, session = scene.nodes.asked[-1]
    assert (command, session.web) == ("answer", (True, False))
    assert offers[session.branch] == (False, True)


@pytest.mark.parametrize("backwards", [False, True])
def test_when_one_kind_has_answered_what_was_offered_to_the_other_goes_with_the_call(backwards: bool) -> None:
    scene = Scene()
    browser = Hop("wss", "192.0.2.12", 50_000, 1)
    scene.stage.bind("11", "sip:11@x.invalid;transport=ws", hop=browser)
    scene.invite()
    at = [copy.uri for copy in scene.copies].index("sip:11@192.0.2.11")
    scene.answer(200, sdp("192.0.2.11"), at)
    scene.in_dialog("BYE", backwards=backwards)
    ((_, _, to_tag),) = scene.nodes.deleted
    assert to_tag is None


def test_two_interfaces_are_chosen_by_who_speaks_and_who_listens() -> None:
    scene = Scene(inside_networks=("192.0.2.10/32",), interfaces=("lan", "wan"))
    scene.invite()
    assert scene.nodes.asked[0][1].interfaces == ("lan", "wan")
    scene.answer(200, sdp("192.0.2.11"))
    scene.nodes.take()
    scene.in_dialog("INVITE", sdp("192.0.2.11"), backwards=True)
    assert scene.nodes.asked[0][1].interfaces == ("wan", "lan")


def test_phones_inside_and_outside_that_ring_together_are_offered_what_each_can_reach() -> None:
    scene = Scene(
        contacts=("sip:11@192.0.2.11", "sip:11@192.0.2.12"),
        inside_networks=("192.0.2.11/32",),
        interfaces=("lan", "wan"),
    )
    scene.invite()
    inside, outside = ([copy.uri for copy in scene.copies].index(f"sip:11@192.0.2.{n}") for n in (11, 12))
    offers = {session.branch: session.interfaces for _, session in scene.nodes.asked}
    assert sorted(offers.values()) == [("wan", "lan"), ("wan", "wan")]  # type: ignore[type-var]
    assert scene.copies[inside].body != scene.copies[outside].body
    scene.answer(200, sdp("192.0.2.12"), outside, OTHER)
    assert offers[scene.nodes.asked[-1][1].branch] == ("wan", "wan")


class TestForwarded:
    """The callee is busy, and has his calls forwarded then."""

    def forwarded(
        self, mode: str, *, away: bool = False, media: dict[str, object] | None = None, **bound: object
    ) -> tuple[Scene, list[Sent]]:
        scene = Scene(mode, **(media or {}))
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

    def test_a_browser_is_offered_what_browsers_understand(self) -> None:
        browser = Hop("wss", OTHER.host, 50_000, 1)
        scene, sent = self.forwarded("always", hop=browser)
        (copy,) = [each.message for each in sent if each.hop.host == OTHER.host]
        assert copy.body != scene.copies[0].body
        offers = [session for command, session in scene.nodes.asked if command == "offer"]
        assert [session.web for session in offers] == [(False, False), (False, True)]
        assert offers[0].data == offers[1].data, "what the caller has said, not what became of it"
        scene.copies.append(copy)
        assert scene.answer(200, sdp("192.0.2.12"), 1, browser).body.startswith(b"a=rtpengine")
        assert scene.nodes.asked[-1][1].branch == offers[1].branch != offers[0].branch

    def test_who_is_outside_is_offered_what_can_be_reached_there(self) -> None:
        media = {"inside_networks": ("192.0.2.11/32",), "interfaces": ("lan", "wan")}
        scene, sent = self.forwarded("always", media=media)
        assert [each.message for each in sent if each.hop.host == OTHER.host]
        assert [session.interfaces for _, session in scene.nodes.asked] == [("wan", "lan"), ("wan", "wan")]

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


class TestFamilies:
    """A phone on IPv6 and one on IPv4 hear each other through rtpengine only."""

    six = Hop("udp", "2001:db8::11", 5060, 0)

    def test_each_is_offered_what_it_speaks(self) -> None:
        scene = Scene("nated", contacts=("sip:11@[2001:db8::11]",))
        scene.invite()
        ((command, session),) = scene.nodes.asked
        assert (command, session.family) == ("offer", "IP6")

    def test_an_offer_in_the_answer_goes_the_other_way(self) -> None:
        scene = Scene("nated", contacts=("sip:11@[2001:db8::11]",))
        (copy,) = [each for each in scene.invite(b"") if each.message.is_request]
        offer = described(response_to(copy.message, 200), sdp("192.0.2.11"))
        scene.stage.receive(offer, self.six)
        ((command, session),) = scene.nodes.asked
        assert (command, session.family) == ("offer", "IP4")

    def test_two_of_one_family_need_nobody_between_them(self) -> None:
        scene = Scene("nated")
        scene.invite()
        assert scene.nodes.asked == []

    def test_phones_of_both_families_ring_together(self) -> None:
        scene = Scene("nated", contacts=("sip:11@192.0.2.11", "sip:11@[2001:db8::11]"))
        scene.invite()
        assert sorted(session.family for _, session in scene.nodes.asked) == ["", "IP6"]
        assert len({session.branch for _, session in scene.nodes.asked}) == 2
