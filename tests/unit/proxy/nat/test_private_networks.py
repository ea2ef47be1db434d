"""Nothing is sent on into private networks, where that is asked for; whatever leads there."""

from __future__ import annotations

import pytest

from appliance.sip.hop import Hop
from tests.unit.proxy.stage import DOMAIN, Sent, Stage


def guarded(send_to_private: bool = False) -> Stage:
    stage = Stage(sip={"send_to_private": send_to_private})
    stage.add_user("10")
    return stage


def outcome(sent: list[Sent]) -> tuple[list[str], list[int]]:
    """Where copies went, and the final statuses that came back."""
    return (
        [each.hop.host for each in sent if each.message.is_request],
        [each.message.status for each in sent if each.message.status >= 200],
    )


@pytest.mark.parametrize("address", ["10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.1.1"])
def test_a_contact_that_says_a_private_address(address: str) -> None:
    stage = guarded()
    stage.bind("11", f"sip:11@{address}")
    assert outcome(stage.let_in(stage.request("INVITE"))[1]) == ([], [403])
    assert stage.metrics.messages_rejected["acl"] == 1


def test_a_name_that_has_a_private_address() -> None:
    stage = guarded()
    stage.hosts["inside.example.net"] = ["10.0.0.5"]
    invite = stage.request("INVITE", "sip:x@inside.example.net")
    assert outcome(stage.let_in(invite)[1]) == ([], [403])


def test_a_request_uri_a_tcp_contact_and_an_ipv6_address() -> None:
    stage = guarded()
    for uri in ("sip:x@10.0.0.5", "sip:x@10.0.0.5;transport=tcp", "sip:x@[fd00::1]"):
        copies, statuses = outcome(stage.let_in(stage.request("INVITE", uri))[1])
        assert copies == []
        assert len(statuses) == 1
        assert statuses[0] in (403, 404)


def test_a_phone_behind_a_nat_is_called_at_its_flow() -> None:
    stage = guarded()
    stage.bind("11", "sip:11@192.168.1.7", hop=Hop("udp", "203.0.113.7", 40000))
    assert outcome(stage.let_in(stage.request("INVITE"))[1]) == (["203.0.113.7"], [])


def test_replies_go_back_where_their_request_came_from() -> None:
    stage = guarded()
    (challenge,) = stage.receive(stage.request("INVITE", source="10.0.0.9"), Hop("udp", "10.0.0.9", 5060))
    assert (challenge.message.status, challenge.hop.host) == (407, "10.0.0.9")


def test_an_office_is_all_private_and_nothing_is_in_its_way() -> None:
    stage = guarded(send_to_private=True)
    stage.bind("11", "sip:11@192.168.1.7")
    assert outcome(stage.let_in(stage.request("INVITE"))[1]) == (["192.168.1.7"], [])
    assert DOMAIN in stage.settings.sip.domains
