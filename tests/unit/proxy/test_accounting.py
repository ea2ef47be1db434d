"""Which requests are accounted, and what is told of them: each end that a call can have, exactly once."""

from __future__ import annotations

import pytest

from appliance.proxy.accounting import Accounting, dialog_name
from appliance.proxy.incoming import Answers, Incoming
from appliance.proxy.replies import RFC3261
from appliance.registrar.preferences import Preferences
from appliance.sip.hop import Hop
from appliance.sip.message import Request
from appliance.sip.uri import AddressOfRecord
from appliance.telemetry.accounted import Accounted
from tests.harness.message import Message
from tests.unit.proxy.stage import DOMAIN, PROXY, Sent, Stage, cancel_of, response_to
from tests.unit.proxy.telephone_network import (
    FIRST,
    GATEWAYS,
    OTHER_GATEWAY,
    ROUTES,
    SECOND,
    answer,
    dial,
    from_gateway,
    stage_with_gateways,
    to,
)

PHONES = [Hop("udp", f"192.0.2.{number}", 5060) for number in (11, 12)]
FORWARDED = [
    ("From", f"<sip:10@{DOMAIN}>;tag=a"),
    ("To", f"<sip:11@{DOMAIN}>"),
    ("Call-ID", "c"),
    ("CSeq", "1 INVITE"),
]


class Book(list[Accounted]):
    """A ledger that is a list."""

    put = list.append


class Call:
    """An INVITE of 10 to 11 that was let in, with the copies that went to the phones."""

    def __init__(self, *phones: Hop, uri: str = f"sip:11@{DOMAIN}", **settings: object) -> None:
        self.book = Book()
        self.stage = stage = Stage(ledger=self.book, sip=settings)  # type: ignore[arg-type]
        stage.add_user("10")
        stage.bind("11", *(f"sip:11@{phone.host}" for phone in phones))
        self.sent: list[Sent]
        self.invite, self.sent = stage.let_in(stage.request("INVITE", uri))
        self.copies = {each.hop: each.message for each in self.sent if each.message.is_request}

    def answer(self, phone: Hop, status: int, reason: str = "") -> list[Sent]:
        tag = f"t{phone.host[-2:]}"
        return self.stage.receive(response_to(self.copies[phone], status, reason, tag=tag), phone)

    def bye(self, phone: Hop, *, from_callee: bool = False) -> Message:
        """The BYE of the dialog with that phone, as it leaves either side."""
        route = f"<{self.copies[phone].get('Record-Route').strip('<>')}>"
        callee = f"<sip:11@{DOMAIN}>;tag=t{phone.host[-2:]}"
        caller = self.invite.get("From")
        from_, to = (callee, caller) if from_callee else (caller, callee)
        headers = (
            ("Via", f"SIP/2.0/UDP {phone.host};branch=z9hG4bKbye;rport"),
            ("Route", route),
            ("From", from_),
            ("To", to),
            ("Call-ID", self.invite.call_id),
            ("CSeq", "9 BYE"),
            ("Max-Forwards", "70"),
            ("Content-Length", "0"),
        )
        target = "192.0.2.10" if from_callee else phone.host
        return Message(f"BYE sip:x@{target} SIP/2.0", headers)


def test_an_answered_call_is_told_with_its_callee_and_who_is_charged() -> None:
    call = Call(PHONES[0])
    call.stage.now += 3
    call.answer(PHONES[0], 180)
    assert call.book == []
    call.answer(PHONES[0], 200, "OK")
    (told,) = call.book
    assert (told.method, told.status, told.reason, told.result) == ("INVITE", 200, "OK", "answered")
    assert (told.src_user, told.src_domain, told.src_ip) == ("10", DOMAIN, "192.0.2.10")
    assert (told.dst_ouser, told.dst_user, told.dst_domain) == ("11", "11", DOMAIN)
    assert (told.call_id, told.to_tag, told.cseq) == (call.invite.call_id, "t11", call.invite.cseq[0])
    assert told.ended - told.began == pytest.approx(3)
    assert told.account == f"10@{DOMAIN}"
    assert not told.missed
    call.answer(PHONES[0], 200)  # a retransmission
    assert len(call.book) == 1


@pytest.mark.parametrize("from_callee", [False, True])
def test_the_bye_of_either_side_names_the_same_dialog(from_callee: bool) -> None:
    call = Call(PHONES[0])
    call.answer(PHONES[0], 200)
    bye = call.bye(PHONES[0], from_callee=from_callee)
    (sent,) = call.stage.receive(bye, PHONES[0])
    assert len(call.book) == 1
    call.stage.receive(response_to(sent.message, 200, "OK"), sent.hop)
    begun, over = call.book
    assert (over.method, over.status, over.result, over.missed) == ("BYE", 200, "", False)
    assert over.dialog == begun.dialog
    assert over.account == ""
    assert (over.src_user, over.dst_user) == (("11", "10") if from_callee else ("10", "11"))


def test_a_bye_that_nobody_answers_ends_the_call_all_the_same() -> None:
    call = Call(PHONES[0])
    call.answer(PHONES[0], 200)
    call.stage.receive(call.bye(PHONES[0]), PHONES[0])
    call.stage.advance(33)
    begun, over = call.book
    assert (over.method, over.status) == ("BYE", 408)
    assert over.dialog == begun.dialog
    assert over.ended - over.began == pytest.approx(32, abs=1)


@pytest.mark.parametrize(
    ("status", "result", "missed"),
    [
        (486, "busy", True),
        (603, "rejected", True),
        (480, "no_answer", True),
        (500, "failed", True),
        (302, "failed", False),
    ],
)
def test_a_call_that_fails_is_told_once(status: int, result: str, missed: bool) -> None:
    call = Call(PHONES[0])
    call.answer(PHONES[0], status, "Because")
    (told,) = call.book
    assert (told.status, told.reason, told.result, told.missed) == (status, "Because", result, missed)


def test_a_503_is_told_as_it_went_to_the_caller() -> None:
    call = Call(PHONES[0])
    call.answer(PHONES[0], 503)
    assert [(told.status, told.result) for told in call.book] == [(500, "failed")]


def test_a_challenge_of_the_other_side_is_no_end() -> None:
    server = Hop("udp", "203.0.113.7", 5060)
    call = Call(uri=f"sip:11@{server.host}")
    call.answer(server, 407)
    assert call.book == []


def test_whom_nobody_can_reach_has_missed_the_call() -> None:
    call = Call()
    assert call.sent[-1].message.status == 480
    (told,) = call.book
    assert (told.status, told.result, told.missed) == (480, "no_answer", True)
    assert told.to_tag == call.sent[-1].message.get("To").partition("tag=")[2]


def test_who_is_not_let_in_is_not_accounted() -> None:
    stage = Stage(ledger=(book := Book()))
    stage.add_user("10")
    stage.receive(stage.request("INVITE"))
    _, sent = stage.let_in(stage.request("INVITE"), password="wrong")
    assert sent[-1].message.status == 407
    assert book == []


def test_a_caller_who_gives_up_is_told_of_once() -> None:
    call = Call(*PHONES)
    call.answer(PHONES[0], 180)
    call.answer(PHONES[1], 180)
    call.stage.receive(cancel_of(call.invite))
    call.answer(PHONES[0], 487)
    call.answer(PHONES[1], 487)
    assert [(told.status, told.result, told.missed) for told in call.book] == [(487, "cancelled", True)]


def test_an_answer_that_crosses_the_cancel_is_told_as_well() -> None:
    call = Call(PHONES[0])
    call.stage.receive(cancel_of(call.invite))  # no phone has said anything yet: 487 at once
    assert [told.status for told in call.book] == [487]
    call.answer(PHONES[0], 200, "OK")
    call.answer(PHONES[0], 200, "OK")
    given_up, answered, again = call.book
    assert (answered.status, answered.to_tag, answered.missed) == (200, "t11", False)
    assert again._replace(began=answered.began, ended=answered.ended) == answered
    assert given_up.dialog != answered.dialog


def test_silence_is_told_when_the_time_to_ring_is_over() -> None:
    call = Call(PHONES[0], ring_seconds=20)
    call.answer(PHONES[0], 180)
    call.stage.advance(21)
    assert [(told.status, told.result, told.missed) for told in call.book] == [(408, "no_answer", True)]


def test_a_forked_call_is_one_call() -> None:
    """One phone is busy, the other answers: nobody has missed anything."""
    call = Call(*PHONES)
    call.answer(PHONES[0], 486)
    call.answer(PHONES[1], 200)
    (told,) = call.book
    assert (told.status, told.to_tag, told.missed) == (200, "t12", False)
    call.answer(PHONES[0], 200)  # both at once: the second 200 is passed on, and is no second call
    assert len(call.book) == 1


def test_a_forked_call_that_all_refuse_is_missed_once() -> None:
    call = Call(*PHONES)
    call.answer(PHONES[0], 486)
    call.answer(PHONES[1], 480)
    assert [(told.status, told.missed) for told in call.book] == [(480, True)]


def test_a_call_to_somebody_elsewhere_is_nobodys_missed_call() -> None:
    call = Call(uri="sip:carol@192.0.2.77")
    (sent,) = [each for each in call.sent if each.message.is_request]
    call.stage.receive(response_to(sent.message, 486), sent.hop)
    (told,) = call.book
    assert (told.dst_user, told.dst_domain, told.missed) == ("carol", "192.0.2.77", False)


def test_a_call_to_the_telephone_network_is_nobodys_missed_call() -> None:
    stage = stage_with_gateways(ledger=(book := Book()))  # type: ignore[arg-type]
    dial(stage, "0049891")  # which 10 may not call
    _, sent = dial(stage, "0891234")
    answer(stage, to(sent, FIRST)[0], 486)
    assert [(told.status, told.dst_user, told.missed) for told in book] == [
        (403, "0049891", False),
        (486, "0891234", False),
    ]


def test_a_call_that_goes_on_to_the_next_gateway_is_one_call() -> None:
    stage = stage_with_gateways(ledger=(book := Book()))  # type: ignore[arg-type]
    _, sent = dial(stage, "0891234")
    on = answer(stage, to(sent, FIRST)[0], 503)
    answer(stage, to(on, SECOND)[0], 200, OTHER_GATEWAY)
    assert [(told.status, told.account) for told in book] == [(200, f"10@{DOMAIN}")]


def test_a_call_from_a_gateway_is_charged_to_nobody_here() -> None:
    stage = stage_with_gateways(ledger=(book := Book()))  # type: ignore[arg-type]
    stage.bind("11", "sip:11@192.0.2.11")
    sent = from_gateway(stage)
    stage.receive(response_to(sent[0].message, 486), sent[0].hop)
    assert [(told.src_user, told.account, told.missed) for told in book] == [("+4930123", "", True)]


def test_who_forwards_a_call_is_charged_for_it() -> None:
    stage = Stage()
    request = Request.create("INVITE", f"sip:12@{DOMAIN}", FORWARDED)
    answers = Answers(stage.core.transactions, stage.send, stage.metrics, RFC3261, bytes(16), "")
    incoming = Incoming(request, PHONES[0], stage.now, answers, lambda: stage.now)
    accounting = Accounting(book := Book(), stage.core.domains, lambda: stage.now, lambda: 1e9)
    accounting.begin(incoming)
    incoming.payer = AddressOfRecord("11", DOMAIN)
    incoming.decided(200, "OK", "b")
    incoming.decided(486, "Busy Here", "b")  # there is one final response only
    assert [(told.status, told.src_user, told.account) for told in book] == [(200, "10", f"11@{DOMAIN}")]


def test_an_alias_is_told_beside_whom_it_stands_for() -> None:
    stage = Stage(ledger=(book := Book()))
    stage.add_user("10")
    stage.aliases["info@example.org"] = f"sip:11@{DOMAIN}"
    stage.bind("11", "sip:11@192.0.2.11")
    _, sent = stage.let_in(stage.request("INVITE", f"sip:info@{DOMAIN}"))
    stage.receive(response_to(sent[0].message, 486), sent[0].hop)
    (told,) = book
    assert (told.dst_ouser, told.dst_user, told.missed) == ("info", "11", True)


def test_what_changes_a_call_is_not_accounted() -> None:
    call = Call(PHONES[0])
    call.answer(PHONES[0], 200)
    bye = call.bye(PHONES[0])
    again = Message(bye.start_line.replace("BYE", "INVITE"), bye.with_header("CSeq", "8 INVITE").headers)
    sent = call.stage.receive(again, PHONES[0])
    assert sent[0].message.is_request
    call.stage.receive(response_to(sent[0].message, 200), sent[0].hop)
    assert len(call.book) == 1


def test_a_call_that_rings_over_a_restart_is_accounted_by_the_next_process() -> None:
    call = Call(PHONES[0])
    call.answer(PHONES[0], 180)
    call.stage.restarted_in_order(away=2)
    call.answer(PHONES[0], 200)
    (told,) = call.book
    assert (told.status, told.account) == (200, f"10@{DOMAIN}")
    assert told.ended - told.began == pytest.approx(2)


def test_a_call_that_passes_twice_through_the_server_is_one_call() -> None:
    stage = Stage(ledger=(book := Book()), sip={"self_loop": ("INVITE",)})
    stage.add_user("10")
    stage.bind("11", "sip:11@192.0.2.11")
    here = Hop("udp", PROXY, 5060)
    request = stage.request("INVITE")
    looped = stage.receive(request)[0].message
    challenge = stage.receive(looped, here)[0].message
    back = stage.receive(challenge, here)[-1].message
    looped = stage.receive(stage.answered(request, back))[0].message
    (copy,) = [each for each in stage.receive(looped, here) if each.message.is_request]
    down = stage.receive(response_to(copy.message, 200), copy.hop)
    stage.receive(down[0].message, here)
    assert [told.status for told in book] == [200]


def test_no_ledger_no_accounting() -> None:
    stage = Stage()
    stage.add_user("10")
    stage.bind("11", "sip:11@192.0.2.11")
    _, sent = stage.let_in(stage.request("INVITE"))
    assert stage.receive(response_to(sent[0].message, 200), sent[0].hop)[0].message.status == 200


def test_the_name_of_a_dialog_does_not_ask_whose_tag_is_whose() -> None:
    assert dialog_name("c", "a", "b") == dialog_name("c", "b", "a")
    assert len({dialog_name("c", "a", "b"), dialog_name("c", "a", "c"), dialog_name("d", "a", "b")}) == 3
    assert dialog_name("\udcff", "", "") != dialog_name("?", "", "")


class TestForwarded:
    """Whoever has the call forwarded is charged for it."""

    def call(self, **wishes: str) -> tuple[Book, Stage, list[Sent]]:
        book = Book()
        stage = stage_with_gateways()
        stage.ledger = book
        stage.restarted()
        stage.peers(gateways=GATEWAYS, routes=ROUTES)
        stage.rights["11"] = ("ld",)
        stage.wishes[f"11@{DOMAIN}"] = Preferences(**wishes)
        stage.bind("11", "sip:11@192.0.2.11")
        return book, stage, dial(stage, "11")[1]

    def test_an_answered_call(self) -> None:
        book, stage, sent = self.call(always="089123456")
        answer(stage, to(sent, FIRST)[0], 200)
        (told,) = book
        assert (told.account, told.src_user, told.dst_ouser, told.result) == (
            f"11@{DOMAIN}",
            "10",
            "11",
            "answered",
        )

    def test_one_that_nobody_took_is_missed_by_who_forwarded_it(self) -> None:
        book, stage, sent = self.call(busy="089123456")
        forwarded = stage.receive(response_to(to(sent, "192.0.2.11")[0], 486), PHONES[0])
        answer(stage, to(forwarded, FIRST)[0], 486)
        (told,) = book
        assert (told.account, told.status, told.missed) == (f"11@{DOMAIN}", 486, True)

    def test_a_call_that_was_not_forwarded_is_the_callers(self) -> None:
        book, stage, sent = self.call(busy="089123456")
        stage.receive(response_to(to(sent, "192.0.2.11")[0], 200), PHONES[0])
        (told,) = book
        assert told.account == f"10@{DOMAIN}"
