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
