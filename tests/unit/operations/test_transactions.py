"""Looking into the table of transactions, cancelling and answering by hand."""

from __future__ import annotations

import pytest

from appliance.errors import ControlError
from appliance.operations.transactions import Transactions
from appliance.operations.uac import UserAgent
from appliance.sip.hop import Hop
from appliance.sip.message import Request
from appliance.sip.parser import parse
from appliance.transaction.table import InviteServerTransaction, ServerTransaction
from tests.unit.operations.conftest import Bench

HEADERS = "From: <sip:admin@example.org>\r\nTo: <sip:x@192.0.2.9>\r\nCall-ID: ours\r\nCSeq: 5 INVITE\r\n"


def incoming(method: str, call_id: str = "theirs") -> Request:
    lines = [
        f"{method} sip:10@example.org SIP/2.0",
        f"Via: SIP/2.0/UDP 192.0.2.7;branch=z9hG4bK{method}{call_id}",
        "From: <sip:11@example.org>;tag=f",
        "To: <sip:10@example.org>",
        f"Call-ID: {call_id}",
        f"CSeq: 9 {method}",
        "Max-Forwards: 70",
        "Content-Length: 0",
    ]
    request = parse(("\r\n".join(lines) + "\r\n\r\n").encode())
    assert isinstance(request, Request)
    return request


class User:
    """Whoever handles an incoming request; remembers what it is told."""

    def __init__(self) -> None:
        self.cancelled = 0

    def on_cancel(self, transaction: InviteServerTransaction, now: float) -> None:
        self.cancelled += 1

    def on_terminated(self, transaction: ServerTransaction, now: float) -> None:
        """Nothing to do."""


def begin(bench: Bench, method: str = "INVITE", user: User | None = None) -> ServerTransaction:
    return bench.transactions.begin_server(incoming(method), Hop("udp", "192.0.2.7", 5060), bench.now, user)


def identifier(bench: Bench) -> tuple[int, int]:
    (row,) = Transactions(bench.box).rows()
    index, label = row["id"].split(":")
    return int(index), int(label)


def test_what_a_row_says(bench: Bench) -> None:
    begin(bench)
    (row,) = Transactions(bench.box).rows()
    assert row == {
        "id": row["id"],
        "kind": "invite_server",
        "method": "INVITE",
        "state": "proceeding",
        "peer": "udp:192.0.2.7:5060",
        "call_id": "theirs",
        "cseq": "9",
    }
    assert row["id"].startswith("1:")


def test_a_transaction_that_was_answered_is_still_listed(bench: Bench) -> None:
    transaction = begin(bench, "OPTIONS")
    transaction.respond(200, b"SIP/2.0 200 OK\r\n\r\n", bench.now)
    (row,) = Transactions(bench.box).rows()
    assert (row["kind"], row["state"]) == ("server", "completed")
    assert "call_id" not in row


def test_slots_count_by_kind(bench: Bench) -> None:
    begin(bench)
    UserAgent(bench.box).send("INVITE", "sip:x@192.0.2.9", headers=HEADERS)
    assert [(slot["index"], slot["current"], slot["total"]) for slot in Transactions(bench.box).slots()] == [
        (0, 1, 1),
        (1, 1, 1),
        (2, 0, 0),
        (3, 0, 0),
    ]


def test_cancelling_an_invite_of_our_own(bench: Bench) -> None:
    UserAgent(bench.box).send("INVITE", "sip:x@192.0.2.9", headers=HEADERS)
    bench.answer(bench.request(), 180, "Ringing")
    Transactions(bench.box).cancel("ours", "5")
    assert (bench.request().method, bench.request().call_id) == ("CANCEL", "ours")


def test_cancelling_a_call_that_passes_through(bench: Bench) -> None:
    user = User()
    begin(bench, user=user)
    Transactions(bench.box).cancel("theirs", "9 INVITE")
    assert user.cancelled == 1


@pytest.mark.parametrize(("call_id", "cseq"), [("other", "9"), ("theirs", "8"), ("theirs", "")])
def test_there_is_nothing_to_cancel(bench: Bench, call_id: str, cseq: str) -> None:
    begin(bench)
    with pytest.raises(ControlError, match="481 No such transaction"):
        Transactions(bench.box).cancel(call_id, cseq)


def test_only_an_invite_can_be_cancelled(bench: Bench) -> None:
    begin(bench, "OPTIONS")
    with pytest.raises(ControlError, match="481"):
        Transactions(bench.box).cancel("theirs", "9")


def test_answering_by_hand_ends_the_branches(bench: Bench) -> None:
    user = User()
    begin(bench, user=user)
    index, label = identifier(bench)
    Transactions(bench.box).reply(486, "Busy", index, label, "tag1", "X-By: hand\r\n", None)
    (data, hop) = bench.wire[-1]
    assert data.startswith(b"SIP/2.0 486 Busy\r\n")
    assert b"To: <sip:10@example.org>;tag=tag1\r\n" in data
    assert b"X-By: hand\r\n" in data
    assert hop == Hop("udp", "192.0.2.7", 5060)
    assert user.cancelled == 1
    assert bench.metrics.responses_sent["INVITE", 486] == 1


def test_a_provisional_answer_cancels_nothing(bench: Bench) -> None:
    user = User()
    begin(bench, user=user)
    index, label = identifier(bench)
    Transactions(bench.box).reply(183, "", index, label, "", None, "v=0\r\n")
    assert bench.wire[-1][0].startswith(b"SIP/2.0 183 Session Progress\r\n")
    assert bench.wire[-1][0].endswith(b"Content-Length: 5\r\n\r\nv=0\r\n")
    assert user.cancelled == 0


def test_no_transaction_of_that_name(bench: Bench) -> None:
    begin(bench)
    index, label = identifier(bench)
    operations = Transactions(bench.box)
    for wrong in ((index, label + 1), (index + 1, label)):
        with pytest.raises(ControlError, match="404 Transaction not found"):
            operations.reply(200, "OK", *wrong, "")
    operations.reply(486, "Busy", index, label, "t")
    with pytest.raises(ControlError, match="404 Transaction not found"):
        operations.reply(200, "OK", index, label, "t")


@pytest.mark.parametrize(
    ("reason", "to_tag"),
    [("OK\r\nX-Evil: yes", "t"), ("OK", "t\r\nX-Evil: yes"), ("OK", "t;x=y"), ("OK", "a b")],
)
def test_nothing_smuggles_a_header_into_an_answer(bench: Bench, reason: str, to_tag: str) -> None:
    begin(bench)
    with pytest.raises(ControlError, match="400 Bad parameter"):
        Transactions(bench.box).reply(200, reason, *identifier(bench), to_tag)
    assert bench.wire == []


def test_an_answer_that_the_rules_forbid(bench: Bench) -> None:
    begin(bench, "OPTIONS")
    index, label = identifier(bench)
    with pytest.raises(ControlError, match="500 Reply failed"):  # RFC 4320 §4.1
        Transactions(bench.box).reply(180, "Ringing", index, label, "t")
