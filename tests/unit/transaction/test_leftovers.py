"""No transaction, no timer and no memory stays behind, whatever happens in whatever order."""

from __future__ import annotations

import gc
import tracemalloc
from collections import Counter
from contextlib import nullcontext

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.sip.hop import Hop
from appliance.sip.message import Response
from appliance.transaction.client import ClientTransaction
from appliance.transaction.invite_client import InviteClientTransaction
from appliance.transaction.invite_server import InviteServerTransaction
from appliance.transaction.machine import Transaction
from appliance.transaction.server import ServerTransaction
from appliance.transaction.table import TransactionTable
from appliance.transaction.timers import NEVER
from tests.unit.transaction.conftest import Bench
from tests.unit.transaction.messages import PROXY, TCP, UDP, answer, request, response

METHODS = ("INVITE", "MESSAGE")
STATUSES = (100, 180, 200, 202, 302, 401, 408, 486, 487, 503, 603)

steps = st.one_of(
    st.tuples(st.just("request"), st.integers(0, 5), st.sampled_from(METHODS), st.sampled_from((UDP, TCP))),
    st.tuples(st.just("ack"), st.integers(0, 5)),
    st.tuples(st.just("cancel"), st.integers(0, 5)),
    st.tuples(st.just("respond"), st.integers(0, 5), st.sampled_from(STATUSES)),
    st.tuples(st.just("send"), st.integers(0, 5), st.sampled_from(METHODS), st.sampled_from((UDP, TCP))),
    st.tuples(st.just("response"), st.integers(0, 5), st.sampled_from(METHODS), st.sampled_from(STATUSES)),
    st.tuples(st.just("stop"), st.integers(0, 5)),
    st.tuples(st.just("break"), st.integers(0, 5)),
    st.tuples(st.just("network"), st.booleans()),
    st.tuples(st.just("wait"), st.sampled_from((0.02, 0.1, 0.5, 3.0, 4.5, 31.0, 33.0, 100.0))),
)


class World:
    """A table among neighbours that do anything; it counts what each transaction has told."""

    def __init__(self) -> None:
        self.table = TransactionTable(self._send)
        self.now = 0.0
        self.broken = False
        self.servers: list[ServerTransaction] = []
        self.clients: list[ClientTransaction] = []
        self.outcomes: Counter[int] = Counter()
        self.ended: Counter[int] = Counter()
        self.accepted: set[int] = set()

    def _send(self, data: bytes, hop: Hop) -> None:
        assert data
        if self.broken:
            raise OSError("Network is unreachable")

    def on_response(self, transaction: ClientTransaction, response: Response, now: float) -> None:
        if response.status < 200:
            return
        if id(transaction) in self.accepted:
            assert transaction.method == "INVITE"
            assert response.status < 300
            return
        if transaction.method == "INVITE" and response.status < 300:
            self.accepted.add(id(transaction))
        self.outcomes[id(transaction)] += 1

    def on_timeout(self, transaction: ClientTransaction, now: float) -> None:
        self.outcomes[id(transaction)] += 1

    def on_transport_error(self, transaction: ClientTransaction, now: float) -> None:
        self.outcomes[id(transaction)] += 1

    def on_over(self, transaction: ClientTransaction, now: float) -> None:
        assert not transaction.shelved

    def on_cancel(self, transaction: InviteServerTransaction, now: float) -> None:
        assert not transaction.final
        transaction.respond(487, answer(487), now)

    def on_terminated(self, transaction: ServerTransaction, now: float) -> None:
        self.ended[id(transaction)] += 1

    def step(self, what: str, *how: object) -> None:
        getattr(self, f"do_{what}")(*how)
        for transaction in self.table:
            sleeps = min(transaction.resend_at, transaction.expire_at)
            assert transaction.slot or sleeps == NEVER, "a deadline that nobody is woken for"
            assert sleeps >= self.now, "a deadline that has passed, for which it would be woken in every tick"
        assert len(self.table.wheel) <= len(self.table) + 12, "entries of what has gone (lazily, one each)"

    def do_request(self, number: int, method: str, hop: Hop) -> None:
        message = request(method, f"z9hG4bKphone{number}")
        if not self.table.absorb(message, self.now):
            self.servers.append(self.table.begin_server(message, hop, self.now, self))

    def do_ack(self, number: int) -> None:
        self.table.absorb(request("ACK", f"z9hG4bKphone{number}", to_tag="callee"), self.now)

    def do_cancel(self, number: int) -> None:
        cancel = request("CANCEL", f"z9hG4bKphone{number}")
        if self.table.absorb(cancel, self.now):
            return
        invite = self.table.invite_of(cancel)
        transaction = self.table.begin_server(cancel, UDP, self.now, self)
        self.servers.append(transaction)
        transaction.respond(200 if invite else 481, answer(200), self.now)
        if invite is not None:
            invite.cancel(self.now)

    def do_respond(self, number: int, status: int) -> None:
        if self.servers:
            self.servers[number % len(self.servers)].respond(status, answer(status), self.now)

    def do_send(self, number: int, method: str, hop: Hop) -> None:
        copy = request(method, f"z9hG4bKproxy{number}", via=PROXY)
        if self.table.client(response(200, method, f"z9hG4bKproxy{number}")) is None:
            self.clients.append(self.table.begin_client(copy, copy.encode(), hop, self, self.now))

    def do_response(self, number: int, method: str, status: int) -> None:
        self.table.receive_response(response(status, method, f"z9hG4bKproxy{number}"), self.now)

    def do_stop(self, number: int) -> None:
        if self.clients:
            client = self.clients[number % len(self.clients)]
            if isinstance(client, InviteClientTransaction):
                self.table.cancel(client, self.now)

    def do_break(self, number: int) -> None:
        if self.clients:
            self.clients[number % len(self.clients)].fail(self.now)

    def do_network(self, broken: bool) -> None:
        self.broken = broken

    def do_wait(self, seconds: float) -> None:
        self.now += seconds
        self.table.wheel.advance(self.now)

    def finish(self) -> None:
        """What every proxy does in the end: it answers each caller, and cancels each callee after Timer C."""
        for server in self.servers:
            server.respond(500, answer(500), self.now)
        for client in self.clients:
            if isinstance(client, InviteClientTransaction):
                self.table.cancel(client, self.now)
        for _ in range(70):
            self.do_wait(1.0)


@settings(max_examples=300, deadline=None, database=None)
@given(st.lists(steps, max_size=60))
def test_after_the_last_timer_nothing_is_left(story: list[tuple[str, object]]) -> None:
    world = World()
    for what, *how in story:
        world.step(what, *how)
    world.finish()
    assert len(world.table) == 0
    assert len(world.table.wheel) == 0
    assert world.table.wheel.next_wake is None
    assert [world.outcomes[id(client)] for client in world.clients] == [1] * len(world.clients)
    assert [world.ended[id(server)] for server in world.servers] == [1] * len(world.servers)


@pytest.mark.parametrize("hop", [UDP, TCP])
@pytest.mark.parametrize("broken_from", [0.0, 0.3])
@pytest.mark.parametrize("method", METHODS)
def test_a_mistake_in_whoever_sends_leaves_nothing_behind(
    bench: Bench, method: str, broken_from: float, hop: Hop
) -> None:
    """Not the OSError that is part of the bargain, but one that nobody foresaw."""
    expected = pytest.raises(RuntimeError, match="a mistake")
    send = bench.table.send

    def fail(data: bytes, hop: Hop) -> None:
        if bench.now >= broken_from:
            raise RuntimeError("a mistake")
        send(data, hop)

    bench.table.send = fail
    with expected if broken_from == 0 else nullcontext():
        bench.client(method, hop)
    server = bench.server(method, hop)
    bench.run_until(broken_from)
    with expected:
        server.respond(486, answer(486), bench.now)
    mistakes = 0
    while bench.now < 40:
        try:
            bench.run_until(40)
        except RuntimeError:
            mistakes += 1
    assert (mistakes > 0) == (hop == UDP)
    assert bench.is_empty()


class Silent:
    """A user that does nothing."""

    def on_response(self, transaction: ClientTransaction, response: Response, now: float) -> None: ...
    def on_timeout(self, transaction: ClientTransaction, now: float) -> None: ...
    def on_transport_error(self, transaction: ClientTransaction, now: float) -> None: ...
    def on_over(self, transaction: ClientTransaction, now: float) -> None: ...
    def on_cancel(self, transaction: InviteServerTransaction, now: float) -> None: ...
    def on_terminated(self, transaction: ServerTransaction, now: float) -> None: ...


def test_ten_thousand_calls_leave_nothing_behind() -> None:
    """Not even work for the garbage collector: every transaction is gone when its last timer has rung."""
    table = TransactionTable(lambda data, hop: None)
    user = Silent()
    gc.collect()
    gc.disable()
    try:
        for number in range(10_000):
            now = number / 100
            table.wheel.advance(now)
            branch = f"z9hG4bK{number}"
            server = table.begin_server(request(branch=branch), UDP, now, user)
            server.respond(100, answer(100), now)
            copy = request("INVITE", branch, via=PROXY)
            client = table.begin_client(copy, copy.encode(), TCP if number % 2 else UDP, user, now)
            table.receive_response(response(180, branch=branch), now)
            final = (200, 486, 603)[number % 3]
            if number % 5:
                table.receive_response(response(final, branch=branch), now)
                server.respond(final, answer(final), now)
            else:
                assert isinstance(client, InviteClientTransaction)
                table.cancel(client, now)
                server.respond(487, answer(487), now)
            if number % 2:
                table.absorb(request("ACK", branch, to_tag="callee"), now)
            bye = table.begin_server(request("BYE", branch), TCP, now, user)
            bye.respond(200, answer(200), now)
        assert len(table) > 5000
        del server, client, bye
        for tick in range(50 * 100, 50 * 200):
            table.wheel.advance(tick / 50)
        assert table.active == {"invite_client": 0, "invite_server": 0, "client": 0, "server": 0}
        assert len(table.wheel) == 0
        assert table.wheel.next_wake is None
        assert [thing for thing in gc.get_objects() if isinstance(thing, Transaction)] == []
    finally:
        gc.enable()


def test_a_finished_registration_is_small() -> None:
    """Each stays for 32 s over UDP: at 1,000 a second that is 32,000 of them."""
    table = TransactionTable(lambda data, hop: None)
    data = answer(200) + b"x" * 200
    requests = [request("REGISTER", f"z9hG4bK{number:032x}") for number in range(1000)]
    while requests:
        # Keys share no text with the messages, as on the wire.
        if len(requests) == 900:
            tracemalloc.start()
        message = requests.pop()
        table.begin_server(message, UDP, 1.0).respond(200, bytes(data[:1]) + data[1:], 1.0)
        del message
    used, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(table) == 1000
    assert used / 900 < len(data) + 900
