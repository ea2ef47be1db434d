"""A phone on TCP whose connection is gone: a call waits a little for it, and never for Timer B (32 s)."""

from __future__ import annotations

import time

import pytest

from tests.harness.sipbox import Sipbox


@pytest.fixture
def lost(box: Sipbox) -> Sipbox:
    """A server where 11 has registered over TCP, and has lost its connection."""
    with box.phone("11", "secret-11", transport="tcp") as phone:
        assert phone.register().status == 200
    return box


def test_a_call_waits_for_the_phone_to_connect_again(lost: Sipbox) -> None:
    with lost.phone("10", "secret-10") as caller:
        invite = caller.invite("11")
        caller.expect(100)
        time.sleep(0.5)
        with lost.phone("11", "secret-11", transport="tcp") as back:
            assert back.register().status == 200
            assert back.expect("INVITE").call_id == invite.call_id


def test_a_phone_that_does_not_come_back_holds_the_caller_up_for_five_seconds(lost: Sipbox) -> None:
    with lost.phone("10", "secret-10") as caller:
        invite = caller.invite("11")
        refusal = caller.final(invite, timeout=15)
        assert refusal.status == 480
        caller.send(caller.ack(invite, refusal))
