"""What rtpengine is asked about a description."""

from __future__ import annotations

from appliance.media.session import Session


def test_an_offer_that_begins_a_call_has_no_answerer() -> None:
    asked = Session("c1", "A", None, b"v=0\r\n").question("offer")
    assert asked["command"] == "offer"
    assert (asked["call-id"], asked["from-tag"], asked["sdp"]) == ("c1", "A", b"v=0\r\n")
    assert "to-tag" not in asked
    assert "direction" not in asked
    assert asked["flags"] == ["loop-protect", "trust-address"]
    assert asked["replace"] == ["origin", "session-connection"]


def test_an_answer_names_both() -> None:
    asked = Session("c1", "A", "B", b"").question("answer")
    assert (asked["command"], asked["from-tag"], asked["to-tag"]) == ("answer", "A", "B")


def test_two_interfaces_are_named_from_and_towards() -> None:
    asked = Session("c1", "A", None, b"", ("inside", "outside")).question("offer")
    assert asked["direction"] == ["inside", "outside"]


class TestBrowsers:
    def test_what_two_browsers_say_stays_encrypted_and_finds_rtpengine_by_ice(self) -> None:
        for command in ("offer", "answer"):
            asked = Session("c1", "A", "B", b"", None, (True, True)).question(command)
            assert asked["ICE"] == "force"
            assert "transport-protocol" not in asked

    def test_what_a_browser_offers_is_made_plain_for_a_desk_phone(self) -> None:
        asked = Session("c1", "A", None, b"", None, (True, False)).question("offer")
        assert (asked["ICE"], asked["transport-protocol"]) == ("remove", "RTP/AVP")
        assert (asked["rtcp-mux"], asked["SDES"]) == (["demux"], ["off"])

    def test_what_a_desk_phone_offers_is_encrypted_for_a_browser(self) -> None:
        asked = Session("c1", "A", None, b"", None, (False, True)).question("offer")
        assert (asked["ICE"], asked["transport-protocol"]) == ("force", "UDP/TLS/RTP/SAVPF")
        assert asked["flags"] == ["loop-protect", "trust-address", "generate-mid"]

    def test_offers_to_several_kinds_at_once_are_told_apart(self) -> None:
        asked = Session("c1", "A", None, b"", None, (False, True), "web").question("offer")
        assert asked["via-branch"] == "web"
        assert "via-branch" not in Session("c1", "A", None, b"").question("offer")

    def test_in_the_answer_rtpengine_knows_what_was_offered(self) -> None:
        to_browser = Session("c1", "A", "B", b"", None, (False, True)).question("answer")
        to_desk = Session("c1", "A", "B", b"", None, (True, False)).question("answer")
        assert (to_browser["ICE"], to_desk["ICE"]) == ("force", "remove")
        assert "transport-protocol" not in to_browser
        assert "transport-protocol" not in to_desk


def test_the_other_family_is_asked_for_in_the_offer_alone() -> None:
    session = Session("c1", "A", "B", b"", family="IP6")
    assert session.question("offer")["address family"] == "IP6"
    assert "address family" not in session.question("answer")
    assert "address family" not in Session("c1", "A", None, b"").question("offer")
