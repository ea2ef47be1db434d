"""Whoever asks one of our phones for a password: who may, and what becomes of it."""

from __future__ import annotations

import pytest

from appliance.sip.hop import Hop
from tests.harness.message import Message
from tests.unit.proxy.forking.test_response_context import CONTACTS, PHONES, Call, statuses
from tests.unit.proxy.stage import DOMAIN, Stage, response_to

ELSEWHERE = "elsewhere.example"
SERVER = Hop("udp", "203.0.113.7", 5060)
FOREIGN = ("Proxy-Authenticate", f'Digest realm="{ELSEWHERE}", nonce="1"')
OURS = ("Proxy-Authenticate", f'Digest realm="{DOMAIN}", nonce="2"')


def abroad(status: int, *challenges: tuple[str, str], method: str = "INVITE") -> list[Message]:
    """What the caller hears when a server elsewhere answers with these challenges."""
    stage = Stage()
    stage.add_user("10")
    stage.hosts[ELSEWHERE] = [SERVER.host]
    _, sent = stage.let_in(stage.request(method, f"sip:bob@{ELSEWHERE}"))
    copy = next(each.message for each in sent if each.message.method == method)
    sent = stage.receive(response_to(copy, status, tag="b", headers=list(challenges)), SERVER)
    return [each.message for each in sent if not each.message.is_request]


@pytest.mark.parametrize("status", [401, 407])
def test_a_registered_phone_asks_nobody_for_a_password(status: int) -> None:
    call = Call(CONTACTS[0])
    sent = call.answer(PHONES[0], status, headers=[OURS])
    assert statuses(sent) == [403]
    assert "nonce" not in str(sent[-1].message)
    # What the phone has sent is acknowledged all the same.
    assert any(each.message.method == "ACK" and each.hop == PHONES[0] for each in sent)


def test_not_even_for_a_realm_elsewhere() -> None:
    call = Call(CONTACTS[0])
    assert statuses(call.answer(PHONES[0], 407, headers=[FOREIGN])) == [403]


def test_another_phone_of_the_user_may_still_answer() -> None:
    call = Call(*CONTACTS[:2])
    assert statuses(call.answer(PHONES[0], 407, headers=[OURS])) == []
    assert statuses(call.answer(PHONES[1], 200)) == [200]


def test_what_another_phone_says_counts_for_more() -> None:
    call = Call(*CONTACTS[:2])
    call.answer(PHONES[0], 407, headers=[OURS])
    assert statuses(call.answer(PHONES[1], 486)) == [486]


@pytest.mark.parametrize("method", ["INVITE", "MESSAGE"])
def test_a_server_elsewhere_may_ask_for_its_own_password(method: str) -> None:
    second = ("Proxy-Authenticate", f'Digest realm="{ELSEWHERE}", nonce="1", algorithm=SHA-256')
    (reply,) = abroad(407, second, FOREIGN, method=method)
    assert reply.status == 407
    assert reply.all("Proxy-Authenticate") == [second[1], FOREIGN[1]]


@pytest.mark.parametrize("name", ["Proxy-Authenticate", "WWW-Authenticate"])
@pytest.mark.parametrize(
    "challenge", [OURS[1], OURS[1].upper().replace(DOMAIN.upper(), DOMAIN), 'Digest realm="']
)
def test_but_not_for_a_password_of_ours(name: str, challenge: str) -> None:
    (reply,) = abroad(407, FOREIGN, (name, challenge))
    assert reply.status == 403
    assert not reply.all("Proxy-Authenticate")


def test_nor_does_a_phone_within_a_call() -> None:
    stage = Stage()
    stage.add_user("10")
    stage.bind("11", CONTACTS[0])
    _, sent = stage.let_in(stage.request("INVITE", call_id="call"))
    copy = next(each.message for each in sent if each.message.method == "INVITE")
    (answered,) = stage.receive(response_to(copy, 200, tag="b"), PHONES[0])
    routes = [("Route", route) for route in answered.message.all("Record-Route")]
    again = stage.request(
        "INVITE", CONTACTS[0], to=f"sip:11@{DOMAIN}", to_tag="b", call_id="call", cseq=9, headers=routes
    )
    copy = next(each.message for each in stage.receive(again) if each.message.method == "INVITE")
    sent = stage.receive(response_to(copy, 407, headers=[OURS]), PHONES[0])
    assert statuses(sent) == [403]


@pytest.mark.parametrize(
    ("realm", "to", "passed"),
    [
        (ELSEWHERE, ELSEWHERE, 407),
        (DOMAIN, ELSEWHERE, 403),
        (ELSEWHERE, DOMAIN, 403),
    ],
)
def test_the_same_when_the_call_is_no_longer_known(realm: str, to: str, passed: int) -> None:
    stage = Stage()
    stage.add_user("10")
    stage.hosts[ELSEWHERE] = [SERVER.host]
    stage.bind("11", f"sip:11@{SERVER.host}")
    _, sent = stage.let_in(stage.request("INVITE", f"sip:11@{to}"))
    copy = next(each.message for each in sent if each.message.method == "INVITE")
    stage.restarted()
    headers = [("Proxy-Authenticate", f'Digest realm="{realm}", nonce="1"')]
    (reply,) = stage.receive(response_to(copy, 407, tag="b", headers=headers), SERVER)
    assert reply.message.status == passed
    assert reply.message.has("Proxy-Authenticate") == (passed == 407)
