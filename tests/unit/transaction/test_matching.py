"""Which message belongs to which transaction: RFC 3261 §17.1.3, §17.2.3, §9.2."""

from __future__ import annotations

import pytest

from appliance.errors import MalformedMessage
from appliance.sip.message import Request
from appliance.sip.parser import parse
from appliance.transaction.machine import COMPLETED, CONFIRMED
from appliance.transaction.matching import client_key, is_old_key, server_key
from tests.unit.transaction.conftest import Bench
from tests.unit.transaction.messages import PROXY, UDP, answer, request, response

# ---------------------------------------------------------------------------------- with a magic cookie


def test_the_branch_alone_identifies_whatever_else_has_changed(bench: Bench) -> None:
    transaction = bench.server()
    copy = request(uri="sip:other@192.0.2.1", call_id="other", from_tag="other", cseq=1)
    assert bench.table.server(copy) is transaction
    assert bench.table.absorb(copy, 0.0)


@pytest.mark.parametrize(
    "other",
    [
        request(branch="z9hG4bKother"),
        request(branch="z9hG4bKPHONE"),
        request(via="SIP/2.0/UDP 192.0.2.11:5060"),
        request(via="SIP/2.0/UDP 192.0.2.10:5062"),
        request("MESSAGE"),
        request("CANCEL"),
    ],
)
def test_another_branch_sender_or_method_is_another_transaction(bench: Bench, other: Request) -> None:
    bench.server()
    assert bench.table.server(other) is None
    assert not bench.table.absorb(other, 0.0)


def test_what_was_added_to_the_via_makes_no_difference(bench: Bench) -> None:
    copy = request(branch="z9hG4bKphone;received=198.51.100.7;rport=31234")
    transaction = bench.server()
    assert bench.table.server(copy) is transaction


def test_the_ack_of_a_refusal_belongs_to_its_invite(bench: Bench) -> None:
    transaction = bench.server()
    ack = request("ACK", to_tag="callee")
    assert bench.table.server(ack) is transaction
    assert bench.table.absorb(ack, 0.0), "before any answer it is a mistake, and goes nowhere"
    transaction.respond(486, answer(486), 0.0)
    assert bench.table.absorb(ack, 0.0)
    assert transaction.state == CONFIRMED


def test_an_ack_for_nothing_is_not_absorbed(bench: Bench) -> None:
    assert not bench.table.absorb(request("ACK", to_tag="callee"), 0.0)
    assert bench.table.server(request("ACK", to_tag="callee")) is None


def test_a_cancel_means_the_invite_of_its_branch(bench: Bench) -> None:
    invite = bench.server()
    cancel = request("CANCEL")
    assert bench.table.invite_of(cancel) is invite
    assert bench.table.invite_of(request("CANCEL", "z9hG4bKother")) is None
    assert bench.table.server(cancel) is None
    answered = bench.table.begin_server(cancel, UDP, 0.0)
    answered.respond(200, answer(200), 0.0)
    assert bench.table.absorb(cancel, 0.5), "its copies are absorbed as any other's"
    assert bench.table.server(cancel) is answered
    assert bench.table.server(request()) is invite


def test_a_cancel_means_no_request_but_an_invite(bench: Bench) -> None:
    bench.server("MESSAGE")
    assert bench.table.invite_of(request("CANCEL")) is None


# ------------------------------------------------------------------------------------- RFC 2543 clients


@pytest.mark.parametrize("branch", [None, "1", "0123456789abcdef", "z9hg4bk1234567", "z9hG4bK"])
def test_without_a_cookie_much_of_the_message_identifies(bench: Bench, branch: str | None) -> None:
    transaction = bench.table.begin_server(request(branch=branch), UDP, 0.0)
    assert is_old_key(transaction.key)
    assert transaction.method == "INVITE"
    assert bench.table.absorb(request(branch=branch), 0.5)
    for other in (
        request(branch=branch, uri="sip:12@192.0.2.1"),
        request(branch=branch, call_id="other"),
        request(branch=branch, from_tag="other"),
        request(branch=branch, to_tag="other"),
        request(branch=branch, cseq=2),
        request(branch=branch, via="SIP/2.0/UDP 192.0.2.99:5060"),
        request("MESSAGE", branch=branch),
    ):
        assert bench.table.server(other) is None, other.encode()


def test_an_old_clients_cancel_means_its_invite(bench: Bench) -> None:
    invite = bench.table.begin_server(request(branch=None), UDP, 0.0)
    assert bench.table.invite_of(request("CANCEL", branch=None)) is invite
    assert bench.table.invite_of(request("CANCEL", branch=None, cseq=2)) is None


def test_an_old_clients_ack_has_the_to_tag_of_the_answer(bench: Bench) -> None:
    invite = bench.table.begin_server(request(branch=None), UDP, 0.0)
    invite.respond(486, answer(486, to_tag="given"), 0.0)
    assert not bench.table.absorb(request("ACK", branch=None, to_tag="invented"), 0.0)
    assert not bench.table.absorb(request("ACK", branch=None), 0.0)
    assert invite.state == COMPLETED
    assert bench.table.absorb(request("ACK", branch=None, to_tag="given"), 0.0)
    assert invite.state == CONFIRMED
    assert bench.table.absorb(request("ACK", branch=None, to_tag="given"), 0.1), "a copy of it"


def test_an_old_clients_ack_in_a_dialog(bench: Bench) -> None:
    """A second INVITE has the To tag itself, and its ACK the same."""
    invite = bench.table.begin_server(request(branch=None, to_tag="given"), UDP, 0.0)
    invite.respond(488, answer(488, to_tag="given"), 0.0)
    assert bench.table.absorb(request("ACK", branch=None, to_tag="given"), 0.0)
    assert invite.state == CONFIRMED


def test_an_old_clients_ack_of_a_2xx_is_routed(bench: Bench) -> None:
    invite = bench.table.begin_server(request(branch=None), UDP, 0.0)
    invite.respond(200, answer(200, to_tag="given"), 0.0)
    assert not bench.table.absorb(request("ACK", branch=None, to_tag="given"), 0.0)


def test_an_old_clients_request_without_tags(bench: Bench) -> None:
    transaction = bench.table.begin_server(request(branch=None, from_tag=None), UDP, 0.0)
    assert bench.table.absorb(request(branch=None, from_tag=None), 0.5)
    assert bench.table.server(request(branch=None)) is None
    assert transaction.respond(200, answer(200), 1.0)


def test_a_message_without_a_via_belongs_to_nothing() -> None:
    headers = "From: <sip:1@x>;tag=1\r\nTo: <sip:2@x>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n\r\n"
    message = parse(f"INVITE sip:2@x SIP/2.0\r\n{headers}".encode())
    assert isinstance(message, Request)
    with pytest.raises(MalformedMessage):
        server_key(message, "INVITE")


# -------------------------------------------------------------------------------------------- responses


def test_a_response_belongs_to_its_branch_and_method(bench: Bench) -> None:
    invite = bench.invite()
    assert bench.table.client(response(180)) is invite
    assert client_key(response(180)) == ("z9hG4bKproxy", "INVITE")


@pytest.mark.parametrize(
    "forged",
    [
        response(200, branch="z9hG4bKother"),
        response(200, branch="z9hG4bKPROXY"),
        response(200, "CANCEL"),
        response(200, "BYE"),
        response(200, via="SIP/2.0/UDP 192.0.2.1:5060;x=y", branch="z9hG4bKprox"),
    ],
)
def test_a_forged_or_unknown_response_belongs_to_nothing(bench: Bench, forged: object) -> None:
    bench.invite()
    bench.clear()
    assert bench.table.client(forged) is None  # type: ignore[arg-type]
    assert not bench.receive(forged)  # type: ignore[arg-type]
    assert (bench.sent, bench.told) == ([], [])


def test_a_response_without_a_branch_belongs_to_nothing(bench: Bench) -> None:
    bench.invite()
    text = response(200).encode().replace(b";branch=z9hG4bKproxy", b"")
    assert not bench.receive(parse(text))  # type: ignore[arg-type]


def test_the_same_branch_serves_invite_and_cancel(bench: Bench) -> None:
    invite = bench.invite()
    cancel = request("CANCEL", "z9hG4bKproxy", via=PROXY)
    transaction = bench.table.begin_client(cancel, cancel.encode(), UDP, bench, 0.0)
    assert bench.table.client(response(200, "CANCEL")) is transaction
    assert bench.table.client(response(200)) is invite


def test_a_status_that_is_none_is_ignored(bench: Bench) -> None:
    transaction = bench.invite()
    odd = response(200)
    odd.status = 799
    assert bench.receive(odd)
    assert (transaction.state, bench.told) == ("calling", [])
