"""The other end of a pair of sockets plays MariaDB."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import gevent
import gevent.socket
import pymysql
import pytest

from appliance.storage.short_way import ShortWay

OK = bytes.fromhex("07 00 00 01 00 02 00 02 00 00 00")
DEADLOCK = b"\xff\xbd\x04#40001Deadlock found"


class Connection:
    """As much of PyMySQL's as is asked for."""

    def __init__(self, sock: object) -> None:
        self._sock = sock
        self.open = True

    def close(self) -> None:
        self.open = False


class Server:
    """Its end of the connection, our end, and the way between."""

    def __init__(self) -> None:
        ours, self.end = gevent.socket.socketpair()
        ours.settimeout(10)
        self.end.settimeout(10)
        self._ours = ours
        self.connection = Connection(ours)
        self.way = ShortWay(self.connection, 10)  # type: ignore[arg-type]

    def answers(self, *pieces: bytes) -> Any:
        """Have a statement sent and answered; returns what came of it."""
        asking = gevent.spawn(self.way.execute, b"UPDATE location")
        assert self.end.recv(1000) == b"\x10\x00\x00\x00\x03UPDATE location"
        for piece in pieces:
            self.end.sendall(piece)
            gevent.sleep(0.001)
        return asking.get(timeout=10)

    def close(self) -> None:
        self.way.close()
        self._ours.close()
        self.end.close()


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    yield server
    server.close()


def packet(payload: bytes, number: int = 1) -> bytes:
    return len(payload).to_bytes(3, "little") + bytes([number]) + payload


def test_rows_are_counted(server: Server) -> None:
    assert server.answers(OK) == 2
    assert server.answers(packet(b"\x00\xfc\x2c\x01\x00\x02\x00\x00\x00")) == 300


def test_an_answer_may_come_in_pieces(server: Server) -> None:
    assert server.answers(OK[:2], OK[2:7], OK[7:]) == 2


def test_an_error_is_the_drivers_and_the_connection_goes_on(server: Server) -> None:
    with pytest.raises(pymysql.err.OperationalError, match="Deadlock found") as caught:
        server.answers(packet(DEADLOCK))
    assert caught.value.args[0] == 1213
    assert server.connection.open
    assert server.answers(OK) == 2


@pytest.mark.parametrize(
    "words",
    [
        packet(DEADLOCK, number=0),  # what a server says that shuts down, whatever the words
        packet(b"\x01"),  # the head of a table
        packet(b""),
        OK + OK,
    ],
)
def test_what_was_not_asked_for_ends_the_connection(server: Server, words: bytes) -> None:
    with pytest.raises(pymysql.err.OperationalError) as caught:
        server.answers(words)
    assert caught.value.args[0] == 2013
    assert not server.connection.open


def test_a_server_that_goes_away_is_lost(server: Server) -> None:
    asking = gevent.spawn(server.way.execute, b"UPDATE location")
    server.end.recv(1000)
    server.end.close()
    with pytest.raises(pymysql.err.OperationalError, match="it was closed"):
        asking.get(timeout=10)
    assert not server.connection.open


def test_a_server_that_has_gone_is_lost(server: Server) -> None:
    server.end.close()
    with pytest.raises(pymysql.err.OperationalError) as caught:
        server.way.execute(b"UPDATE location")
    assert caught.value.args[0] == 2013
    assert not server.connection.open


def test_a_server_that_says_nothing_is_lost() -> None:
    server = Server()
    server.way.close()
    server.way = ShortWay(server.connection, 0.02)  # type: ignore[arg-type]
    with pytest.raises(pymysql.err.OperationalError, match="timed out"), gevent.Timeout(10):
        server.way.execute(b"UPDATE location")
    assert not server.connection.open
    server.close()


def test_each_statement_has_its_own_time(server: Server) -> None:
    """The time that was left of the last one's is not the next one's."""
    server.way.close()
    server.way = ShortWay(server.connection, 1.5)  # type: ignore[arg-type]
    for _ in range(3):
        asking = gevent.spawn(server.way.execute, b"UPDATE location")
        server.end.recv(1000)
        gevent.sleep(0.55)
        server.end.sendall(OK)
        assert asking.get(timeout=10) == 2


def test_a_statement_longer_than_a_sockets_buffer_arrives(server: Server) -> None:
    statement = b"x" * 5_000_000
    asking = gevent.spawn(server.way.execute, statement)
    arrived = b""
    while len(arrived) < len(statement) + 5:
        arrived += server.end.recv(1_000_000)
    assert arrived[5:] == statement
    server.end.sendall(OK)
    assert asking.get(timeout=10) == 2


def test_it_leads_to_a_server_by_a_plain_socket_only() -> None:
    one, other = socket.socketpair()
    with one, other:
        assert ShortWay.leads_to(Connection(one))  # type: ignore[arg-type]

    class Enciphered(socket.socket):
        pass

    with Enciphered() as wrapped:
        assert not ShortWay.leads_to(Connection(wrapped))  # type: ignore[arg-type]
