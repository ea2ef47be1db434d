"""A transaction goes on in another process from where it was: states, deadlines, copies."""

from __future__ import annotations

import pytest

from appliance.transaction.invite_client import InviteClientTransaction
from appliance.transaction.machine import (
    ACCEPTED,
    CALLING,
    COMPLETED,
    PROCEEDING,
    TERMINATED,
    TRYING,
    Remains,
)
from appliance.transaction.timers import NEVER
from tests.unit.transaction.conftest import Bench
from tests.unit.transaction.messages import UDP, answer, request, response


def taken_up(bench: Bench, method: str = "INVITE", away: float = 0.0) -> Bench:
    """What the bench's client transaction is in another process, ``away`` seconds later."""
    (old,) = [each for each in bench.table if each.key == ("z9hG4bKproxy", method)]
    other = Bench()
    other.run_until(bench.now + away)
    other.table.resume_client(
        old.request, old.data, old.hop, other, old.key, old.remains(bench.now), bench.now, other.now
    )
    return other


def test_an_invite_without_an_answer_goes_on_being_sent(bench: Bench) -> None:
    bench.invite()
    bench.run_until(1.0)
    other = taken_up(bench)
    other.run_until(40.0)
    assert [at for at, _, _ in other.sent] == pytest.approx([1.5, 3.5, 7.5, 15.5, 31.5], abs=0.05)
    assert [what for _, what in other.told] == ["timeout"]
    assert other.told[0][0] == pytest.approx(32.0, abs=0.05)
    assert len(other.table) == 0


def test_what_became_due_meanwhile_is_done_at_once(bench: Bench) -> None:
    bench.invite()
    other = taken_up(bench, away=33.0)
    other.run_until(33.1)
    assert [what for _, what in other.told] == ["timeout"]


def test_one_that_rings_waits_without_a_timer(bench: Bench) -> None:
    bench.invite()
    bench.receive(response(180, branch="z9hG4bKproxy"))
    other = taken_up(bench)
    other.run_until(100.0)
    assert other.sent == []
    assert other.receive(response(200, branch="z9hG4bKproxy"))
    assert [what for _, what in other.told] == ["200"]


def test_copies_of_a_refusal_are_acknowledged(bench: Bench) -> None:
    invite = bench.invite()
    bench.receive(response(486, branch="z9hG4bKproxy"))
    other = Bench()
    other.table.resume_client(
        request(), invite.data, UDP, other, invite.key, invite.remains(bench.now), bench.now, other.now
    )
    other.receive(response(486, branch="z9hG4bKproxy"))
    assert [line.split()[0] for _, line, _ in other.sent] == ["ACK"]
    assert other.told == []
    other.run_until(33.0)
    assert len(other.table) == 0


def test_another_request_goes_on_being_sent(bench: Bench) -> None:
    bench.client("MESSAGE")
    bench.run_until(1.6)
    other = taken_up(bench, "MESSAGE")
    other.run_until(8.0)
    assert [at for at, _, _ in other.sent] == pytest.approx([3.5, 7.5], abs=0.05)


def test_a_wanted_cancel_is_the_users_to_ask_for_again(bench: Bench) -> None:
    bench.table.cancel(bench.invite(), bench.now)
    other = taken_up(bench)
    (invite,) = other.table
    assert isinstance(invite, InviteClientTransaction)
    assert invite.wanted_cancel is None
    other.table.cancel_again(invite, (), 0.5)
    other.receive(response(180, branch="z9hG4bKproxy"))
    assert [line.split()[0] for _, line, _ in other.sent] == ["CANCEL"]
    other.run_until(0.6)


@pytest.mark.parametrize("answered", [False, True])
def test_a_cancel_that_was_sent_is_sent_again_unless_it_had_its_effect(bench: Bench, answered: bool) -> None:
    bench.invite()
    bench.receive(response(180, branch="z9hG4bKproxy"))
    other = taken_up(bench)
    (invite,) = other.table
    assert isinstance(invite, InviteClientTransaction)
    other.table.cancel_again(invite, (), 0.3)
    assert other.sent == []
    if answered:
        other.receive(response(487, branch="z9hG4bKproxy"))
    other.run_until(0.4)
    assert [line.split()[0] for _, line, _ in other.sent] == (["ACK"] if answered else ["CANCEL"])


@pytest.mark.parametrize("state", [PROCEEDING, ACCEPTED, COMPLETED])
def test_a_request_that_came_is_known_again(bench: Bench, state: str) -> None:
    message = request()
    bench.table.resume_server(
        message, UDP, ("z9hG4bK1", "a", 5060, "INVITE"), Remains(state, 0.5, 9, 32), 0, 0
    )
    with pytest.raises(ValueError, match="already"):
        bench.table.resume_server(
            message, UDP, ("z9hG4bK1", "a", 5060, "INVITE"), Remains(state, 0.5, 9, 32), 0.0, 0.0
        )
    assert len(bench.table) == 1


def test_a_refusal_goes_on_being_sent_until_its_ack(bench: Bench) -> None:
    server = bench.server()
    server.respond(486, answer(486), bench.now)
    other = Bench()
    again = other.table.resume_server(request(), UDP, server.key, server.remains(0.0), 0.0, 0.0)
    again.response, again.last_status = server.response, server.last_status
    other.run_until(1.0)
    assert len(other.sent) == 1
    assert other.table.absorb(request("ACK", to_tag="callee"), other.now)
    other.run_until(6.1)
    assert len(other.sent) == 1
    assert len(other.table) == 0


def test_one_that_is_over_stands_in_no_table(bench: Bench) -> None:
    over = Remains(TERMINATED, 0.0, NEVER, NEVER)
    server = bench.table.resume_server(request(), UDP, ("b", "a", 5060, "INVITE"), over, 0.0, 0.0)
    assert not server.respond(200, answer(200), 0.0)
    assert len(bench.table) == 0
    assert len(bench.table.wheel) == 0


@pytest.mark.parametrize(("method", "state"), [("INVITE", TRYING), ("MESSAGE", CALLING), ("INVITE", "?")])
def test_a_state_that_the_machine_does_not_have(bench: Bench, method: str, state: str) -> None:
    with pytest.raises(ValueError, match="cannot be"):
        bench.table.resume_server(request(method), UDP, ("b",), Remains(state, 0.0, NEVER, NEVER), 0.0, 0.0)
    assert len(bench.table) == 0
