"""A call that comes to one node, for a phone whose flow another node has."""

from __future__ import annotations

import pytest

from appliance.registrar.binding import NATED, Binding
from appliance.sip.hop import Hop
from tests.harness.message import Message
from tests.unit.proxy.stage import PROXY, Stage, response_to

KEY = b"n" * 32
CALLER_NODE = "192.0.2.2"
FLOW = Hop("udp", "198.51.100.7", 40000, 0)
CONTACT = "sip:11@10.0.0.5"
RUID = f"11{CONTACT}"
FROM_NODE = Hop("udp", CALLER_NODE, 5060, 0)


@pytest.fixture
def owner() -> Stage:
    """The node that the phone behind a NAT is registered at."""
    stage = Stage(neighbour_key=KEY)
    stage.bind("11", CONTACT, hop=FLOW, cflags=NATED, socket=f"udp:{PROXY}:5060")
    return stage


@pytest.fixture
def other() -> Stage:
    """The node that is called."""
    stage = Stage(neighbour_key=KEY)
    stage.listeners = (("udp", CALLER_NODE, 5060), ("tcp", CALLER_NODE, 5060))
    stage.restarted()
    stage.add_user("10")
    stage.bind("11", CONTACT, path=f"<sip:{PROXY}:5060;lr;nb=abc>", socket=f"udp:{PROXY}:5060")
    return stage


def called(other: Stage) -> Message:
    """The INVITE as it leaves for the owner."""
    _, sent = other.let_in(other.request("INVITE"))
    (invite,) = [each for each in sent if each.message.is_request]
    assert (invite.hop.host, invite.hop.port) == (PROXY, 5060)
    return invite.message


def test_the_call_goes_through_the_owner(owner: Stage, other: Stage) -> None:
    owner.core.locations.put(_named(owner, "abc"))
    invite = called(other)
    assert ";sig=" in invite.get("Route")
    sent = owner.receive(invite, FROM_NODE)
    (forwarded,) = [each for each in sent if each.message.is_request]
    assert forwarded.hop[:3] == FLOW[:3]
    assert forwarded.message.uri == CONTACT
    assert not forwarded.message.all("Route")
    assert len(forwarded.message.all("Record-Route")) == 2, "both nodes stay in the call"
    back = owner.receive(response_to(forwarded.message, 200, headers=[("Contact", f"<{CONTACT}>")]), FLOW)
    (ok,) = [each for each in back if each.message.status == 200]
    assert ok.hop[:3] == ("udp", CALLER_NODE, 5060)


def test_a_binding_that_is_gone_is_480(owner: Stage, other: Stage) -> None:
    (*_, answer) = owner.receive(called(other), FROM_NODE)
    assert answer.message.status == 480


def test_without_the_signature_nobody_passes(owner: Stage, other: Stage) -> None:
    owner.core.locations.put(_named(owner, "abc"))
    invite = called(other)
    forged = invite.with_header("Route", f"<sip:{PROXY}:5060;lr;nb=abc;at=6b49d200;sig={'0' * 32}>")
    (answer,) = owner.receive(forged, FROM_NODE)
    assert answer.message.status == 407
    moved = invite.with_header("Call-ID", "another")
    (answer,) = owner.receive(moved, FROM_NODE)
    assert answer.message.status == 407


def test_where_there_are_no_neighbours_nobody_is_believed(other: Stage) -> None:
    alone = Stage()
    alone.bind("11", CONTACT, hop=FLOW)
    (answer,) = alone.receive(called(other), FROM_NODE)
    assert answer.message.status == 407


def _named(stage: Stage, ruid: str) -> Binding:
    found = stage.core.locations.drop(RUID)
    assert found is not None
    found.ruid = ruid
    return found
