"""The rows of both tables of the client side, and what INVITE and all other methods have in common."""

from __future__ import annotations

import pytest

from appliance.sip.hop import Hop
from appliance.sip.message import Response
from appliance.transaction.client import ClientTransaction
from appliance.transaction.invite_client import INVITE_CLIENT, InviteClientTransaction
from appliance.transaction.machine import (
    ACCEPTED,
    CALLING,
    COMPLETED,
    EXPIRY,
    FAILURE,
    PROCEEDING,
    PROVISIONAL,
    RESEND,
    SUCCESS,
    TERMINATED,
    TRANSPORT_ERROR,
    TRYING,
    UNSENT,
)
from appliance.transaction.non_invite_client import NON_INVITE_CLIENT
from tests.unit.transaction.conftest import Bench
from tests.unit.transaction.messages import TCP, UDP, response


def bring(bench: Bench, method: str, state: str) -> ClientTransaction:
    transaction = bench.client(method)
    if state == PROCEEDING:
        bench.receive(response(180, method))
    elif state == ACCEPTED or (state == COMPLETED and method != "INVITE"):
        bench.receive(response(200, method))
    elif state == COMPLETED:
        bench.receive(response(486, method))
    elif state == UNSENT:
        transaction.fail(bench.now)
    assert transaction.state == state
    bench.clear()
    return transaction


def cause(bench: Bench, transaction: ClientTransaction, event: str) -> None:
    if event == TRANSPORT_ERROR:
        transaction.fail(bench.now)
    elif event == RESEND:
        bench.run_until(transaction.resend_at)
    elif event == EXPIRY:
        if isinstance(transaction, InviteClientTransaction) and transaction.state == PROCEEDING:
            bench.table.cancel(transaction, bench.now)
        bench.run_until(transaction.expire_at - 0.02)
        bench.clear()
        bench.run_until(max(transaction.expire_at, bench.now + 0.02))
    else:
        status = {PROVISIONAL: 183, SUCCESS: 202, FAILURE: 404}[event]
        bench.receive(response(status, transaction.method))


INVITE, ACKNOWLEDGE, MESSAGE = (
    f"{method} sip:11@192.0.2.20 SIP/2.0" for method in ("INVITE", "ACK", "MESSAGE")
)

# State, event, next state, what is sent, what the user is told. Over UDP.
INVITE_ROWS = [
    (CALLING, PROVISIONAL, PROCEEDING, None, ["183"]),
    (CALLING, SUCCESS, ACCEPTED, None, ["202"]),
    (CALLING, FAILURE, COMPLETED, ACKNOWLEDGE, ["404"]),
    (CALLING, RESEND, CALLING, INVITE, []),
    (CALLING, EXPIRY, TERMINATED, None, ["timeout"]),
    (CALLING, TRANSPORT_ERROR, UNSENT, None, []),
    (PROCEEDING, PROVISIONAL, PROCEEDING, None, ["183"]),
    (PROCEEDING, SUCCESS, ACCEPTED, None, ["202"]),
    (PROCEEDING, FAILURE, COMPLETED, ACKNOWLEDGE, ["404"]),
    (PROCEEDING, EXPIRY, TERMINATED, None, ["timeout"]),
    (UNSENT, EXPIRY, TERMINATED, None, ["transport error"]),
    (ACCEPTED, SUCCESS, ACCEPTED, None, ["202"]),
    (ACCEPTED, EXPIRY, TERMINATED, None, []),
    (COMPLETED, FAILURE, COMPLETED, ACKNOWLEDGE, []),
    (COMPLETED, EXPIRY, TERMINATED, None, []),
]
OTHER_ROWS = [
    (TRYING, PROVISIONAL, PROCEEDING, None, ["183"]),
    (TRYING, SUCCESS, COMPLETED, None, ["202"]),
    (TRYING, FAILURE, COMPLETED, None, ["404"]),
    (TRYING, RESEND, TRYING, MESSAGE, []),
    (TRYING, EXPIRY, TERMINATED, None, ["timeout"]),
    (TRYING, TRANSPORT_ERROR, UNSENT, None, []),
    (PROCEEDING, PROVISIONAL, PROCEEDING, None, ["183"]),
    (PROCEEDING, SUCCESS, COMPLETED, None, ["202"]),
    (PROCEEDING, FAILURE, COMPLETED, None, ["404"]),
    (PROCEEDING, RESEND, PROCEEDING, MESSAGE, []),
    (PROCEEDING, EXPIRY, TERMINATED, None, ["timeout"]),
    (PROCEEDING, TRANSPORT_ERROR, UNSENT, None, []),
    (UNSENT, EXPIRY, TERMINATED, None, ["transport error"]),
    (COMPLETED, SUCCESS, COMPLETED, None, []),
    (COMPLETED, FAILURE, COMPLETED, None, []),
    (COMPLETED, EXPIRY, TERMINATED, None, []),
]


@pytest.mark.parametrize(("state", "event", "after", "sent", "told"), INVITE_ROWS)
def test_invite_row(
    bench: Bench, state: str, event: str, after: str, sent: str | None, told: list[str]
) -> None:
    transaction = bring(bench, "INVITE", state)
    cause(bench, transaction, event)
    last = bench.sent[-1][1] if bench.sent else None
    assert (transaction.state, last, bench.words) == (after, sent, told)


@pytest.mark.parametrize(("state", "event", "after", "sent", "told"), OTHER_ROWS)
def test_other_row(
    bench: Bench, state: str, event: str, after: str, sent: str | None, told: list[str]
) -> None:
    transaction = bring(bench, "MESSAGE", state)
    cause(bench, transaction, event)
    last = bench.sent[-1][1] if bench.sent else None
    assert (transaction.state, last, bench.words) == (after, sent, told)


def test_these_are_all_rows() -> None:
    assert {(s, e) for s, row in INVITE_CLIENT.items() for e in row} == {row[:2] for row in INVITE_ROWS}
    assert {(s, e) for s, row in NON_INVITE_CLIENT.items() for e in row} == {row[:2] for row in OTHER_ROWS}


@pytest.mark.parametrize("method", ["INVITE", "MESSAGE"])
def test_whatever_has_no_row_changes_nothing(method: str) -> None:
    rows = INVITE_CLIENT if method == "INVITE" else NON_INVITE_CLIENT
    for state in rows:
        for event in (PROVISIONAL, SUCCESS, FAILURE, TRANSPORT_ERROR):
            if event in rows[state] or state == TERMINATED:
                continue
            bench = Bench()
            transaction = bring(bench, method, state)
            cause(bench, transaction, event)
            assert (transaction.state, bench.sent, bench.told) == (state, [], []), (state, event)


def test_request_and_user_are_there_while_the_last_response_is_told_and_gone_afterwards(bench: Bench) -> None:
    for method, status in (("INVITE", 200), ("INVITE", 486), ("MESSAGE", 200)):
        seen: list[str] = []

        class User(Bench):
            def on_response(self, transaction: ClientTransaction, response: Response, now: float) -> None:
                seen.append(transaction.request.method)  # noqa: B023

        bench = User()
        transaction = bench.client(method)
        bench.receive(response(status, method))
        assert seen == [method]
        assert not hasattr(transaction, "request")
        assert transaction.data[:3] == (b"ACK" if status == 486 else b"")
        bench.run_until(33)
        assert transaction.user is not bench


@pytest.mark.parametrize("hop", [UDP, TCP])
@pytest.mark.parametrize("method", ["INVITE", "MESSAGE"])
def test_a_request_that_cannot_be_sent_is_told_with_the_next_tick(
    bench: Bench, method: str, hop: Hop
) -> None:
    bench.broken = True
    transaction = bench.client(method, hop)
    assert bench.told == [], "never from within begin_client"
    assert transaction.state == UNSENT
    bench.run_until(0.02)
    assert bench.words == ["transport error"]
    assert bench.table.transport_errors == {"request": 1}
    assert bench.is_empty()


@pytest.mark.parametrize("method", ["INVITE", "MESSAGE"])
def test_a_copy_that_cannot_be_sent_ends_it(bench: Bench, method: str) -> None:
    bench.client(method)
    bench.run_until(0.2)
    bench.broken = True
    bench.run_until(40)
    assert bench.told == [(0.52, "transport error")]
    assert bench.is_empty()


@pytest.mark.parametrize("method", ["INVITE", "MESSAGE"])
def test_a_connection_that_breaks_later(bench: Bench, method: str) -> None:
    transaction = bench.client(method, TCP)
    bench.run_until(5)
    transaction.fail(bench.now)
    transaction.fail(bench.now)
    bench.run_until(6)
    assert bench.words == ["transport error"]
    assert bench.is_empty()


def test_a_user_that_fails_leaves_no_transaction_behind(bench: Bench) -> None:
    class Careless(Bench):
        def on_response(self, transaction: ClientTransaction, response: Response, now: float) -> None:
            raise RuntimeError("a mistake")

    bench = Careless()
    bench.client("MESSAGE")
    with pytest.raises(RuntimeError, match="a mistake"):
        bench.receive(response(200, "MESSAGE"))
    bench.run_until(5.02)
    assert bench.is_empty()
