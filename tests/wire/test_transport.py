"""Sockets: which connection a message takes, and what strangers cannot do to the loop."""

from __future__ import annotations

import errno
import os
import resource
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import gevent
import pytest

from appliance.sip.hop import Hop
from appliance.sip.message import DEFAULT_LIMITS
from appliance.transport import connections, opening
from appliance.transport.flows import Flows
from tests.harness.ports import LOOPBACK, free_port
from tests.harness.sipbox import Sipbox

OPTIONS = b"OPTIONS sip:h SIP/2.0\r\nContent-Length: 0\r\n\r\n"


class Played:
    """``Flows`` with one TCP listener on the loop of this process, and what it told."""

    def __init__(
        self,
        *,
        transport: str = "tcp",
        address: tuple[str, int] = (LOOPBACK, 0),
        resumed: Sequence[int] = (),
        **options: Any,
    ) -> None:
        self.received: list[tuple[bytes, Hop]] = []
        self.ended: list[str] = []
        self.flows = Flows(
            lambda data, hop: self.received.append((data, hop)),
            DEFAULT_LIMITS,
            lambda opened, _hop, reason: None if opened else self.ended.append(reason),
            **options,
        )
        self.address = (LOOPBACK, self.flows.listen(transport, *address).port)
        for descriptor in resumed:
            self.flows.resume(descriptor)
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


class TestUsedAgain:
    """RFC 5923, by TCP, where an address is all that a peer can prove."""

    there = Hop("tcp", LOOPBACK, 5099)

    def test_a_trusted_peer_is_reached_by_the_connection_that_it_has_opened(self, played: Played) -> None:
        with played.phone() as peer:
            hop = played.hop_of(peer)
            played.flows.use_again(hop, 5099, trusted=True)
            played.flows.connect(self.there)
            played.flows.send(b"request", self.there)
            assert peer.recv(100) == b"request"
        until(lambda: len(played.ended) == 2)
        assert sorted(played.ended) == ["alias", "closed by the peer"]
        with pytest.raises(OSError, match="cannot connect"):
            played.flows.connect(self.there)

    def test_a_stranger_is_not(self, played: Played) -> None:
        with played.phone() as stranger:
            played.flows.use_again(played.hop_of(stranger), 5099, trusted=False)
            with pytest.raises(OSError, match="cannot connect"):
                played.flows.connect(self.there)

    def test_one_connection_stands_for_a_few_ports_only(self, played: Played) -> None:
        with played.phone() as peer:
            hop = played.hop_of(peer)
            for port in range(5100, 5200):
                played.flows.use_again(hop, port, trusted=True)
            reached = [port for port in range(5100, 5200) if played.flows.reaches(Hop("tcp", LOOPBACK, port))]
            assert len(reached) == 8


class Kept:
    """Holds copies of connections, as systemd does, and hands them to another ``Flows``."""

    def __init__(self) -> None:
        self.descriptors: list[int] = []
        self.first = Played(keep=lambda descriptor: self.descriptors.append(os.dup(descriptor)))

    def next(self, **options: Any) -> Played:
        self.first.flows.stop()
        self.first.flows.close()
        following = Played(resumed=self.descriptors, **options)
        self.descriptors = []
        return following


class TestConnectionsThatOutliveTheirProcess:
    def test_a_connection_has_the_same_number_in_the_next_process(self) -> None:
        kept = Kept()
        with kept.first.phone() as phone:
            hop = kept.first.hop_of(phone)
            following = kept.next(address=kept.first.address)
            assert following.flows.is_open(hop)
            assert not following.flows.is_open(hop._replace(port=hop.port + 1))
            following.flows.send(b"to the same phone", hop)
            assert phone.recv(100) == b"to the same phone"
            assert following.hop_of(phone) == hop
            following.flows.close()

    def test_what_is_closed_for_good_is_closed_for_those_who_hold_a_copy(self) -> None:
        kept = Kept()
        with kept.first.phone() as phone:
            phone.sendall(b"what is this\r\nContent-Length: x\r\n\r\n")
            until(lambda: kept.first.ended != [])
            assert phone.recv(1) == b""
            kept.first.flows.close()
        os.close(kept.descriptors.pop())

    def test_one_in_the_middle_of_a_message_is_closed_at_the_end(self) -> None:
        kept = Kept()
        with kept.first.phone() as cut, kept.first.phone() as whole:
            kept.first.hop_of(whole)
            cut.sendall(OPTIONS[:20])
            until(lambda: len(kept.descriptors) == 2)
            gevent.sleep(0.05)
            following = kept.next(address=kept.first.address)
            assert cut.recv(1) == b""
            until(lambda: following.flows.connections == 1)
            following.flows.close()

    @pytest.mark.parametrize("rest", [b"0 0\r\nm=audio 9\r\n", b"tag=1\r\nContent-Length: 0\r\n\r\n"])
    def test_the_rest_of_a_message_whose_beginning_is_gone_ends_it(self, rest: bytes) -> None:
        kept = Kept()
        with kept.first.phone() as phone:
            kept.first.hop_of(phone)
            following = kept.next(address=kept.first.address)
            phone.sendall(b"\r\n" + rest)
            until(lambda: following.ended != [])
            assert "whose beginning is gone" in following.ended[0]
            assert following.received == []
            following.flows.close()

    def test_one_that_fits_no_listener_any_more_is_closed(self) -> None:
        kept = Kept()
        with kept.first.phone() as phone:
            kept.first.hop_of(phone)
            following = kept.next(transport="udp")
            assert phone.recv(1) == b""
            assert following.flows.connections == 0
            following.flows.close()


class TestWhatIsAsked:
    def test_a_socket_that_nobody_reads_is_named(self, played: Played) -> None:
        gevent.sleep(0.01)
        with played.phone():
            until(lambda: played.flows.connections == 1)
            assert played.flows.unread() == []
            played.flows.listeners[0].stop()
            with played.phone():
                assert played.flows.unread() == [], "it may be looked at yet"
                assert played.flows.unread() == [f"tcp:{LOOPBACK}:{played.address[1]}"]
                played.flows.listeners[0].start()
                until(lambda: played.flows.connections == 2)
                assert played.flows.unread() == []

    def test_what_the_kernel_drops_is_counted(self) -> None:
        flows = Flows(lambda *_: None, DEFAULT_LIMITS, lambda *_: None, receive_buffer=2048)
        listener = flows.listen("udp", LOOPBACK, 0)
        assert flows.drops() == {"udp": 0}
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
            for _ in range(100):
                phone.sendto(b"x" * 1000, (LOOPBACK, listener.port))
        assert 0 < flows.drops()["udp"] < 100
        flows.close()


class TestStrangers:
    def test_whoever_never_says_a_thing_is_let_go(
        self, played: Played, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(connections, "_SPEAKS_WITHIN", 0.05)
        with played.phone() as phone, played.phone() as silent:
            played.hop_of(phone)
            until(lambda: played.flows.connections == 2)
            gevent.sleep(0.1)
            played.flows._streams.close_idle()
            assert played.ended == ["idle"]
            assert silent.recv(1) == b""

    def test_whoever_never_ends_a_message_is_let_go(
        self, played: Played, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """However it goes on dribbling, and whatever it has said before."""
        monkeypatch.setattr(connections, "_SPEAKS_WITHIN", 0.2)
        with played.phone() as slow, played.phone() as phone:
            for each in (slow, phone):
                played.hop_of(each)
            for byte in OPTIONS[:10]:
                slow.sendall(bytes([byte]))
                gevent.sleep(0.03)
            played.flows._streams.close_idle()
            assert played.ended == ["idle"]
            assert slow.recv(1) == b""
            played.hop_of(phone)

    def test_idleness_is_measured_by_the_clock_that_never_jumps(self, played: Played) -> None:
        """The loop's own ``now`` is the wall clock."""
        with played.phone() as phone:
            hop = played.hop_of(phone)
            assert abs(played.flows._streams._connections[hop.connection].last_used - time.monotonic()) < 10

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

    def test_without_descriptors_a_call_is_refused_and_does_not_wait_for_ever(
        self, played: Played, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def none_left(*_: object) -> socket.socket:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

        monkeypatch.setattr(opening, "_Socket", none_left)
        for _ in range(2):
            with gevent.Timeout(10), pytest.raises(OSError, match="Too many open files"):
                played.flows.connect(Hop("tcp", LOOPBACK, played.address[1]))

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


def test_of_several_sockets_the_one_that_the_routes_would_have() -> None:
    """A box with several interfaces: what leaves by the wrong one cannot be answered."""
    flows = Flows(lambda *_: None, DEFAULT_LIMITS, lambda *_: None)
    flows.listen("udp", "127.0.0.2", free_port())
    flows.listen("udp", "127.0.0.1", free_port())
    try:
        assert flows.local_for(Hop("udp", "127.0.0.9", 5060, -1)).listener == 1
        assert flows.local_for(Hop("udp", "127.0.0.9", 5060, 0)).listener == 0  # it is known already
    finally:
        flows.close()
