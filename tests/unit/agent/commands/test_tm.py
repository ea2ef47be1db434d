"""The commands of the module tm, in OpenSER's words."""

from __future__ import annotations

import pytest

from tests.unit.agent.commands.answering import Answering, run


def test_each_answer_to_a_request_is_a_reply() -> None:
    none = {"request_uri": None, "next_hop": None, "route_set": None}
    process = Answering(
        uac=[
            {"status": 100, "reason": "Trying", "headers": "Via: a\r\n\r\n", **none},
            {"status": 408, "reason": "Request Timeout", "headers": None, **none},
        ]
    )
    assert run(process, "t_uac_dlg", "OPTIONS", "sip:a", ".", ".", ".") == (
        "200 OK\n100 Trying\n.\n.\n.\nVia: a\r\n\r\n\n\n200 OK\n408 Request Timeout\n.\n.\n.\n.\n\n"
    )
    left_out = {"next_hop": None, "socket": None, "headers": None, "body": None}
    assert process.asked == [("uac", {"method": "OPTIONS", "ruri": "sip:a", **left_out})]


def test_what_is_given_to_a_request() -> None:
    process = Answering(uac=[])
    run(process, "t_uac_dlg", "INFO", "sip:a", "sip:b", "udp:c:1", "To: x\r\n", "body")
    told = {"next_hop": "sip:b", "socket": "udp:c:1", "headers": "To: x\r\n", "body": "body"}
    assert process.asked == [("uac", {"method": "INFO", "ruri": "sip:a", **told})]


def test_cancelling() -> None:
    process = Answering(uac_cancel=None)
    assert run(process, "t_uac_cancel", "call", "5") == "200 OK\n\n"
    assert process.asked == [("uac_cancel", {"callid": "call", "cseq": "5"})]


def test_the_hash() -> None:
    slots = [{"index": 0, "current": 1, "total": 9}, {"index": 1, "current": 0, "total": 0}]
    text = run(Answering(transaction_slots=slots), "t_hash")
    assert text == "200 OK\n0 Current=1 Total=9\n1 Current=0 Total=0\n\n"


@pytest.mark.parametrize(
    ("code", "identifier", "answer"),
    [
        ("700", "1:2", "400 Invalid reply code"),
        ("x", "1:2", "400 Invalid reply code"),
        ("99", "1:2", "400 Invalid reply code"),
        ("²00", "1:2", "400 Invalid reply code"),
        ("200", "12", "400 Invalid trans_id"),
        ("200", "x:2", "400 Invalid index in trans_id"),
        ("200", "1:x", "400 Invalid label in trans_id"),
        ("200", "1:", "400 Invalid label in trans_id"),
        ("200", "1:2", "200 OK"),
    ],
)
def test_answering_by_hand(code: str, identifier: str, answer: str) -> None:
    process = Answering(transaction_reply=None)
    assert run(process, "t_reply", code, "Fine", identifier, "tag", ".") == f"{answer}\n\n"
    told = {
        "status": 200,
        "reason": "Fine",
        "index": 1,
        "label": 2,
        "to_tag": "tag",
        "headers": None,
        "body": None,
    }
    assert process.asked == ([("transaction_reply", told)] if answer == "200 OK" else [])
