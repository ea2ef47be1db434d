"""Forking, the best response, CANCEL, silence: RFC 3261 §16.6 to §16.10, by the message."""

from __future__ import annotations

import gc

import pytest

from appliance.proxy.forking.client_branch import Branch
from appliance.proxy.forking.response_context import ResponseContext
from appliance.proxy.incoming import Incoming
from appliance.sip.hop import Hop
from tests.harness.message import Message
from tests.unit.proxy.stage import DOMAIN, Sent, Stage, ack_of, cancel_of, response_to

PHONES = [Hop("udp", f"192.0.2.{number}", 5060) for number in (11, 12, 13)]
CONTACTS = [f"sip:11@{phone.host}" for phone in PHONES]


class Call:
    """An INVITE that was let in, with the copies that went to the phones."""

    def __init__(self, *contacts: str, q: tuple[float, ...] = (), **settings: object) -> None:
        self.stage = stage = Stage(sip=settings)  # type: ignore[arg-type]
        stage.add_user("10")
        for index, contact in enumerate(contacts):
            stage.bind("11", contact, q=q[index] if q else None)
        self.invite, sent = stage.let_in(stage.request("INVITE"))
        self.copies = {each.hop: each.message for each in sent if each.message.is_request}

    def answer(self, phone: Hop, status: int, **options: object) -> list[Sent]:
        return self.stage.receive(
            response_to(self.copies[phone], status, tag=f"t{phone.host[-2:]}", **options),  # type: ignore[arg-type]
            phone,
        )

    def cancel(self) -> list[Sent]:
        return self.stage.receive(cancel_of(self.invite))

    def collect(self, sent: list[Sent]) -> None:
        """Remembers the copies among what was sent."""
        self.copies |= {each.hop: each.message for each in sent if each.message.method == "INVITE"}


def statuses(sent: list[Sent]) -> list[int]:
    return [each.message.status for each in sent if not each.message.is_request]


def methods(sent: list[Sent]) -> list[tuple[str, str]]:
    return [(each.message.method, each.hop.host) for each in sent if each.message.is_request]


@pytest.fixture
def call() -> Call:
    return Call(*CONTACTS)


def test_all_contacts_of_one_q_ring_together(call: Call) -> None:
    assert set(call.copies) == set(PHONES)
    branches = {copy.branches[0] for copy in call.copies.values()}
    assert len(branches) == 3
    assert {copy.get("Max-Breadth") for copy in call.copies.values()} == {"20"}


def test_a_2xx_goes_up_at_once_and_the_others_are_cancelled(call: Call) -> None:
    for phone in PHONES:
        assert statuses(call.answer(phone, 180)) == [180]
    sent = call.answer(PHONES[1], 200)
    assert statuses(sent) == [200]
    assert sorted(methods(sent)) == [("CANCEL", "192.0.2.11"), ("CANCEL", "192.0.2.13")]
    cancel = next(each.message for each in sent if each.hop == PHONES[0])
    assert cancel.branches == call.copies[PHONES[0]].branches[:1]
    # The losers' refusals are acknowledged here and go no further.
    sent = call.answer(PHONES[0], 487)
    assert methods(sent) == [("ACK", "192.0.2.11")]
    assert statuses(sent) == []


def test_a_second_2xx_goes_up_too(call: Call) -> None:
    call.answer(PHONES[0], 200)
    sent = call.answer(PHONES[1], 200)
    assert statuses(sent) == [200]
    assert sent[0].message.tag("To") == "t12"


def test_a_phone_that_has_not_rung_is_cancelled_when_it_does(call: Call) -> None:
    assert methods(call.answer(PHONES[0], 200)) == []
    assert methods(call.answer(PHONES[1], 180)) == [("CANCEL", "192.0.2.12")]


def test_the_best_refusal_is_sent_when_all_have_refused(call: Call) -> None:
    assert statuses(call.answer(PHONES[0], 408)) == []
    assert statuses(call.answer(PHONES[1], 486)) == []
    sent = call.answer(PHONES[2], 503)
    assert statuses(sent) == [486]
    assert sent[-1].message.tag("To") == "t12"
    assert statuses(call.stage.receive(ack_of(call.invite, sent[-1].message))) == []


def test_a_6xx_ends_the_search(call: Call) -> None:
    for phone in PHONES:
        call.answer(phone, 180)
    sent = call.answer(PHONES[0], 603)
    assert sorted(methods(sent)) == [
        ("ACK", "192.0.2.11"),
        ("CANCEL", "192.0.2.12"),
        ("CANCEL", "192.0.2.13"),
    ]
    assert statuses(call.answer(PHONES[1], 487)) == []
    assert statuses(call.answer(PHONES[2], 487)) == [603]


class TestDecline:
    """A 6xx is for the whole user: nobody else is to ring, and the caller is told at once."""

    def test_a_phone_that_says_nothing_is_not_waited_for(self, call: Call) -> None:
        call.answer(PHONES[0], 180)
        assert statuses(call.answer(PHONES[0], 603)) == [603]
        # It was only slow: it is cancelled as soon as it can be (§9.1).
        assert methods(call.answer(PHONES[1], 180)) == [("CANCEL", "192.0.2.12")]

    def test_the_answer_of_a_phone_that_was_slow_still_reaches_the_caller(self, call: Call) -> None:
        call.answer(PHONES[0], 603)
        assert statuses(call.answer(PHONES[1], 200)) == [200]

    def test_a_phone_whose_connection_is_still_being_opened_does_not_ring(self) -> None:
        stage = Stage()
        stage.add_user("10")
        stage.bind("11", CONTACTS[0], f"{CONTACTS[1]};transport=tcp")
        copies: list[Message] = []

        def slowly(hop: Hop) -> None:
            if hop.reliable:
                decline = response_to(next(each.message for each in stage.sent if each.hop == PHONES[0]), 603)
                copies.extend(each.message for each in stage.receive(decline, PHONES[0]))

        stage.connect = slowly  # type: ignore[method-assign]
        _, sent = stage.let_in(stage.request("INVITE"))
        assert [copy.status for copy in copies if not copy.is_request] == [603]
        assert [method for method in methods(sent) if method[0] == "INVITE"] == [("INVITE", "192.0.2.11")]

    def test_requests_that_are_no_calls_do_not_wait_either(self) -> None:
        stage = Stage()
        stage.add_user("10")
        stage.bind("11", *CONTACTS)
        _, sent = stage.let_in(stage.request("MESSAGE"))
        copy = next(each.message for each in sent if each.hop == PHONES[0])
        assert statuses(stage.receive(response_to(copy, 603), PHONES[0])) == [603]


class TestOddResponses:
    """What a phone may send back, by mistake or on purpose."""

    def with_one_via(self, call: Call, status: int) -> Message:
        response = response_to(call.copies[PHONES[0]], status)
        kept = [(n, v) for n, v in response.headers if n != "Via"]
        return Message(response.start_line, (("Via", response.get("Via")), *kept))

    @pytest.mark.parametrize("status", [200, 486])
    def test_without_a_via_for_the_caller_it_goes_no_further(self, status: int) -> None:
        call = Call(CONTACTS[0])
        assert statuses(call.stage.receive(self.with_one_via(call, 180), PHONES[0])) == []
        assert statuses(call.stage.receive(self.with_one_via(call, status), PHONES[0])) == [502]

    def test_a_late_answer_to_a_caller_who_is_gone_is_no_trouble(self) -> None:
        call = Call(CONTACTS[0])
        call.cancel()
        call.stage.unreachable.add(("192.0.2.10", 5060))
        assert statuses(call.answer(PHONES[0], 200)) == []

    def test_an_invite_that_comes_again_when_only_its_copy_is_remembered(self) -> None:
        stage = Stage()
        stage.bind("11", CONTACTS[0])
        invite = stage.request("INVITE", caller="sip:bob@elsewhere.example")
        sent = stage.receive(invite)
        refusal = stage.receive(response_to(sent[0].message, 486), PHONES[0])[-1].message
        stage.receive(ack_of(invite, refusal))
        stage.advance(6)
        assert statuses(stage.receive(invite)) == [482]
        assert stage.core.calls.active == 0
        assert [words for words in stage.told if "fault" in words] == []


def test_groups_of_lower_q_follow_one_after_the_other() -> None:
    call = Call(*CONTACTS, q=(0.3, 0.9, 0.9))
    assert set(call.copies) == {PHONES[1], PHONES[2]}
    assert methods(call.answer(PHONES[1], 486)) == [("ACK", "192.0.2.12")]
    sent = call.answer(PHONES[2], 480)
    assert methods(sent) == [("ACK", "192.0.2.13"), ("INVITE", "192.0.2.11")]
    call.collect(sent)
    assert statuses(call.answer(PHONES[0], 200)) == [200]


def test_a_single_503_becomes_a_500() -> None:
    call = Call(CONTACTS[0])
    assert statuses(call.answer(PHONES[0], 503)) == [500]


class TestCancel:
    def test_a_ringing_call_is_cancelled(self, call: Call) -> None:
        for phone in PHONES:
            call.answer(phone, 180)
        sent = call.cancel()
        assert statuses(sent) == [200]
        assert len(methods(sent)) == 3
        assert statuses(call.answer(PHONES[0], 487)) == []
        assert statuses(call.answer(PHONES[1], 487)) == []
        assert statuses(call.answer(PHONES[2], 487)) == [487]
        assert statuses(call.cancel()) == [200]  # a copy of the CANCEL

    def test_a_phone_that_says_nothing_is_not_waited_for(self) -> None:
        call = Call(CONTACTS[0])
        assert statuses(call.cancel()) == [200, 487]
        # When it rings after all, it is told.
        assert methods(call.answer(PHONES[0], 180)) == [("CANCEL", "192.0.2.11")]

    def test_an_answer_that_crosses_the_cancel_wins(self) -> None:
        call = Call(CONTACTS[0])
        call.answer(PHONES[0], 180)
        call.cancel()
        assert statuses(call.answer(PHONES[0], 200)) == [200]

    def test_an_answer_after_the_487_reaches_the_caller_all_the_same(self) -> None:
        call = Call(CONTACTS[0])
        call.cancel()
        assert statuses(call.answer(PHONES[0], 200)) == [200]

    def test_no_lower_group_is_tried_after_a_cancel(self) -> None:
        call = Call(*CONTACTS[:2], q=(0.9, 0.5))
        call.answer(PHONES[0], 180)
        call.cancel()
        sent = call.answer(PHONES[0], 487)
        assert statuses(sent) == [487]
        assert methods(sent) == [("ACK", "192.0.2.11")]

    def test_a_cancel_while_the_invite_still_waits_for_a_lookup(self) -> None:
        stage = Stage()
        stage.add_user("10")
        stage.bind("11", CONTACTS[0])
        (challenge,) = stage.receive(request := stage.request("INVITE"))
        invite = stage.answered(request, challenge.message)
        during: list[int] = []
        find = stage.credentials.find

        def slow(*arguments: str) -> object:
            during.extend(statuses(stage.receive(cancel_of(invite))))
            return find(*arguments)

        stage.credentials.find = slow  # type: ignore[assignment, method-assign]
        sent = stage.receive(invite)
        assert during == [200]
        assert statuses(sent) == [200, 487]
        assert methods(sent) == []

    def test_after_a_restart_the_cancel_still_finds_every_phone(self, call: Call) -> None:
        for phone in PHONES:
            call.answer(phone, 180)
        stage = call.stage
        stage.restarted()
        stage.bind("11", *CONTACTS)
        sent = call.cancel()
        assert statuses(sent) == [200]
        cancels = {each.hop: each.message for each in sent if each.message.is_request}
        assert {hop: copy.branches[0] for hop, copy in cancels.items()} == {
            hop: copy.branches[0] for hop, copy in call.copies.items()
        }
        # And their 487 still finds the caller.
        assert statuses(call.answer(PHONES[0], 487)) == [487]


class TestSilence:
    def test_a_phone_that_is_gone(self) -> None:
        """Timer B."""
        call = Call(CONTACTS[0])
        assert statuses(call.stage.advance(31.9)) == []
        assert statuses(call.stage.advance(0.3)) == [408]

    def test_no_408_to_a_request_that_is_no_invite(self) -> None:
        """RFC 4320: only the 100 that keeps its copies away."""
        stage = Stage()
        stage.add_user("10")
        stage.bind("11", CONTACTS[0])
        _, sent = stage.let_in(stage.request("MESSAGE"))
        assert methods(sent) == [("MESSAGE", "192.0.2.11")]
        assert set(statuses(stage.advance(40))) == {100}

    def test_a_phone_that_cannot_be_reached_at_all(self) -> None:
        stage = Stage()
        stage.add_user("10")
        stage.bind("11", CONTACTS[0])
        stage.unreachable.add(("192.0.2.11", 5060))
        stage.let_in(stage.request("INVITE"))
        assert statuses(stage.advance(0.1)) == [480]


def test_a_100_goes_out_when_a_lookup_takes_more_than_200_ms() -> None:
    stage = Stage()
    stage.add_user("10")
    stage.bind("11", CONTACTS[0])
    (challenge,) = stage.receive(request := stage.request("INVITE"))
    find = stage.credentials.find
    during: list[int] = []

    def slow(*arguments: str) -> object:
        during.extend(statuses(stage.advance(0.25)))
        return find(*arguments)

    stage.credentials.find = slow  # type: ignore[assignment, method-assign]
    stage.receive(stage.answered(request, challenge.message))
    assert during == [100]


def test_max_breadth_is_shared_and_its_end_refused() -> None:
    stage = Stage()
    stage.add_user("10")
    stage.bind("11", *CONTACTS)
    _, sent = stage.let_in(stage.request("INVITE", headers=[("Max-Breadth", "2")]))
    assert len(methods(sent)) == 2  # the third one waits for its turn
    assert {each.message.get("Max-Breadth") for each in sent if each.message.is_request} == {"1"}
    _, sent = stage.let_in(stage.request("INVITE", headers=[("Max-Breadth", "0")]))
    assert statuses(sent) == [440]


def test_the_branch_cap() -> None:
    stage = Stage(sip={"max_branches": 2})
    stage.add_user("10")
    stage.bind("11", *CONTACTS)
    _, sent = stage.let_in(stage.request("INVITE"))
    assert len(methods(sent)) == 2


def test_nothing_is_left_behind() -> None:
    """Of 1,000 calls, answered, refused, cancelled and unanswered."""
    stage = Stage()
    stage.add_user("10")
    stage.bind("11", CONTACTS[0])
    for number in range(1000):
        invite, sent = stage.let_in(stage.request("INVITE"))
        copy = next(each.message for each in sent if each.message.is_request)
        match number % 4:
            case 0:
                stage.receive(response_to(copy, 200), PHONES[0])
            case 1:
                refusal = stage.receive(response_to(copy, 486), PHONES[0])[-1].message
                stage.receive(ack_of(invite, refusal))
            case 2:
                stage.receive(response_to(copy, 180), PHONES[0])
                stage.receive(cancel_of(invite))
                stage.receive(response_to(copy, 487), PHONES[0])
        stage.now += 0.01
    assert len(stage.core.transactions) > 0
    for _ in range(400):
        stage.now += 1
        stage.core.wheel.advance(stage.now)
    assert len(stage.core.transactions) == 0
    assert len(stage.core.wheel) == 0
    assert stage.core.admission.in_progress == {}
    assert stage.core.calls.active == 250


def test_a_response_of_a_lost_transaction_is_passed_on_by_its_branch() -> None:
    call = Call(CONTACTS[0])
    call.stage.restarted()
    sent = call.answer(PHONES[0], 200)
    assert statuses(sent) == [200]
    assert sent[0].hop == Hop("udp", "192.0.2.10", 5060)
    assert len(sent[0].message.all("Via")) == 1


def test_the_ack_of_a_refusal_follows_after_a_restart() -> None:
    call = Call(CONTACTS[0])
    refusal = response_to(call.copies[PHONES[0]], 486)
    call.stage.restarted()
    call.stage.bind("11", CONTACTS[0])
    passed = call.stage.receive(refusal, PHONES[0])[0].message
    sent = call.stage.receive(ack_of(call.invite, passed))
    assert methods(sent) == [("ACK", "192.0.2.11")]
    assert sent[0].message.branches[0] == call.copies[PHONES[0]].branches[0]


def test_double_record_route_between_transports() -> None:
    stage = Stage()
    stage.add_user("10")
    stage.bind("11", CONTACTS[0], hop=Hop("tcp", "192.0.2.11", 40000))
    invite, sent = stage.let_in(stage.request("INVITE", call_id="c1"))
    copy: Message = next(each.message for each in sent if each.message.is_request)
    routes = copy.all("Record-Route")
    assert len(routes) == 2
    assert "transport=tcp" in routes[0]
    assert "transport" not in routes[1]
    stage.receive(response_to(copy, 200), Hop("tcp", "192.0.2.11", 40000, 1))
    bye = stage.request(
        "BYE",
        "sip:11@192.0.2.11:40000;transport=tcp",
        to=f"sip:11@{DOMAIN}",
        to_tag="callee",
        call_id="c1",
        cseq=3,
        headers=[("Route", route) for route in reversed(routes)],
    ).with_header("From", invite.get("From"))
    (forwarded,) = stage.receive(bye)
    assert not forwarded.message.has("Route")
    assert (forwarded.hop.transport, forwarded.hop.port) == ("tcp", 40000)


def test_the_time_to_the_first_ringing_is_counted_once(call: Call) -> None:
    observed = call.stage.metrics.call_ringing_seconds
    call.answer(PHONES[0], 100)
    assert observed.count == 0
    call.stage.advance(1.5)
    for phone in PHONES:
        call.answer(phone, 180)
    assert observed.count == 1
    assert abs(observed.sum - 1.5) < 0.1


@pytest.mark.parametrize(
    ("method", "status"),
    [("OPTIONS", 200), ("MESSAGE", 404), ("INVITE", 486), ("INVITE", 200), ("INVITE", 0)],
)
def test_a_request_that_is_over_leaves_no_work_for_the_collector(method: str, status: int) -> None:
    """It comes so seldom that its work would be hundreds of megabytes."""
    stage = Stage()
    stage.bind("11", CONTACTS[0])
    gc.collect()
    gc.disable()
    try:
        sent = stage.receive(stage.request(method, caller="sip:bob@elsewhere.example"))
        copy = next(each.message for each in sent if each.message.is_request)
        if status:
            stage.receive(response_to(copy, status), PHONES[0])
        del sent, copy
        stage.advance(70 if status else 300)
        del stage.sent[:]
        assert len(stage.core.transactions) == 0
        assert not [
            each for each in gc.get_objects() if isinstance(each, ResponseContext | Branch | Incoming)
        ]
    finally:
        gc.enable()
