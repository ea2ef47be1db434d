"""The tutorial of 2007, chapters 5 to 7: a call is let in by its password, its name and its target.

What both phones see is looked at message by message: statuses, Vias, branches, Call-ID, tags, credentials.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.harness.document import BudgeTone, DocumentBox
from tests.harness.phone import SDP, hang_up

pytestmark = pytest.mark.mariadb

CHALLENGE_2007 = r'Digest realm="127\.0\.0\.1", nonce="[^"]{16,}"'
CHALLENGE_TODAY = CHALLENGE_2007 + r', qop="auth"'

Pair = tuple[BudgeTone, BudgeTone]


def registered(box: DocumentBox) -> Iterator[Pair]:
    with box.budge_tone("10") as ten, box.budge_tone("11") as eleven:
        for phone in (ten, eleven):
            assert phone.exchange(phone.registration())[-1][1].status == 200
            phone.history.clear()
            phone.unread.clear()
        yield ten, eleven


@pytest.fixture
def phones(document: DocumentBox) -> Iterator[Pair]:
    yield from registered(document)


@pytest.fixture
def modern_phones(modern: DocumentBox) -> Iterator[Pair]:
    yield from registered(modern)


def answered_call(ten: BudgeTone, eleven: BudgeTone, *, trying: str, challenge: str) -> None:
    """10 calls 11, who answers; then 11 hangs up. Each message is looked at on its way."""
    first = ten.request("INVITE", "sip:11@127.0.0.1", body=SDP)
    ten.send(first)
    challenged = ten.final(first)
    assert (challenged.status, challenged.reason) == (407, "Proxy Authentication Required")
    assert re.fullmatch(challenge, challenged.get("Proxy-Authenticate"))
    assert not challenged.has("WWW-Authenticate")
    assert challenged.all("Via") == first.all("Via")
    assert challenged.tag("To") and challenged.tag("From") == first.tag("From")
    ack = ten.ack(first, challenged)
    assert ack.branches == first.branches
    ten.send(ack)

    second = ten.authorized(first, challenged)
    assert second.branches != first.branches, "a new transaction"
    assert second.call_id == first.call_id
    ten.send(second)

    # What the callee sees: the proxy's Via on top of the caller's, another branch for another transaction,
    # the contact as Request-URI, and no credentials.
    incoming = eleven.expect("INVITE")
    assert incoming.uri == eleven.contact
    assert len(incoming.all("Via")) == 2
    assert incoming.all("Via")[0].startswith(f"SIP/2.0/UDP 127.0.0.1:{ten.proxy[1]};branch=z9hG4bK")
    assert incoming.all("Via")[1] == second.all("Via")[0]
    assert incoming.branches[0] != incoming.branches[1]
    assert incoming.call_id == first.call_id
    assert incoming.tag("From") == first.tag("From") and incoming.tag("To") is None
    assert not incoming.has("Proxy-Authorization") and not incoming.has("Authorization")
    assert incoming.get("Max-Forwards") == "69"
    assert len(incoming.all("Record-Route")) == 1 and ";lr=on;" in incoming.get("Record-Route")
    assert incoming.body == SDP
    eleven.silent(0.05)  # neither the first INVITE nor the ACK of its refusal went on

    hundred = ten.expect(100)
    assert hundred.reason == trying
    assert hundred.all("Via") == second.all("Via") and hundred.tag("To") is None

    eleven.reply(incoming, 100, "Trying")
    eleven.reply(incoming, 180, "Ringing")
    ringing = ten.expect(180)
    assert ringing.all("Via") == second.all("Via"), "the proxy took its own Via off"
    answer = eleven.reply(incoming, 200, "OK", body=SDP)
    ok = ten.final(second)
    assert ok.status == 200 and ok.all("Via") == second.all("Via")
    assert ok.tag("To") == ringing.tag("To") and ok.body == SDP

    # The path of the signalling: ACK and BYE pass the proxy, because it recorded its route.
    dialog = ten.dialog_as_caller(second, ok)
    sent = ten.within(dialog, "ACK")
    ten.send(sent)
    arrived = eleven.expect("ACK")
    assert not arrived.has("Route") and arrived.uri == eleven.contact
    assert arrived.all("Via")[1:] == sent.all("Via")
    hang_up(eleven, ten, eleven.dialog_as_callee(incoming, answer))
    statuses = [message.status for message in ten.received() if not message.is_request]
    assert statuses == [407, 100, 180, 200]


def test_a_call(phones: Pair) -> None:
    answered_call(*phones, trying="Giving a try", challenge=CHALLENGE_2007)


def test_a_call_today(modern_phones: Pair) -> None:
    answered_call(*modern_phones, trying="Trying", challenge=CHALLENGE_TODAY)


def test_a_wrong_password(phones: Pair) -> None:
    """Chapter 5.1: three requests, two wrong responses; the challenge stays the same."""
    ten, eleven = phones
    eleven.password = "not abc11"
    attempts = eleven.exchange(eleven.request("INVITE", "sip:10@127.0.0.1", body=SDP))
    assert [response.status for _, response in attempts] == [407, 407, 407]
    requests = [request for request, _ in attempts]
    assert [request.has("Proxy-Authorization") for request in requests] == [False, True, True]
    assert len({request.branches[0] for request in requests}) == 3
    assert {message.call_id for pair in attempts for message in pair} == {requests[0].call_id}
    assert {message.tag("From") for pair in attempts for message in pair} == {requests[0].tag("From")}
    assert len({response.get("Proxy-Authenticate") for _, response in attempts}) == 1
    ten.silent(0.1)


def test_a_wrong_password_today(modern_phones: Pair) -> None:
    """The same three requests; each challenge is a new one, and none says that only its nonce was old."""
    ten, eleven = modern_phones
    eleven.password = "not abc11"
    attempts = eleven.exchange(eleven.request("INVITE", "sip:10@127.0.0.1", body=SDP))
    assert [response.status for _, response in attempts] == [407, 407, 407]
    challenges = [response.get("Proxy-Authenticate") for _, response in attempts]
    assert len(set(challenges)) == 3 and not any("stale" in challenge for challenge in challenges)
    ten.silent(0.1)


def refused_thief(ten: BudgeTone, eleven: BudgeTone) -> tuple[int, str]:
    """11 calls 10 with the name 10 in From, and with his own password (check_from)."""
    request = eleven.request("INVITE", "sip:10@127.0.0.1", from_="<sip:10@127.0.0.1>;tag=forged", body=SDP)
    (_, challenged), (_, refused) = eleven.exchange(request)
    assert challenged.status == 407
    ten.silent(0.1)
    return refused.status, refused.reason


def test_another_name_than_that_of_the_credentials(phones: Pair) -> None:
    assert refused_thief(*phones) == (403, "Forbidden")


def test_another_name_than_that_of_the_credentials_today(modern_phones: Pair) -> None:
    assert refused_thief(*modern_phones) == (403, "Forbidden, Use From=ID")


def call_with_stolen_credentials(ten: BudgeTone, eleven: BudgeTone) -> tuple[int, str]:
    """11 took the Proxy-Authorization of a call of 10 before it arrived, and calls in his own name."""
    request = ten.request("INVITE", "sip:11@127.0.0.1", body=SDP)
    ten.send(request)
    challenged = ten.final(request)
    ten.send(ten.ack(request, challenged))
    stolen = ten.authorized(request, challenged).get("Proxy-Authorization")

    forged = eleven.request("INVITE", "sip:11@127.0.0.1", headers=[("Proxy-Authorization", stolen)], body=SDP)
    ((_, refused),) = eleven.exchange(forged)
    eleven.silent(0.1)
    return refused.status, refused.reason


def test_stolen_credentials(phones: Pair) -> None:
    assert call_with_stolen_credentials(*phones) == (403, "Forbidden")


def test_stolen_credentials_today(modern_phones: Pair) -> None:
    assert call_with_stolen_credentials(*modern_phones) == (403, "Forbidden, Use From=ID")


def test_a_user_who_is_not_there(document: DocumentBox) -> None:
    """Chapter 4.2.4: 11 could not register, so nobody reaches it. Nobody at all answers alike."""
    with document.budge_tone("10") as ten, document.budge_tone("11") as eleven:
        for user in ("11", "99"):
            _, (request, refused) = ten.exchange(ten.request("INVITE", f"sip:{user}@127.0.0.1", body=SDP))
            assert (refused.status, refused.reason) == (404, "User Not Found")
            assert refused.all("Via") == request.all("Via")
        eleven.silent(0.1)


def test_a_user_who_is_not_there_today(modern: DocumentBox) -> None:
    """An unknown user and one who is away look the same, so that nobody can list the subscribers."""
    with modern.budge_tone("10") as ten:
        replies = []
        for user in ("11", "99"):
            _, (_, refused) = ten.exchange(ten.request("INVITE", f"sip:{user}@127.0.0.1", body=SDP))
            replies.append((refused.status, refused.reason))
        assert replies == [(480, "Temporarily Unavailable")] * 2


def test_a_phone_that_is_not_registered_may_call(document: DocumentBox) -> None:
    """Chapter 4.2.4: registering is for being called; a call needs the password alone."""
    with document.budge_tone("10") as ten, document.budge_tone("11") as eleven:
        ten.exchange(ten.registration())
        request = eleven.invite("10", body=SDP)
        incoming = ten.expect("INVITE")
        answer = ten.reply(incoming, 200, "OK", body=SDP)
        ok = eleven.final(request)
        assert ok.status == 200
        eleven.send(eleven.within(eleven.dialog_as_caller(request, ok), "ACK"))
        ten.expect("ACK")
        hang_up(ten, eleven, ten.dialog_as_callee(incoming, answer))


def test_credentials_for_somebody_else_are_not_consumed(phones: Pair) -> None:
    """Chapter 6: the proxy takes out what was for itself, and only that."""
    ten, eleven = phones
    other = 'Digest username="10", realm="elsewhere.example", nonce="1", uri="sip:x", response="2"'
    request = ten.request("INVITE", "sip:11@127.0.0.1", body=SDP)
    ten.send(request)
    challenged = ten.final(request)
    ten.send(ten.ack(request, challenged))
    request = ten.authorized(request, challenged)
    ours = request.get("Proxy-Authorization")
    lines = [*request.headers, ("Proxy-Authorization", other)]
    ten.send(type(request)(request.start_line, tuple(lines), request.body))
    incoming = eleven.expect("INVITE")
    assert incoming.all("Proxy-Authorization") == [other] != [ours]
    eleven.reply(incoming, 486, "Busy Here")
    refused = ten.final(request)
    assert refused.status == 486
    ten.send(ten.ack(request, refused))
    eleven.expect("ACK")
