"""The short way of a statement to MariaDB and back, for those that are sent hundreds of times a second.

A driver is made for queries of every kind. Where the answer is one small packet, OK or an error, what PyMySQL
and a socket's wrappings do around it costs the server three times as much as the statement itself (MariaDB,
"Client/Server Protocol": COM_QUERY, OK_Packet, ERR_Packet). So such a statement is written to the
connection's descriptor here, and its answer read from it. Connecting, and all that has rows, stays PyMySQL's;
errors are PyMySQL's too.

Must not know what is asked, nor whether to ask again.
"""

from __future__ import annotations

import os
import socket
import struct
from typing import Any, Final, TypeAlias

import gevent
import pymysql
from gevent.hub import Waiter
from pymysql.constants import COMMAND, CR

#: libev's number for 'there is something to read'.
_READ: Final = 1
_AT_ONCE: Final = 4096
_HEADER: Final = struct.Struct("<iB")
_OK, _ERROR = 0x00, 0xFF
Connection: TypeAlias = "pymysql.connections.Connection[Any]"

#: Beyond it, a statement is sent in several packets.
LONGEST_STATEMENT: Final = 0xFF_FFFF - 1


class ShortWay:
    """A connection's; one statement at a time. ``seconds`` is how long an answer is waited for.

    To be closed before the connection is: the loop watches its descriptor.
    """

    __slots__ = ("_connection", "_descriptor", "_overdue", "_readable", "_socket")

    def __init__(self, connection: Connection, seconds: float) -> None:
        self._connection = connection
        self._socket = _socket(connection)
        self._descriptor = self._socket.fileno()
        loop = gevent.get_hub().loop
        self._readable = loop.io(self._descriptor, _READ)
        self._overdue = loop.timer(seconds, seconds)

    @staticmethod
    def leads_to(connection: Connection) -> bool:
        """Whether this connection's bytes are what the server reads: not when TLS lies between."""
        return type(_socket(connection)) is socket.socket

    def execute(self, statement: bytes) -> int:
        """Send a statement that changes rows; how many the server counted.

        Raises pymysql.err.Error. When the connection is of no use any more, it is closed then.
        """
        try:
            self._send(_HEADER.pack(len(statement) + 1, COMMAND.COM_QUERY) + statement)
            packet = self._receive()
        except (OSError, EOFError) as error:
            self._give_up()
            raise pymysql.err.OperationalError(
                CR.CR_SERVER_LOST, f"Lost connection to MySQL server during query ({error})"
            ) from None
        if len(packet) < 5 or packet[3] != 1 or packet[4] not in (_OK, _ERROR):
            self._give_up()  # out of step, or the last words of a server that shuts down
            raise pymysql.err.OperationalError(
                CR.CR_SERVER_LOST, "Lost connection to MySQL server during query"
            )
        if packet[4] == _ERROR:
            pymysql.err.raise_mysql_exception(packet[4:])
        return _number(packet, 5)

    def close(self) -> None:
        """Stop watching the descriptor."""
        self._readable.close()
        self._overdue.close()

    # ---------------------------------------------------------------------------------------------- internals

    def _send(self, packet: bytes) -> None:
        try:
            sent = os.write(self._descriptor, packet)
        except BlockingIOError:
            sent = 0
        if sent < len(packet):
            self._socket.sendall(packet[sent:])

    def _receive(self) -> bytes:
        """One whole packet; nothing when more has come than was asked for."""
        packet = b""
        while len(packet) < 4 or len(packet) < 4 + int.from_bytes(packet[:3], "little"):
            self._wait()
            try:
                piece = os.read(self._descriptor, _AT_ONCE)
            except BlockingIOError:
                continue
            if not piece:
                raise EOFError("it was closed")
            packet += piece
        return packet if len(packet) == 4 + int.from_bytes(packet[:3], "little") else b""

    def _wait(self) -> None:
        """Return when there is something to read; TimeoutError when nothing comes."""
        waiter: Waiter[bool] = Waiter()
        self._readable.start(waiter.switch, True)
        self._overdue.again(waiter.switch, False)
        try:
            if not waiter.get():
                raise TimeoutError("timed out")
        finally:
            self._readable.stop()
            self._overdue.stop()

    def _give_up(self) -> None:
        self.close()
        self._connection.close()


def _socket(connection: Connection) -> socket.socket:
    found: socket.socket = connection._sock  # type: ignore[attr-defined]
    return found


def _number(packet: bytes, at: int) -> int:
    """An integer of the protocol, in as many bytes as it needs."""
    first = packet[at]
    if first < 0xFB:
        return first
    return int.from_bytes(packet[at + 1 : at + 1 + {0xFC: 2, 0xFD: 3, 0xFE: 8}[first]], "little")
