"""A killed process has left nothing: the phones of a call that was answered are found and told to stop."""

from __future__ import annotations

import pytest

from appliance.sip.hop import Hop
from tests.harness.message import Message
from tests.unit.proxy.forking.test_response_context import CONTACTS, PHONES, Call, methods, statuses
from tests.unit.proxy.stage import DOMAIN, ack_of, cancel_of


def killed(call: Call, *contacts: str) -> Call:
    """The process is another one, which has read the bindings back in whatever order."""
    call.stage.restarted()
    call.stage.bind("11", *contacts)
    return call


@pytest.fixture
def call() -> Call:
    """Three phones ring, and the process is killed."""
    call = Call(*CONTACTS)
    for phone in PHONES:
        call.answer(phone, 180)
    return killed(call, CONTACTS[2], CONTACTS[0], CONTACTS[1])


def cancels(call: Call) -> dict[Hop, Message]:
    """The first phone answers; what the others are told."""
    sent = call.answer(PHONES[0], 200)
    assert statuses(sent) == [200]
    return {each.hop: each.message for each in sent if each.message.is_request}


def test_the_others_are_cancelled_by_the_branches_of_their_invites(call: Call) -> None:
    told = cancels(call)
    assert set(told) == set(PHONES[1:])
    for phone, cancel in told.items():
        assert cancel.method == "CANCEL"
        assert cancel.branches == call.copies[phone].branches[:1]
        assert (cancel.uri, cancel.cseq[0]) == (call.copies[phone].uri, call.copies[phone].cseq[0])
        assert cancel.get("From") == call.copies[phone].get("From")
        assert "tag=" not in cancel.get("To")


def test_their_refusals_are_acknowledged_and_do_not_bother_the_caller(call: Call) -> None:
    cancels(call)
    sent = call.answer(PHONES[1], 487)
    assert methods(sent) == [("ACK", "192.0.2.12")]
    assert statuses(sent) == []
    call.stage.advance(400)
    assert len(call.stage.core.transactions) == 0
    assert len(call.stage.core.wheel) == 0


def test_a_lost_cancel_is_sent_again(call: Call) -> None:
    cancels(call)
    assert ("CANCEL", "192.0.2.13") in methods(call.stage.advance(1.0))


def test_one_that_was_answered_all_the_same_reaches_the_caller(call: Call) -> None:
    cancels(call)
    sent = call.answer(PHONES[1], 200)
    assert statuses(sent) == [200]
    assert sent[0].hop == Hop("udp", "192.0.2.10", 5060)
    assert len(sent[0].message.all("Via")) == 1


def test_copies_of_the_2xx_pass_and_cancel_nobody_twice(call: Call) -> None:
    cancels(call)
    sent = call.answer(PHONES[0], 200)
    assert (statuses(sent), methods(sent)) == ([200], [])


def test_a_refusal_cancels_nobody(call: Call) -> None:
    sent = call.answer(PHONES[0], 486)
    assert (statuses(sent), methods(sent)) == ([486], [])


def test_who_was_called_by_another_name_is_not_guessed() -> None:
    call = Call(*CONTACTS)
    stage = call.stage
    message, sent = stage.let_in(stage.request("INVITE", f"sip:11@{DOMAIN}", to=f"sip:reception@{DOMAIN}"))
    call.copies = {each.hop: each.message for each in sent if each.message.is_request}
    killed(call, *CONTACTS)
    assert methods(call.answer(PHONES[0], 200)) == []
    assert message.method == "INVITE"


def test_the_database_may_be_away(call: Call) -> None:
    call.stage.restarted()
    call.stage.core.locations.loading = True
    sent = call.answer(PHONES[0], 200)
    assert (statuses(sent), methods(sent)) == ([200], [])


def test_the_callers_cancel_finds_everybody_in_whatever_order(call: Call) -> None:
    sent = call.stage.receive(cancel_of(call.invite))
    told = {each.hop: each.message.branches[0] for each in sent if each.message.is_request}
    assert told == {phone: call.copies[phone].branches[0] for phone in PHONES}
    refusal = call.answer(PHONES[1], 487)[0].message
    sent = call.stage.receive(ack_of(call.invite, refusal))
    acks = {each.hop: each.message.branches[0] for each in sent if each.message.method == "ACK"}
    assert acks == told
