from __future__ import annotations

import pytest

from appliance.sip.hop import Hop
from appliance.sip.message import Response
from appliance.transaction.client import ClientTransaction
from appliance.transaction.matching import server_key
from appliance.transaction.table import TransactionTable
from appliance.transaction.timers import TimerWheel
from tests.unit.transaction.conftest import Bench
from tests.unit.transaction.messages import PROXY, TCP, UDP, answer, request, response


def test_active_counts_each_kind(bench: Bench) -> None:
    assert bench.table.active == {"invite_client": 0, "invite_server": 0, "client": 0, "server": 0}
    bench.server()
    bench.invite()
    bench.server("CANCEL")
    bench.server("MESSAGE")
    bench.client("MESSAGE")
    assert bench.table.active == {"invite_client": 1, "invite_server": 1, "client": 1, "server": 2}
    assert len(bench.table) == 5
    assert sorted(transaction.method for transaction in bench.table) == [
        "CANCEL", "INVITE", "INVITE", "MESSAGE", "MESSAGE",
    ]  # fmt: skip


def test_answers_go_to_the_hop_that_was_given(bench: Bench) -> None:
    bench.server(hop=TCP).respond(180, answer(180), 0.0)
    bench.invite(UDP)
    assert [hop for _, _, hop in bench.sent] == [TCP, UDP]


def test_the_wheel_may_be_shared() -> None:
    wheel = TimerWheel(tick=0.1)
    assert TransactionTable(lambda data, hop: None, wheel=wheel).wheel is wheel


def test_a_transaction_that_is_there_cannot_begin_again(bench: Bench) -> None:
    for method in ("INVITE", "MESSAGE"):
        bench.server(method)
        with pytest.raises(ValueError, match="already"):
            bench.server(method)
        bench.client(method)
        with pytest.raises(ValueError, match="already"):
            bench.client(method)
    assert len(bench.table) == 4


def test_begin_uses_the_key_that_the_request_had_when_it_came(bench: Bench) -> None:
    """The proxy rewrites the Request-URI; the copies of an RFC 2543 client's request have the old one."""
    first = request(branch=None)
    key = server_key(first, first.method)
    assert not bench.table.absorb(first, 0.0, key)
    first.uri_text = "sip:12@192.0.2.1"
    bench.table.begin_server(first, UDP, 0.0, key=key)
    assert bench.table.absorb(request(branch=None), 0.5)


def test_begin_after_another_request_was_looked_up(bench: Bench) -> None:
    first, second = request(branch="z9hG4bK1"), request(branch="z9hG4bK2")
    bench.table.absorb(first, 0.0)
    bench.table.absorb(second, 0.0)
    bench.table.begin_server(first, UDP, 0.0)
    bench.table.begin_server(second, UDP, 0.0)
    assert bench.table.absorb(request(branch="z9hG4bK1"), 0.5)
    assert bench.table.absorb(request(branch="z9hG4bK2"), 0.5)


def test_a_user_may_respond_and_begin_while_it_is_told(bench: Bench) -> None:
    """A proxy in short: the response goes upstream, the next target gets its copy, all from on_response."""
    server = bench.server()

    class Proxy(Bench):
        def on_response(self, transaction: ClientTransaction, response: Response, now: float) -> None:
            server.respond(100, answer(100), now)
            copy = request("INVITE", "z9hG4bKsecond", via=PROXY)
            bench.table.begin_client(copy, copy.encode(), UDP, bench, now)

    copy = request("INVITE", "z9hG4bKproxy", via=PROXY)
    bench.table.begin_client(copy, copy.encode(), UDP, Proxy(), 0.0)
    bench.receive(response(486))
    assert [line.split()[0] for _, line, _ in bench.sent] == ["INVITE", "ACK", "SIP/2.0", "INVITE"]
    assert bench.receive(response(200, branch="z9hG4bKsecond"))
    assert bench.words == ["200"]


def test_one_wheel_entry_for_each_transaction_at_most(bench: Bench) -> None:
    bench.server("MESSAGE").respond(200, answer(200), 0.0)
    bench.server().respond(486, answer(486), 0.0)
    bench.client("MESSAGE")
    bench.invite()
    for when in range(1, 32):
        bench.run_until(when)
        assert len(bench.table.wheel) <= len(bench.table)


def test_a_peer_that_is_late_by_more_than_a_pause_gets_one_copy_and_no_burst(bench: Bench) -> None:
    """The loop stood still for ten seconds: what would have been sent meanwhile is not made up for."""
    bench.client("MESSAGE")
    bench.table.wheel.advance(10.0)
    assert len(bench.sent) == 2
    bench.table.wheel.advance(10.98)
    assert len(bench.sent) == 2
    bench.table.wheel.advance(11.02)
    assert len(bench.sent) == 3


def test_hops_by_transport(bench: Bench) -> None:
    for transport in ("tcp", "tls", "ws", "wss"):
        hop = Hop(transport, "192.0.2.10", 5060, connection=3)
        copy = request("MESSAGE", f"z9hG4bK{transport}", via=PROXY)
        bench.table.begin_client(copy, copy.encode(), hop, bench, 0.0)
    bench.run_until(31)
    assert len(bench.sent) == 4, "none of them is sent twice"


def test_how_long_a_final_response_took_is_told_once(bench: Bench) -> None:
    bench.run_until(1.0)
    served, sent = bench.server("MESSAGE"), bench.invite()
    bench.run_until(1.5)
    bench.receive(response(180))
    assert bench.took == []
    for _ in range(2):
        bench.receive(response(200))
        served.respond(200, answer(200), bench.now)
    assert bench.took == [(("INVITE", "client"), 0.5), (("MESSAGE", "server"), 0.5)]
    assert sent.began == 0.0
