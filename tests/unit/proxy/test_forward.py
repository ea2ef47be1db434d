"""Where a request goes to, and what a target that leads nowhere is answered with."""

from __future__ import annotations

import pytest

from appliance.sip.hop import Hop
from tests.unit.proxy.stage import DOMAIN, Sent, Stage, response_to

CONTACTS = ("sip:11@192.0.2.11", "sip:11@192.0.2.12")


@pytest.fixture
def stage() -> Stage:
    stage = Stage()
    stage.add_user("10")
    return stage


def call(stage: Stage, uri: str = f"sip:11@{DOMAIN}", **options: object) -> list[Sent]:
    return stage.let_in(stage.request("INVITE", uri, **options))[1]  # type: ignore[arg-type]


@pytest.mark.parametrize("host", ["999.999.999.999", "192.0.2", "1", "192.0.2.1.", "192.0.2.300"])
def test_what_only_looks_like_an_address_is_looked_up_as_a_name(stage: Stage, host: str) -> None:
    """And never handed to a socket, which would look it up while everybody waits."""
    (reply,) = call(stage, f"sip:bob@{host}")
    assert reply.message.status == 404
    assert stage.lookups == [host]


def test_a_host_without_an_address_of_our_family_is_not_tried(stage: Stage) -> None:
    stage.hosts["six.example"] = ["2001:db8::1"]
    assert call(stage, "sip:bob@six.example")[0].message.status == 404
    stage.hosts["both.example"] = ["2001:db8::1", "203.0.113.7"]
    assert call(stage, "sip:bob@both.example")[0].hop == Hop("udp", "203.0.113.7", 5060)


@pytest.mark.parametrize("uri", ["tel:+4930123456", "sips:bob@elsewhere.example", "urn:service:sos"])
def test_another_scheme_is_refused_as_such(stage: Stage, uri: str) -> None:
    assert call(stage, uri)[0].message.status == 416


@pytest.mark.parametrize(
    "contact", ["sip:11?a@192.0.2.11", "sip:11?a@192.0.2.11?Route=%3Csip:evil.example%3E"]
)
def test_headers_in_a_contact_are_no_headers_of_a_request(stage: Stage, contact: str) -> None:
    """RFC 4475 §3.1.2.11; what stands before the @ is the user's (RFC 3261 §25.1 user-unreserved)."""
    stage.bind("11", contact)
    copy = next(each.message for each in call(stage) if each.message.is_request)
    assert copy.uri == "sip:11?a@192.0.2.11"
    assert not copy.has("Route")


@pytest.mark.parametrize("breadth", ["²", "-1", "9" * 5000, "many"])
def test_a_max_breadth_that_is_no_number_is_none(stage: Stage, breadth: str) -> None:
    stage.bind("11", *CONTACTS)
    copies = [each.message for each in call(stage, headers=[("Max-Breadth", breadth)])]
    assert [copy.get("Max-Breadth") for copy in copies if copy.is_request] == ["30", "30"]


def test_a_slow_name_in_a_path_holds_up_no_other_phone(stage: Stage) -> None:
    """A copy that has to wait for a name goes out after those that need not."""
    stage.bind("11", CONTACTS[1])
    stage.bind("11", CONTACTS[0], path="<sip:edge.example;lr>")
    stage.hosts["edge.example"] = ["192.0.2.99"]
    hosts = [each.hop.host for each in call(stage) if each.message.is_request]
    assert hosts == ["192.0.2.12", "192.0.2.99"]


class TestLostConnection:
    """A phone that registered over TCP, whose connection is gone."""

    gone = Hop("tcp", "192.0.2.11", 40000, 1, 7)

    @pytest.fixture(autouse=True)
    def _lost(self, stage: Stage) -> None:
        stage.unreachable.add(("192.0.2.11", 40000))

    def test_it_is_called_where_it_listens(self, stage: Stage) -> None:
        stage.bind("11", "sip:11@192.0.2.11:5070;transport=tcp", hop=self.gone)
        assert call(stage)[0].hop[:3] == ("tcp", "192.0.2.11", 5070)

    def test_it_is_not_called_over_udp_where_nobody_tells_that_it_is_not_there(self, stage: Stage) -> None:
        stage.bind("11", "sip:11@192.0.2.11", hop=self.gone)
        assert [each.message.status for each in call(stage)] == [100]
        assert stage.advance(4.9) == []
        assert [each.message.status for each in stage.advance(0.3)] == [480]

    def test_a_call_waits_for_it_to_connect_again(self, stage: Stage) -> None:
        stage.bind("11", "sip:11@192.0.2.11", hop=self.gone)
        assert [each.message.status for each in call(stage)] == [100]
        stage.advance(1)
        back = Hop("tcp", "192.0.2.11", 40001, 1, 8)
        stage.bind("11", "sip:11@192.0.2.11", hop=back)
        (sent,) = stage.advance(0.3)
        assert (sent.message.method, sent.hop) == ("INVITE", back)


def test_a_reply_over_tcp_knows_where_its_receiver_listens(stage: Stage) -> None:
    """RFC 3261 §18.2.2, for when the connection is gone."""
    came_by = Hop("tcp", "192.0.2.10", 40000, 1, 7)
    (reply,) = stage.receive(stage.request("INVITE"), came_by)
    assert reply.hop == came_by._replace(sent_by_port=5060)


def test_after_a_restart_a_response_finds_its_receiver_over_tcp(stage: Stage) -> None:
    stage.bind("11", CONTACTS[0])
    over_tcp = stage.request("INVITE", caller="sip:bob@elsewhere.example")
    over_tcp = over_tcp.with_header("Via", "SIP/2.0/TCP 192.0.2.10:5070;branch=z9hG4bKx")
    sent = stage.receive(over_tcp, Hop("tcp", "192.0.2.10", 40000, 1, 7))
    stage.restarted()
    (passed,) = stage.receive(response_to(sent[0].message, 200), Hop("udp", "192.0.2.11", 5060))
    assert passed.hop == Hop("tcp", "192.0.2.10", 5070, 1, sent_by_port=5070)
