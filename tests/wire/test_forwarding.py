"""Calls that go elsewhere, with real sockets and rows: what is typed counts for the next call."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.harness.phone import Phone
from tests.harness.sipbox import Sipbox
from tests.harness.waiting import wait_until


@pytest.fixture
def box(database_url: str | None) -> Iterator[Sipbox]:
    with Sipbox(database_url, settings={"forwarding": {"speed_dial": "relay"}}, agent=True) as server:
        server.add_subscribers({user: f"secret-{user}" for user in ("10", "11", "12")})
        yield server


@pytest.fixture
def phones(box: Sipbox) -> Iterator[tuple[Phone, Phone, Phone]]:
    """10 calls; 11 and 12 are registered."""
    with (
        Phone("10", "secret-10", proxy=box.address) as caller,
        Phone("11", "secret-11", proxy=box.address) as callee,
        Phone("12", "secret-12", proxy=box.address) as other,
    ):
        assert callee.register().status == 200
        assert other.register().status == 200
        yield caller, callee, other


def test_always_and_back(box: Sipbox, phones: tuple[Phone, Phone, Phone]) -> None:
    caller, callee, other = phones
    box.cli("forward", "set", "11", "always", "12")
    invite = caller.invite("11")
    request = other.expect("INVITE")
    assert request.get("Diversion") == f"<sip:11@{box.domain}>;reason=unconditional;counter=1"
    other.reply(request, 200)
    assert caller.final(invite).status == 200
    box.cli("forward", "remove", "11")
    invite = caller.invite("11")
    callee.reply(callee.expect("INVITE"), 200)
    assert caller.final(invite).status == 200


def test_busy_and_no_answer(box: Sipbox, phones: tuple[Phone, Phone, Phone]) -> None:
    caller, callee, other = phones
    box.cli("forward", "set", "11", "busy", "12")
    invite = caller.invite("11")
    callee.reply(callee.expect("INVITE"), 486, "Busy Here")
    callee.expect("ACK")
    other.reply(other.expect("INVITE"), 200)
    assert caller.final(invite).status == 200
    box.cli("forward", "remove", "11")
    box.cli("forward", "set", "11", "no-answer", "12")
    box.cli("forward", "set", "11", "ring", "1")
    invite = caller.invite("11")
    ringing = callee.expect("INVITE")
    callee.reply(ringing, 180, "Ringing")
    request = other.expect("INVITE", timeout=15)
    callee.expect("CANCEL")
    callee.reply(ringing, 487, "Request Terminated")
    other.reply(request, 200)
    assert caller.final(invite).status == 200


def test_plain_sql_takes_effect(box: Sipbox, phones: tuple[Phone, Phone, Phone]) -> None:
    caller, _, other = phones
    box.sql(
        "insert into usr_preferences (username, domain, attribute, value)"
        f" values ('11', '{box.domain}', 'fwd_always_target', 'sip:12@{box.domain}')"
    )

    def rings() -> bool:
        caller.invite("11")
        other.take_in(0.5)
        return any(message.method == "INVITE" for message in other.received())

    wait_until("the other one is called", rings, timeout=20)


def test_a_blocked_caller_and_a_speed_dial(box: Sipbox, phones: tuple[Phone, Phone, Phone]) -> None:
    caller, callee, _ = phones
    box.cli("speed-dial", "add", "10", "21", "11")
    invite = caller.invite("21")
    callee.reply(callee.expect("INVITE"), 200)
    assert caller.final(invite).status == 200
    box.cli("block", "add", "11", "10")
    assert caller.ask(caller.request("INVITE", f"sip:21@{box.domain}")).status == 603


def test_a_message_waits_for_somebody_who_is_away(box: Sipbox) -> None:
    with (
        Phone("10", "secret-10", proxy=box.address) as sender,
        Phone("11", "secret-11", proxy=box.address) as receiver,
    ):
        for text in (b"one", b"two"):
            kept = sender.ask(sender.request("MESSAGE", f"sip:11@{box.domain}", body=text))
            assert kept.status == 202
        assert receiver.register().status == 200
        for text in (b"one", b"two"):
            message = receiver.expect("MESSAGE")
            assert message.body == text
            receiver.reply(message, 200)
        wait_until("all are delivered", lambda: box.sql("select count(*) from silo") == [(0,)])


def test_a_prefix_by_the_fifo(box: Sipbox, phones: tuple[Phone, Phone, Phone]) -> None:
    caller, _, other = phones
    site = f"{other.address}:{other.port}"
    box.cli("fifo", "pdt_add", "*", "77", site)
    assert box.cli("fifo", "pdt_list").stdout == f"PDT::  SDOMAIN=* PREFIX=77 DOMAIN={site}\n"
    invite = caller.invite("77123")
    request = other.expect("INVITE")
    assert request.uri == f"sip:123@{site}"
    other.reply(request, 200)
    assert caller.final(invite).status == 200
    box.cli("fifo", "pdt_delete", "*", site)
    assert box.cli("fifo", "pdt_list").stdout == ""
    assert "Prefix not found" in box.cli("fifo", "pdt_delete", "*", site, check=False).stderr
