"""Two workers as the proxy sees them: what belongs to the other is handed over as it came."""

from __future__ import annotations

import pytest

from appliance.proxy.branch import Branches, copy_of, parts_of, same_worker, worker_in
from appliance.sip.hop import Hop
from appliance.sip.message import Request
from tests.harness.message import Message
from tests.unit.proxy.stage import DOMAIN, Stage, ack_of, cancel_of, response_to

CALLER = Hop("udp", "192.0.2.50", 5060, 0)


class Other:
    """Worker 2, seen from worker 1 and played: another stage."""

    def __init__(self) -> None:
        self.stage: Stage | None = None
        self.lives = True
        self.handed: list[bytes] = []
        self.asked: list[bytes] = []
        self.over: list[str] = []
        self.behind = False

    def has_issued(self, worker: int, boot: int) -> bool:
        assert self.stage is not None
        return self.lives and (worker, boot) == (2, self.stage.core.nonces.boot)

    def hand_over(self, worker: int, data: bytes, hop: Hop) -> bool:
        if not self.lives:
            return False
        assert self.stage is not None
        self.handed.append(data)
        self.stage.core.admission.receive_handed(data, hop)
        return True

    def find_invite(self, data: bytes, hop: Hop) -> bool:
        assert self.stage is not None
        self.asked.append(data)
        if not self.lives or not self.stage.core.admission.has_invite(data, hop):
            return False
        self.stage.core.admission.receive_handed(data, hop)
        return True

    def hung_up(self, call_id: str) -> None:
        self.over.append(call_id)

    def hear(self) -> None:
        pass


class Pair:
    def __init__(self) -> None:
        self.other = Other()
        self.one = Stage(worker=1, others=self.other)
        back = Other()
        back.stage = self.one
        self.two = Stage(worker=2, others=back)
        self.other.stage = self.two
        for stage in (self.one, self.two):
            stage.add_user("10")
            stage.bind("11", "sip:11@192.0.2.60")


@pytest.fixture
def pair() -> Pair:
    return Pair()


def register(stage: Stage) -> Message:
    return stage.request("REGISTER", f"sip:{DOMAIN}", to=f"sip:10@{DOMAIN}")


def test_a_nonce_of_the_other_is_judged_there(pair: Pair) -> None:
    request = register(pair.one)
    (challenge,) = pair.two.receive(request)
    again = pair.two.answered(request, challenge.message)
    assert pair.one.receive(again) == []
    assert [each.message.status for each in pair.two.sent] == [401, 200]
    assert pair.other.handed == [again.encode()]
    # Counted where it came, and not twice.
    assert pair.one.metrics.requests_received.total() == 1
    assert pair.two.metrics.requests_received.total() == 1
    # The count is used up where the nonce is known.
    replayed = again.with_header("Via", again.get("Via").replace("again", "replayed"))
    pair.one.receive(replayed)
    assert "stale=true" in pair.two.sent[-1].message.get("WWW-Authenticate").lower()


def test_a_nonce_of_a_dead_worker_is_stale(pair: Pair) -> None:
    request = register(pair.one)
    (challenge,) = pair.two.receive(request)
    pair.other.lives = False
    (answer,) = pair.one.receive(pair.two.answered(request, challenge.message))
    assert answer.message.status == 401
    assert "stale=true" in answer.message.get("WWW-Authenticate").lower()


def test_a_request_is_handed_over_once_only(pair: Pair) -> None:
    """What was handed over is never handed on, whatever the other one believes."""
    request = register(pair.one)
    (challenge,) = pair.two.receive(request)
    again = pair.two.answered(request, challenge.message)
    pair.two.core.nonces._boot += 1
    pair.two.others.lives = True  # type: ignore[union-attr]
    pair.two.core.admission.receive_handed(again.encode(), CALLER)
    assert pair.two.sent[-1].message.status == 401
    assert pair.two.others.handed == []  # type: ignore[union-attr]


def test_the_branch_says_which_worker_has_sent(pair: Pair) -> None:
    for stage, number in ((pair.one, 1), (pair.two, 2)):
        invite = stage.request("INVITE", f"sip:11@{DOMAIN}")
        _, sent = stage.let_in(invite)
        (outgoing,) = (each.message for each in sent if each.message.is_request)
        response = response_to(outgoing, 180)
        assert worker_in(response.encode()) == number


def test_a_response_of_a_dead_worker_finds_its_caller_all_the_same(pair: Pair) -> None:
    invite = pair.two.request("INVITE", f"sip:11@{DOMAIN}")
    _, sent = pair.two.let_in(invite)
    (outgoing,) = (each.message for each in sent if each.message.is_request)
    (passed,) = pair.one.receive(response_to(outgoing, 180))
    assert passed.message.status == 180
    assert passed.message.all("Via") == outgoing.all("Via")[1:]


def test_a_cancel_and_the_ack_go_to_whoever_has_the_invite(pair: Pair) -> None:
    invite = pair.two.request("INVITE", f"sip:11@{DOMAIN}")
    invite, sent = pair.two.let_in(invite)
    (outgoing,) = (each.message for each in sent if each.message.is_request)
    pair.two.receive(response_to(outgoing, 180))
    before = len(pair.two.sent)
    assert pair.one.receive(cancel_of(invite)) == []
    answer, cancel = sorted((each.message for each in pair.two.sent[before:]), key=lambda m: m.is_request)
    assert (answer.status, answer.cseq[1]) == (200, "CANCEL")
    assert (cancel.method, cancel.all("Via")) == ("CANCEL", outgoing.all("Via")[:1])
    pair.two.receive(response_to(cancel, 200))
    refusal = response_to(outgoing, 487)
    pair.two.receive(refusal)
    assert pair.one.receive(ack_of(invite, refusal)) == []
    assert pair.two.advance(40.0) == []  # the 487 is not sent again


def test_a_cancel_that_nobody_knows_is_answered_here(pair: Pair) -> None:
    invite = pair.one.request("INVITE", f"sip:nobody@{DOMAIN}")
    (answer,) = pair.one.receive(cancel_of(invite))
    assert answer.message.status == 481
    assert len(pair.other.asked) == 1


def test_a_bye_of_an_unknown_call_is_told(pair: Pair) -> None:
    invite = pair.two.request("INVITE", f"sip:11@{DOMAIN}")
    pair.one.core.calls.hung_up(_parsed(invite), 1000.0)
    assert pair.other.over == [invite.call_id]


def _parsed(message: Message) -> Request:
    from appliance.sip.parser import parse

    request = parse(message.encode())
    assert isinstance(request, Request)
    return request


def test_the_worker_stands_in_the_branch_and_is_signed() -> None:
    request = _parsed(Stage().request("INVITE", f"sip:11@{DOMAIN}"))
    request.set_top_via_params("192.0.2.50", 5060)
    alone, second = Branches(b"k" * 32), Branches(b"k" * 32, 2)
    assert parts_of(alone.make(request, 0x1234))[0] == 0x1234  # type: ignore[index]
    number = parts_of(second.make(request, 0x1234))[0]  # type: ignore[index]
    assert (number, copy_of(number)) == (0x21234, 0x1234)
    # Any worker computes the branch of any other.
    assert Branches(b"k" * 32, 5).make(request, number) == second.make(request, 0x1234)
    assert same_worker(7, number) == 0x20007
    assert second.make(request, 1) != Branches(b"k" * 32, 3).make(request, 1).replace("3", "2", 1)


@pytest.mark.parametrize(
    ("response", "worker"),
    [
        (b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKsb2abcd.ff.00\r\n", 2),
        (b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKsb40abcd.ff.00\r\n", 64),
        (b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKsbabcd.ff.00\r\n", 0),
        (b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bKsb0000002abcd.ff.00\r\n", 0),
        (b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK77\r\n", 0),
        (b"SIP/2.0 200 OK\r\n", 0),
    ],
)
def test_the_worker_is_read_from_the_text(response: bytes, worker: int) -> None:
    assert worker_in(response) == worker
