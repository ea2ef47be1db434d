"""A restart in mid-call: the next process goes on with what the last one had under way."""

from __future__ import annotations

import json

import pytest

from appliance.sip.hop import Hop
from tests.harness.message import Message
from tests.unit.proxy.forking.test_response_context import CONTACTS, PHONES, Call, methods, statuses
from tests.unit.proxy.stage import DOMAIN, Stage, ack_of, cancel_of, response_to


@pytest.fixture
def call() -> Call:
    """Three phones ring."""
    call = Call(*CONTACTS)
    for phone in PHONES:
        call.answer(phone, 180)
    return call


def gone(stage: Stage) -> None:
    """Nothing of it is left after all timers."""
    stage.advance(400)
    assert len(stage.core.transactions) == 0
    assert len(stage.core.wheel) == 0


class TestFork:
    def test_nothing_is_sent_by_the_restart_itself(self, call: Call) -> None:
        assert call.stage.restarted_in_order() == []
        assert call.stage.told[-1] == "1 of 1 requests that were under way are taken up"
        assert call.stage.advance(100) == []

    def test_one_answers_and_the_others_are_cancelled(self, call: Call) -> None:
        call.stage.restarted_in_order(0.7)
        sent = call.answer(PHONES[1], 200)
        assert statuses(sent) == [200]
        assert sorted(methods(sent)) == [("CANCEL", "192.0.2.11"), ("CANCEL", "192.0.2.13")]
        cancel = next(each.message for each in sent if each.hop == PHONES[0])
        assert cancel.branches == call.copies[PHONES[0]].branches[:1]
        assert cancel.uri == call.copies[PHONES[0]].uri
        for loser in (PHONES[0], PHONES[2]):
            assert statuses(call.stage.receive(response_to(cancel, 200), loser)) == []
            assert methods(call.answer(loser, 487)) == [("ACK", loser.host)]
        assert call.stage.core.calls.active == 1
        gone(call.stage)

    def test_two_restarts(self, call: Call) -> None:
        call.stage.restarted_in_order()
        call.stage.restarted_in_order()
        assert len(methods(call.answer(PHONES[1], 200))) == 2

    def test_a_restart_between_the_answer_and_the_refusals_of_the_losers(self, call: Call) -> None:
        call.answer(PHONES[1], 200)
        assert call.stage.restarted_in_order() == []
        # The CANCELs may have been lost with the process that would have sent them again.
        again = call.stage.advance(2.1)
        assert sorted(methods(again)) == [("CANCEL", "192.0.2.11"), ("CANCEL", "192.0.2.13")]
        sent = call.answer(PHONES[0], 487)
        assert methods(sent) == [("ACK", "192.0.2.11")]
        assert statuses(sent) == []
        # A loser that was answered in the same moment has its 2xx sent up (RFC 3261 §16.7 step 5).
        assert statuses(call.answer(PHONES[2], 200)) == [200]
        gone(call.stage)

    def test_copies_of_the_2xx_still_pass(self, call: Call) -> None:
        call.answer(PHONES[1], 200)
        call.stage.restarted_in_order()
        assert statuses(call.answer(PHONES[1], 200)) == [200]

    def test_copies_of_a_refusal_are_acknowledged_and_go_no_further(self, call: Call) -> None:
        call.answer(PHONES[0], 486)
        call.stage.restarted_in_order()
        sent = call.answer(PHONES[0], 486)
        assert methods(sent) == [("ACK", "192.0.2.11")]
        assert statuses(sent) == []

    def test_the_best_refusal_is_chosen_among_those_before_and_after(self, call: Call) -> None:
        call.answer(PHONES[0], 486, headers=[("Warning", '399 x "busy"')])
        call.stage.restarted_in_order()
        assert statuses(call.answer(PHONES[1], 408)) == []
        sent = call.answer(PHONES[2], 408)
        assert statuses(sent) == [486]
        (refusal,) = [each.message for each in sent if not each.message.is_request]
        before = len(call.stage.sent)
        call.stage.receive(ack_of(call.invite, refusal))
        assert call.stage.advance(30) == []
        assert len(call.stage.sent) == before

    def test_a_copy_of_the_invite_gets_the_last_answer_again(self, call: Call) -> None:
        call.stage.restarted_in_order()
        assert statuses(call.stage.receive(call.invite)) == [180]

    def test_serial_forking_goes_on_with_the_next_group(self) -> None:
        call = Call(*CONTACTS, q=(0.9, 0.5, 0.1))
        call.answer(PHONES[0], 180)
        call.stage.restarted_in_order()
        sent = call.answer(PHONES[0], 486)
        assert methods(sent) == [("ACK", "192.0.2.11"), ("INVITE", "192.0.2.12")]
        call.collect(sent)
        call.stage.restarted_in_order()
        sent = call.answer(PHONES[1], 486)
        assert methods(sent) == [("ACK", "192.0.2.12"), ("INVITE", "192.0.2.13")]
        call.collect(sent)
        assert statuses(call.answer(PHONES[2], 486)) == [486]


class TestGivingUp:
    def test_the_caller_cancels_after_the_restart(self, call: Call) -> None:
        call.stage.restarted_in_order()
        sent = call.cancel()
        assert statuses(sent) == [200]
        assert sorted(host for method, host in methods(sent)) == [phone.host for phone in PHONES]
        for phone in PHONES[:2]:
            sent = call.answer(phone, 487)
            assert (methods(sent), statuses(sent)) == ([("ACK", phone.host)], [])
        assert statuses(call.answer(PHONES[2], 487)) == [487]
        gone(call.stage)

    def test_the_caller_cancelled_before_it(self, call: Call) -> None:
        call.cancel()
        call.stage.restarted_in_order()
        call.answer(PHONES[0], 487)
        # Whose answer was only waiting to be read is not told again.
        assert sorted(methods(call.stage.advance(2.1))) == [
            ("CANCEL", "192.0.2.12"),
            ("CANCEL", "192.0.2.13"),
        ]
        for phone in PHONES[1:2]:
            assert statuses(call.answer(phone, 487)) == []
        assert statuses(call.answer(PHONES[2], 487)) == [487]

    def test_the_refusal_that_the_caller_has_not_acknowledged_is_sent_again(self, call: Call) -> None:
        call.cancel()
        for phone in PHONES:
            call.answer(phone, 487)
        call.stage.restarted_in_order()
        assert 487 in statuses(call.stage.advance(2.1))


class TestTime:
    def test_the_ring_time_goes_on(self) -> None:
        call = Call(CONTACTS[0], ring_seconds=20)
        call.answer(PHONES[0], 180)
        call.stage.advance(15)
        call.stage.restarted_in_order(2)
        assert statuses(call.stage.advance(2.9)) == []
        sent = call.stage.advance(0.2)
        assert statuses(sent) == [408]
        assert methods(sent) == [("CANCEL", "192.0.2.11")]

    def test_it_may_have_run_out_meanwhile(self) -> None:
        call = Call(CONTACTS[0], ring_seconds=20)
        call.answer(PHONES[0], 180)
        call.stage.restarted_in_order(30)
        assert call.stage.advance(1.9) == []
        sent = call.stage.advance(0.2)
        assert (statuses(sent), methods(sent)) == ([408], [("CANCEL", "192.0.2.11")])

    def test_an_answer_that_came_in_the_gap_is_heard_first(self) -> None:
        call = Call(CONTACTS[0])
        call.stage.restarted_in_order(33)
        assert statuses(call.answer(PHONES[0], 200)) == [200]
        assert call.stage.advance(1.0) == []

    def test_an_invite_without_an_answer_is_sent_again_and_given_up_in_time(self) -> None:
        call = Call(CONTACTS[0])
        call.stage.restarted_in_order(1.0)
        assert methods(call.stage.advance(2.1)) == [("INVITE", "192.0.2.11")]
        assert 408 in statuses(call.stage.advance(29.0))

    def test_after_timer_c_nothing_is_taken_up(self, call: Call) -> None:
        assert call.stage.restarted_in_order(182) == []
        assert len(call.stage.core.transactions) == 0
        assert "not taken up" in call.stage.told[-1]

    def test_a_clock_that_was_set_back(self, call: Call) -> None:
        call.stage.restarted_in_order(-3600)
        assert len(call.stage.core.transactions) == 4


def test_a_request_that_is_no_invite() -> None:
    stage = Stage()
    stage.add_user("10")
    stage.bind("11", CONTACTS[0])
    message, sent = stage.let_in(stage.request("MESSAGE"))
    copy = next(each.message for each in sent if each.message.is_request)
    stage.restarted_in_order()
    assert statuses(stage.receive(response_to(copy, 200), PHONES[0])) == [200]
    assert statuses(stage.receive(message)) == [200]  # its copy gets the answer again
    gone(stage)


def test_what_is_answered_is_not_written_down() -> None:
    stage = Stage()
    stage.add_user("10")
    stage.bind("11", CONTACTS[0])
    _, sent = stage.let_in(stage.request("MESSAGE"))
    stage.receive(response_to(sent[-1].message, 200), PHONES[0])
    assert json.loads(stage.core.write_down())["requests"] == []


def test_a_call_that_is_up_is_known_when_it_ends() -> None:
    call = Call(CONTACTS[0])
    call.answer(PHONES[0], 200)
    stage = call.stage
    stage.advance(60)
    stage.restarted_in_order(1)
    assert stage.core.calls.active == 1
    stage.core.calls.hung_up(_read(call.invite), stage.now)
    assert "answered (200) after 61 s" in stage.told[-1]


def test_a_phone_on_a_connection_is_found_by_its_address() -> None:
    stage = Stage()
    stage.add_user("10")
    hop = Hop("tcp", "192.0.2.11", 40000, 1, 5)
    stage.bind("11", CONTACTS[0], hop=hop)
    invite, sent = stage.let_in(stage.request("INVITE"), Hop("tcp", "192.0.2.10", 41000, 1, 4))
    copy = next(each.message for each in sent if each.message.is_request)
    stage.receive(response_to(copy, 180), hop)
    stage.restarted_in_order()
    sent = stage.receive(cancel_of(invite), Hop("tcp", "192.0.2.10", 41000, 1, 1))
    (cancel,) = [each for each in sent if each.message.is_request]
    assert cancel.hop[:5] == ("tcp", "192.0.2.11", 40000, 1, 0)
    (ok,) = [each for each in sent if not each.message.is_request]
    assert (ok.hop.host, ok.hop.port) == ("192.0.2.10", 41000)


class TestNonces:
    def test_a_challenge_of_before_is_answered_after(self) -> None:
        stage = Stage()
        stage.add_user("10")
        stage.bind("11", CONTACTS[0])
        (challenge,) = stage.receive(request := stage.request("INVITE"))
        stage.restarted_in_order()
        sent = stage.receive(stage.answered(request, challenge.message))
        assert methods(sent) == [("INVITE", "192.0.2.11")]

    def test_what_was_used_before_cannot_be_used_after(self) -> None:
        stage = Stage()
        stage.add_user("10")
        stage.bind("11", CONTACTS[0])
        used, _ = stage.let_in(stage.request("MESSAGE"))
        stage.restarted_in_order()
        via = used.get("Via").replace("branch=z9hG4bK", "branch=z9hG4bKreplayed")
        sent = stage.receive(used.with_header("Via", via))
        assert statuses(sent) == [407]


class TestWhatCannotBeUsed:
    @pytest.mark.parametrize("data", [b"{", b"\xff\x00", b"[]", b'{"version":99}', b'{"version":1}'])
    def test_one_line_and_no_more(self, data: bytes) -> None:
        stage = Stage()
        stage.core.take_up(data)
        (line,) = stage.told
        assert "not taken up" in line

    def test_other_listeners(self, call: Call) -> None:
        call.stage.listeners = (("udp", "192.0.2.1", 5080), ("tcp", "192.0.2.1", 5080))
        call.stage.restarted_in_order()
        assert len(call.stage.core.transactions) == 0
        assert "not taken up" in call.stage.told[-1]

    @pytest.mark.parametrize(
        "change",
        [
            {"request": "garbage"},
            {"request": "SIP/2.0 200 OK\r\n\r\n"},
            {"server": ["calling", 0.0, 1.0, 1.0]},
        ],
    )
    def test_one_record_among_others(self, call: Call, change: dict[str, object]) -> None:
        content = json.loads(call.stage.core.write_down())
        content["requests"].insert(0, content["requests"][0] | change)
        stage = call.stage
        stage.restarted()
        stage.core.take_up(json.dumps(content).encode())
        assert stage.told[-1] == "1 of 2 requests that were under way are taken up"
        assert len(methods(call.answer(PHONES[1], 200))) == 2


def _read(message: Message) -> object:
    from appliance.sip.parser import parse

    return parse(message.encode())


def test_bytes_that_are_no_text_stay_as_they_are() -> None:
    stage = Stage()
    stage.add_user("10")
    stage.bind("11", CONTACTS[0])
    body = bytes(range(256))
    request = stage.request("INVITE", f"sip:11@{DOMAIN}", headers=[("Subject", "\udcff")], body=body)
    _, sent = stage.let_in(request)
    copy = next(each.message for each in sent if each.message.is_request)
    stage.restarted_in_order(1.0)
    again = next(each.message for each in stage.advance(2.1))
    assert again.encode() == copy.encode()
