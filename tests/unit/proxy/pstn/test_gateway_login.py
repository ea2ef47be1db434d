"""Gateways that ask for a password: they get ours, and our users never hear of it."""

from __future__ import annotations

import pytest

from appliance.auth.digest import Credentials, challenge, ha1, verify
from appliance.config.gateway_logins import GatewayLogin
from tests.harness.message import Message, parameter
from tests.unit.proxy.stage import Sent, Stage, cancel_of, response_to
from tests.unit.proxy.telephone_network import (
    FIRST,
    GATEWAY,
    PHONE,
    SECOND,
    answer,
    dial,
    from_gateway,
    stage_with_gateways,
    to,
)

REALM = "sip.carrier.example"


@pytest.fixture
def stage() -> Stage:
    stage = stage_with_gateways()
    stage.gateway_logins[REALM] = GatewayLogin("us", "trunk-password")
    stage.restarted()
    return stage


def challenged(stage: Stage, request: Message, status: int = 407, realm: str = REALM) -> list[Sent]:
    name = "Proxy-Authenticate" if status == 407 else "WWW-Authenticate"
    header = (name, challenge(realm, "n0nce", qop=True))
    return stage.receive(response_to(request, status, tag="gwtag", headers=[header]), GATEWAY)


def proves(request: Message, status: int = 407) -> bool:
    value = request.get("Proxy-Authorization" if status == 407 else "Authorization")
    given = Credentials.parse(value)
    assert given.uri == request.uri
    return verify(given, request.method, ha1("us", REALM, "trunk-password"))


def told(sent: list[Sent]) -> list[int]:
    return [each.message.status for each in sent if each.message.status >= 200]


@pytest.mark.parametrize("status", [401, 407])
def test_the_call_goes_again_with_our_password(stage: Stage, status: int) -> None:
    _, sent = dial(stage, "0891234")
    (first,) = to(sent, FIRST)
    sent = challenged(stage, first, status)
    ack, again = to(sent, FIRST)
    assert (ack.method, again.method, told(sent)) == ("ACK", "INVITE", [])
    assert proves(again, status)
    assert again.get("CSeq") == first.get("CSeq")
    assert parameter(again.get("Via"), "branch") != parameter(first.get("Via"), "branch")
    sent = answer(stage, again, 200)
    assert told(sent) == [200]
    # The same in the call.
    routes = [("Route", route) for route in sent[0].message.all("Record-Route")]
    bye = stage.request(
        "BYE", f"sip:gw@{FIRST}", call_id=first.call_id, to_tag="gwtag", cseq=9, headers=routes
    )
    (sent_bye,) = to(stage.receive(bye.with_header("From", first.get("From"))), FIRST)
    sent = challenged(stage, sent_bye)
    (again,) = to(sent, FIRST)
    assert proves(again)
    assert told(answer(stage, again, 200)) == [200]


def test_a_password_that_is_wrong_is_said_once(stage: Stage) -> None:
    _, sent = dial(stage, "0891234")
    (first,) = to(sent, FIRST)
    again = to(challenged(stage, first), FIRST)[-1]
    sent = challenged(stage, again)
    assert [message.method for message in to(sent, FIRST)] == ["ACK"]
    assert [message.method for message in to(sent, SECOND)] == ["INVITE"]  # the next one has its turn
    assert not to(sent, SECOND)[0].has("Proxy-Authorization")
    assert told(sent) == []


def test_no_challenge_of_a_gateway_gets_to_a_phone(stage: Stage) -> None:
    _, sent = dial(stage, "0891234")
    sent = challenged(stage, to(sent, FIRST)[0], realm="somebody.example")
    (second,) = to(sent, SECOND)
    header = ("Proxy-Authenticate", challenge("example.org", "n", qop=True))
    sent = stage.receive(response_to(second, 407, headers=[header]), GATEWAY._replace(host=SECOND))
    assert told(sent) == [403]
    assert not sent[-1].message.has("Proxy-Authenticate")


def test_also_not_when_the_process_was_killed_meanwhile(stage: Stage) -> None:
    _, sent = dial(stage, "0891234")
    (first,) = to(sent, FIRST)
    stage.restarted()
    assert challenged(stage, first) == []
    assert told(answer(stage, first, 486)) == [486]


def test_also_in_a_call_that_the_gateway_began(stage: Stage) -> None:
    stage.bind("11", "sip:11@192.0.2.11")
    (invite,) = to(from_gateway(stage, call_id="c"), PHONE.host)
    answer(stage, invite, 200, PHONE)
    routes = [("Route", route) for route in invite.all("Record-Route")]
    tag = parameter(invite.get("From"), "tag")
    bye = stage.request(
        "BYE", f"sip:+49@{FIRST}", caller="sip:11@example.org", call_id="c", to_tag=tag, headers=routes
    )
    (sent_bye,) = to(stage.receive(bye, PHONE), FIRST)
    assert told(challenged(stage, sent_bye, realm="somebody.example")) == [403]


def test_a_phone_that_challenges_is_told_no_password(stage: Stage) -> None:
    """Neither the gateway's, nor the caller's (``test_challenges``)."""
    stage.bind("11", "sip:11@192.0.2.11")
    _, sent = stage.let_in(stage.request("INVITE"))
    (invite,) = to(sent, PHONE.host)
    header = ("Proxy-Authenticate", challenge(REALM, "n", qop=True))
    assert told(stage.receive(response_to(invite, 407, headers=[header]), PHONE)) == [403]


def test_a_caller_who_has_given_up_meanwhile(stage: Stage) -> None:
    invite, sent = dial(stage, "0891234")
    (first,) = to(sent, FIRST)
    answer(stage, first, 100)
    stage.receive(cancel_of(invite))
    sent = challenged(stage, first)
    assert [message.method for message in to(sent, FIRST)] == ["ACK"]
    assert told(sent) == [487]


def test_and_one_who_gives_up_after_it(stage: Stage) -> None:
    invite, sent = dial(stage, "0891234")
    again = to(challenged(stage, to(sent, FIRST)[0]), FIRST)[-1]
    answer(stage, again, 180)
    sent = stage.receive(cancel_of(invite))
    (cancel,) = to(sent, FIRST)
    assert (cancel.method, cancel.get("Via")) == ("CANCEL", again.all("Via")[0])
    assert told(answer(stage, again, 487)) == [487]
