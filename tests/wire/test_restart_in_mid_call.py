"""A restart in the middle of a call: three phones ring, the process goes, one of them answers."""

from __future__ import annotations

import stat
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.harness.message import Message
from tests.harness.phone import SDP, Dialog, Phone, hang_up, talk
from tests.harness.sipbox import Sipbox
from tests.harness.waiting import wait_until

# A process that starts on a busy machine takes its time; phones wait as phones do.
PATIENCE = 20.0


class Ringing:
    """10 calls 11, whose three phones ring."""

    def __init__(self, box: Sipbox, caller: Phone, phones: list[Phone]) -> None:
        self.box, self.caller, self.phones = box, caller, phones
        for phone in phones:
            assert phone.register(timeout=PATIENCE).status == 200
        self.request = caller.invite("11")
        self.invites = [phone.expect("INVITE", timeout=PATIENCE) for phone in phones]
        for phone, invite in zip(phones, self.invites, strict=True):
            phone.reply(invite, 180, "Ringing")
            caller.expect(180, timeout=PATIENCE)

    def answer(self, winner: int = 1) -> tuple[Dialog, Dialog]:
        """That phone picks up, the caller hears it and says so; both dialogs."""
        phone, invite = self.phones[winner], self.invites[winner]
        answer = phone.reply(invite, 200, "OK", body=SDP)
        answered = self.caller.final(self.request, timeout=PATIENCE)
        assert answered.status == 200
        assert answered.get("To") == answer.get("To")
        dialog = self.caller.dialog_as_caller(self.request, answered)
        self.caller.send(self.caller.within(dialog, "ACK"))
        phone.expect("ACK", timeout=PATIENCE)
        return dialog, phone.dialog_as_callee(invite, answer)

    def refuse(self, phone: Phone, status: int, reason: str) -> Message:
        """That phone says no, as often as it takes until its refusal is acknowledged."""
        invite = self.invites[self.phones.index(phone)]
        refusal = phone.reply(invite, status, reason)

        def acknowledged() -> bool:
            phone.take_in(0.5)
            if any(message.method == "ACK" for message in phone.unread):
                return True
            phone.send(refusal)
            return False

        wait_until(f"the {status} is acknowledged", acknowledged, timeout=PATIENCE)
        phone.expect("ACK")
        return refusal

    def stopped(self, phone: Phone) -> None:
        """That phone is told to stop ringing, and is done with the call."""
        cancel = phone.expect("CANCEL", timeout=PATIENCE)
        invite = self.invites[self.phones.index(phone)]
        assert cancel.branches[0] == invite.branches[0]
        assert cancel.uri == invite.uri
        phone.reply(cancel, 200, "OK")
        self.refuse(phone, 487, "Request Terminated")


@pytest.fixture
def ringing(box: Sipbox) -> Iterator[Ringing]:
    with ExitStack() as stack:
        caller = stack.enter_context(box.phone("10", "secret-10"))
        phones = [stack.enter_context(box.phone("11", "secret-11")) for _ in range(3)]
        yield Ringing(box, caller, phones)


def test_one_answers_and_the_others_stop_ringing(ringing: Ringing) -> None:
    ringing.box.restart()
    dialog, _ = ringing.answer(1)
    for loser in (ringing.phones[0], ringing.phones[2]):
        ringing.stopped(loser)
    hang_up(ringing.caller, ringing.phones[1], dialog)
    ringing.caller.silent(but=(100, 180))


def test_one_answers_while_nobody_is_there(ringing: Ringing) -> None:
    """The 200 comes in the gap: the phone sends it again until the ACK (RFC 3261 §13.3.1.4)."""
    ringing.box.stop()
    phone, invite = ringing.phones[1], ringing.invites[1]
    answer = phone.reply(invite, 200, "OK", body=SDP)
    ringing.box.start()
    phone.send(answer)
    assert ringing.caller.final(ringing.request, timeout=PATIENCE).status == 200
    for loser in (ringing.phones[0], ringing.phones[2]):
        ringing.stopped(loser)


def test_a_restart_between_the_answer_and_the_end_of_the_others(ringing: Ringing) -> None:
    """They were told before it and say so after it; what is for us does not bother the caller."""
    dialog, _ = ringing.answer(0)
    ringing.box.restart()
    for loser in ringing.phones[1:]:
        ringing.stopped(loser)
    hang_up(ringing.caller, ringing.phones[0], dialog)
    ringing.caller.silent(but=(100, 180))


def test_the_caller_gives_up_after_the_restart(ringing: Ringing) -> None:
    ringing.box.restart()
    caller = ringing.caller
    cancel = caller.cancel(ringing.request)
    caller.send(cancel)
    assert caller.final(cancel, timeout=PATIENCE).status == 200
    for phone in ringing.phones:
        ringing.stopped(phone)
    refused = caller.final(ringing.request, timeout=PATIENCE)
    assert refused.status == 487
    caller.send(caller.ack(ringing.request, refused))
    caller.silent(but=(100, 180))


def test_the_best_of_refusals_before_and_after_the_restart(ringing: Ringing) -> None:
    ringing.refuse(ringing.phones[0], 486, "Busy Here")
    ringing.box.restart()
    for phone in ringing.phones[1:]:
        ringing.caller.silent(0.2, but=(100, 180))
        ringing.refuse(phone, 480, "Temporarily Unavailable")
    refused = ringing.caller.final(ringing.request, timeout=PATIENCE)
    assert refused.status in (480, 486)
    ringing.caller.send(ringing.caller.ack(ringing.request, refused))
    ringing.caller.silent(but=(100, 180))


def test_what_is_kept_is_for_the_server_alone_and_not_for_long(ringing: Ringing) -> None:
    ringing.box.stop()
    kept = ringing.box.directory / "state" / "unfinished-1.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    ringing.box.start()
    assert not kept.exists()
    assert "1 of 1 requests that were under way are taken up" in ringing.box.log
    kept.write_bytes(b"\0garbage")
    ringing.answer(1)
    ringing.box.kill9()
    ringing.box.start()
    assert not kept.exists()
    assert "are not taken up: it cannot be read" in ringing.box.log


def test_killed_it_still_ends_the_ringing_of_the_losers(ringing: Ringing) -> None:
    """Nothing could be written down: who rings is looked up again, and branches are computed again."""
    ringing.box.kill9()
    ringing.box.start()
    dialog, _ = ringing.answer(1)
    for loser in (ringing.phones[0], ringing.phones[2]):
        ringing.stopped(loser)
    hang_up(ringing.caller, ringing.phones[1], dialog)
    ringing.caller.silent(but=(100, 180))


def test_killed_it_still_hears_that_the_caller_gives_up(ringing: Ringing) -> None:
    ringing.box.kill9()
    ringing.box.start()
    caller = ringing.caller
    cancel = caller.cancel(ringing.request)
    caller.send(cancel)
    assert caller.final(cancel, timeout=PATIENCE).status == 200
    for phone, invite in zip(ringing.phones, ringing.invites, strict=True):
        told = phone.expect("CANCEL", timeout=PATIENCE)
        assert told.branches[0] == invite.branches[0]
        phone.reply(told, 200, "OK")
        phone.reply(invite, 487, "Request Terminated")
    refused = caller.final(ringing.request, timeout=PATIENCE)
    assert refused.status == 487
    caller.send(caller.ack(ringing.request, refused))
    for phone in ringing.phones:
        phone.expect("ACK", timeout=PATIENCE)


@pytest.mark.parametrize("killed", [False, True], ids=["stopped", "killed"])
def test_a_bye_in_the_gap(box: Sipbox, killed: bool) -> None:
    """It was sent on, and its answer comes when another process is there: the client asks again, by the same
    branch, and gets it (RFC 3261 §17.1.2.2, §17.2.2)."""
    with box.phone("10", "secret-10") as caller, box.phone("11", "secret-11") as callee:
        callee.register()
        dialog, _ = talk(caller, callee)
        bye = caller.within(dialog, "BYE")
        caller.send(bye)
        first = callee.expect("BYE", timeout=PATIENCE)
        if killed:
            box.kill9()
        else:
            box.stop()
        box.start()
        callee.reply(first, 200, "OK")
        if killed:
            caller.silent(0.2, but=(100, 180))
            caller.send(bye)
            again = callee.expect("BYE", timeout=PATIENCE)
            assert again.branches[0] == first.branches[0]
            callee.reply(again, 200, "OK")
        assert caller.final(bye, timeout=PATIENCE).status == 200


def test_a_call_that_is_up_stays_up(box: Sipbox) -> None:
    with box.phone("10", "secret-10") as caller, box.phone("11", "secret-11") as callee:
        callee.register()
        dialog, other = talk(caller, callee)
        box.restart()
        again = caller.within(dialog, "INVITE", body=SDP)
        caller.send(again)
        callee.reply(callee.expect("INVITE", timeout=PATIENCE), 200, "OK", body=SDP)
        assert caller.final(again, timeout=PATIENCE).status == 200
        caller.send(caller.within(dialog, "ACK"))
        callee.expect("ACK", timeout=PATIENCE)
        hang_up(callee, caller, other)
        wait_until("the end of the call is told", lambda: "answered (200) after" in box.log)


def test_a_registration_in_the_gap(box: Sipbox) -> None:
    """The phone sends it again until somebody is there (RFC 3261 §17.1.2.2); the challenge of before holds or
    is renewed."""
    with box.phone("11", "secret-11") as phone:
        request = phone.request(
            "REGISTER", f"sip:{box.domain}", to=f"<{phone.aor}>", contact=f"<{phone.contact}>"
        )
        phone.send(request)
        challenge = phone.final(request)
        assert challenge.status == 401
        box.stop()
        request = phone.authorized(request, challenge)
        phone.send(request)
        box.start(wait=False)
        answer = _answer_to(phone, request)
        if answer.status == 401:
            assert "stale=true" in answer.get("WWW-Authenticate")
            request = phone.authorized(request, answer)
            phone.send(request)
            answer = phone.final(request, timeout=PATIENCE)
        assert answer.status == 200
        assert phone.contact in answer.get("Contact")


def _answer_to(phone: Phone, request: Message) -> Message:
    """The final response to a request that is sent again every half second."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        try:
            return phone.final(request, timeout=0.5)
        except (AssertionError, ConnectionRefusedError):
            phone.send(request)
    raise AssertionError(f"no answer within {PATIENCE:g} s; {phone.told()}")
