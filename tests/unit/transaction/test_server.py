"""The rows of both tables of the server side, and what INVITE and all other methods have in common."""

from __future__ import annotations

import pytest

from appliance.sip.hop import Hop
from appliance.transaction.invite_server import INVITE_SERVER, InviteServerTransaction
from appliance.transaction.machine import (
    ACCEPTED,
    ACK,
    CANCEL,
    COMPLETED,
    CONFIRMED,
    EXPIRY,
    FAILURE,
    PROCEEDING,
    PROVISIONAL,
    REQUEST,
    RESEND,
    SILENCE,
    SUCCESS,
    TERMINATED,
    TRYING,
)
from appliance.transaction.non_invite_server import NON_INVITE_SERVER
from appliance.transaction.server import ServerTransaction
from tests.unit.transaction.conftest import Bench
from tests.unit.transaction.messages import UDP, answer, request


def bring(bench: Bench, method: str, state: str, hop: Hop) -> ServerTransaction:
    """A transaction in ``state``, with a 180 or 100 behind it when it is proceeding."""
    transaction = bench.server(method, hop)
    if method == "INVITE":
        if state == PROCEEDING:
            transaction.respond(180, answer(180), bench.now)
        elif state == ACCEPTED:
            transaction.respond(200, answer(200), bench.now)
        elif state in (COMPLETED, CONFIRMED):
            transaction.respond(486, answer(486), bench.now)
        if state == CONFIRMED:
            bench.table.absorb(request("ACK", to_tag="callee"), bench.now)
    else:
        if state == PROCEEDING:
            bench.run_until(3.48)
            bench.run_until(4.0)
        elif state == COMPLETED:
            transaction.respond(200, answer(200), bench.now)
    assert transaction.state == state
    bench.clear()
    return transaction


def cause(bench: Bench, transaction: ServerTransaction, event: str) -> None:
    now = bench.now
    if event == REQUEST:
        bench.table.absorb(request(transaction.method), now)
    elif event == ACK:
        bench.table.absorb(request("ACK", to_tag="callee"), now)
    elif event == CANCEL:
        assert isinstance(transaction, InviteServerTransaction)
        transaction.cancel(now)
    elif event == RESEND:
        bench.run_until(transaction.resend_at)
    elif event == EXPIRY:
        bench.run_until(transaction.expire_at - 0.02)
        bench.clear()
        bench.run_until(transaction.expire_at)
    else:
        status = {PROVISIONAL: 183, SUCCESS: 202, FAILURE: 404, SILENCE: 408}[event]
        if event == PROVISIONAL and transaction.method != "INVITE":
            status = 100
        transaction.respond(status, answer(status), now)


def last_word(bench: Bench) -> str | None:
    return bench.sent[-1][1] if bench.sent else None


# State, event, next state, what is sent, what the user is told. Over UDP.
INVITE_ROWS = [
    (PROCEEDING, REQUEST, PROCEEDING, "SIP/2.0 180 Whatever", []),
    (PROCEEDING, PROVISIONAL, PROCEEDING, "SIP/2.0 183 Whatever", []),
    (PROCEEDING, SUCCESS, ACCEPTED, "SIP/2.0 202 Whatever", []),
    (PROCEEDING, FAILURE, COMPLETED, "SIP/2.0 404 Whatever", []),
    (PROCEEDING, CANCEL, PROCEEDING, None, ["cancel"]),
    (ACCEPTED, REQUEST, ACCEPTED, None, []),
    (ACCEPTED, SUCCESS, ACCEPTED, "SIP/2.0 202 Whatever", []),
    (ACCEPTED, EXPIRY, TERMINATED, None, ["terminated"]),
    (COMPLETED, REQUEST, COMPLETED, "SIP/2.0 486 Whatever", []),
    (COMPLETED, ACK, CONFIRMED, None, []),
    (COMPLETED, RESEND, COMPLETED, "SIP/2.0 486 Whatever", []),
    (COMPLETED, EXPIRY, TERMINATED, None, ["terminated"]),
    (CONFIRMED, REQUEST, CONFIRMED, None, []),
    (CONFIRMED, ACK, CONFIRMED, None, []),
    (CONFIRMED, EXPIRY, TERMINATED, None, ["terminated"]),
]
OTHER_ROWS = [
    (TRYING, REQUEST, TRYING, None, []),
    (TRYING, SUCCESS, COMPLETED, "SIP/2.0 202 Whatever", []),
    (TRYING, FAILURE, COMPLETED, "SIP/2.0 404 Whatever", []),
    (TRYING, SILENCE, COMPLETED, None, []),
    (TRYING, RESEND, PROCEEDING, "SIP/2.0 100 Trying", []),
    (PROCEEDING, REQUEST, PROCEEDING, "SIP/2.0 100 Trying", []),
    (PROCEEDING, PROVISIONAL, PROCEEDING, "SIP/2.0 100 Whatever", []),
    (PROCEEDING, SUCCESS, COMPLETED, "SIP/2.0 202 Whatever", []),
    (PROCEEDING, FAILURE, COMPLETED, "SIP/2.0 404 Whatever", []),
    (PROCEEDING, SILENCE, COMPLETED, None, []),
    (PROCEEDING, EXPIRY, TERMINATED, None, ["terminated"]),
    (COMPLETED, REQUEST, COMPLETED, "SIP/2.0 200 Whatever", []),
    (COMPLETED, EXPIRY, TERMINATED, None, ["terminated"]),
]
# These two have tests of their own: a 100 goes out by itself before either, when time goes its usual way.
OTHER_ROWS_BELOW = {(TRYING, PROVISIONAL), (TRYING, EXPIRY)}


@pytest.mark.parametrize(("state", "event", "after", "sent", "told"), INVITE_ROWS)
def test_invite_row(
    bench: Bench, state: str, event: str, after: str, sent: str | None, told: list[str]
) -> None:
    transaction = bring(bench, "INVITE", state, UDP)
    cause(bench, transaction, event)
    assert (transaction.state, last_word(bench), bench.words) == (after, sent, told)


@pytest.mark.parametrize(("state", "event", "after", "sent", "told"), OTHER_ROWS)
def test_other_row(
    bench: Bench, state: str, event: str, after: str, sent: str | None, told: list[str]
) -> None:
    transaction = bring(bench, "MESSAGE", state, UDP)
    cause(bench, transaction, event)
    assert (transaction.state, last_word(bench), bench.words) == (after, sent, told)


def test_these_are_all_rows() -> None:
    assert {(s, e) for s, row in INVITE_SERVER.items() for e in row} == {row[:2] for row in INVITE_ROWS}
    rows = {(s, e) for s, row in NON_INVITE_SERVER.items() for e in row}
    assert rows == {row[:2] for row in OTHER_ROWS} | OTHER_ROWS_BELOW


@pytest.mark.parametrize("method", ["INVITE", "MESSAGE"])
def test_whatever_has_no_row_changes_nothing(method: str) -> None:
    rows = INVITE_SERVER if method == "INVITE" else NON_INVITE_SERVER
    for state in rows:
        for event in (PROVISIONAL, SUCCESS, FAILURE, SILENCE, ACK):
            if event in rows[state] or state == TERMINATED or (event == SILENCE and method == "INVITE"):
                continue
            bench = Bench()
            transaction = bring(bench, method, state, UDP)
            cause(bench, transaction, event)
            assert (transaction.state, bench.sent, bench.told) == (state, [], []), (state, event)


@pytest.mark.parametrize("status", [0, 99, 700, 1000])
@pytest.mark.parametrize("method", ["INVITE", "MESSAGE"])
def test_what_is_no_status_is_not_sent(bench: Bench, method: str, status: int) -> None:
    transaction = bench.server(method)
    assert not transaction.respond(status, b"", 0.0)
    assert bench.sent == []
    assert transaction.last_status == 0


@pytest.mark.parametrize("method", ["INVITE", "MESSAGE"])
def test_an_answer_that_cannot_be_sent_is_kept_for_the_next_copy(bench: Bench, method: str) -> None:
    transaction = bench.server(method)
    bench.broken = True
    transaction.respond(486, answer(486), 0.0)
    assert bench.table.transport_errors == {"response": 1}
    bench.broken = False
    assert bench.table.absorb(request(method), 0.1)
    assert len(bench.sent) == 1
    bench.run_until(33)
    assert bench.is_empty()
