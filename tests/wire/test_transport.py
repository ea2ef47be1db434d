"""Sockets: which connection a message takes, and what strangers cannot do to the loop."""

from __future__ import annotations

import os
import resource
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import gevent
import pytest

from appliance.sip.hop import Hop
from appliance.sip.message import DEFAULT_LIMITS
from appliance.transport import flows as flows_module
from appliance.transport.flows import Flows
from tests.harness.ports import LOOPBACK
from tests.harness.sipbox import Sipbox

OPTIONS = b"OPTIONS sip:h SIP/2.0\r\nContent-Length: 0\r\n\r\n"


class Played:
    """``Flows`` with one TCP listener on the loop of this process, and what it told."""

    def __init__(self, **options: int) -> None:
        self.received: list[tuple[bytes, Hop]] = []
        self.ended: list[str] = []
        self.flows = Flows(
            lambda data, hop: self.received.append((data, hop)),
            DEFAULT_LIMITS,
            lambda opened, _hop, reason: None if opened else self.ended.append(reason),
            **options,
        )
        self.address = (LOOPBACK, self.flows.listen("tcp", LOOPBACK, 0).port)
        self.flows.start()

    def phone(self, port: int = 0) -> socket.socket:
        phone = socket.socket()
        phone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        phone.bind((LOOPBACK, port))
        phone.connect(self.address)
        phone.settimeout(2)
        return phone

    def hop_of(self, phone: socket.socket) -> Hop:
        """How a phone that has just said something is reached."""
        phone.sendall(OPTIONS)
        before = len(self.received)
        until(lambda: len(self.received) > before)
        return self.received[-1][1]


def until(condition: Callable[[], bool], seconds: float = 3.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        gevent.sleep(0.005)


@pytest.fixture
def played() -> Iterator[Played]:
    played = Played()
    yield played
    played.flows.close()


class TestWhichConnection:
    def test_several_messages_in_one_segment_and_one_in_several(self, played: Played) -> None:
        with played.phone() as phone:
            phone.sendall(OPTIONS + OPTIONS + OPTIONS[:20])
            until(lambda: len(played.received) == 2)
            phone.sendall(OPTIONS[20:])
            until(lambda: len(played.received) == 3)
            assert {data for data, _ in played.received} == {OPTIONS}

    def test_who_has_the_address_of_a_lost_connection_is_somebody_else(self, played: Played) -> None:
        """As behind a NAT that gives the port to the next phone."""
        with played.phone() as phone:
            port = phone.getsockname()[1]
            hop = played.hop_of(phone)
            # With a reset, so that the port is free at once.
            phone.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        until(lambda: len(played.ended) == 1)
        with played.phone(port) as other:
            assert played.hop_of(other)[:3] == hop[:3]
            with pytest.raises(ConnectionError):
                played.flows.connect(hop)
            with pytest.raises(ConnectionError):
                played.flows.send(b"for the first phone", hop)
            played.flows.send(b"for whoever is there", hop._replace(connection=0))
            assert other.recv(100) == b"for whoever is there"

    def test_a_reply_whose_connection_is_gone_goes_to_where_the_peer_listens(self, played: Played) -> None:
        """RFC 3261 §18.2.2."""
        with socket.create_server((LOOPBACK, 0)) as listener:
            with played.phone() as phone:
                hop = played.hop_of(phone)._replace(sent_by_port=listener.getsockname()[1])
            until(lambda: len(played.ended) == 1)
            played.flows.send(b"reply", hop)
            until(lambda: played.flows.connections == 1)
            with listener.accept()[0] as accepted:
                gevent.sleep(0.02)
                assert accepted.recv(100) == b"reply"

    def test_a_reply_that_nobody_takes_is_counted(self, played: Played) -> None:
        played.flows.send(b"reply", Hop("tcp", LOOPBACK, 9, 0, 77, sent_by_port=9))
        until(lambda: played.flows.undelivered == 1)


class TestStrangers:
    def test_whoever_never_says_a_thing_is_let_go(
        self, played: Played, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(flows_module, "_SPEAKS_WITHIN", 0.05)
        with played.phone() as phone, played.phone() as silent:
            played.hop_of(phone)
            until(lambda: played.flows.connections == 2)
            gevent.sleep(0.1)
            played.flows._close_idle()
            assert played.ended == ["idle"]
            assert silent.recv(1) == b""

    def test_idleness_is_measured_by_the_clock_that_never_jumps(self, played: Played) -> None:
        """The loop's own ``now`` is the wall clock."""
        with played.phone() as phone:
            hop = played.hop_of(phone)
            assert abs(played.flows._connections[hop.connection].last_used - time.monotonic()) < 10

    def test_whoever_does_not_read_is_let_go(self, played: Played) -> None:
        with played.phone() as phone:
            hop = played.hop_of(phone)
            with pytest.raises(ConnectionError):
                for _ in range(200):
                    played.flows.send(b"x" * 65_536, hop)
            assert played.ended == ["the peer does not read"]

    def test_beyond_the_limit_a_connection_is_closed(self) -> None:
        played = Played(max_connections=1)
        with played.phone() as first, played.phone() as second:
            until(lambda: played.ended == ["too many connections"])
            assert second.recv(1) == b""
            played.hop_of(first)
        played.flows.close()

    def test_without_descriptors_the_loop_does_not_spin(self, played: Played) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        phone = socket.socket()
        taken: list[int] = []
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, soft), hard))
        try:
            while True:
                try:
                    taken.append(os.dup(phone.fileno()))
                except OSError:
                    break
            phone.connect(played.address)
            began = time.process_time()
            gevent.sleep(0.3)
            assert time.process_time() - began < 0.1
            for descriptor in taken:
                os.close(descriptor)
            taken.clear()
            played.hop_of(phone)  # accepted after all
        finally:
            for descriptor in taken:
                os.close(descriptor)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            phone.close()

    def test_the_server_takes_all_the_descriptors_that_it_may(self) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(256, soft), hard))
        try:
            with Sipbox() as box:
                limits = Path(f"/proc/{box.pid}/limits").read_text()
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        (line,) = [line for line in limits.splitlines() if line.startswith("Max open files")]
        assert line.split()[3:5] == [str(hard), str(hard)]
