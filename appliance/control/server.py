"""The answering side of the control socket.

Every connection has a greenlet of its own and every write a time limit, so that a peer that never reads, or
that goes away half-way through a line, holds up nobody.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gevent
from gevent.pool import Pool
from gevent.socket import socket

from appliance.control.lines import DONE, ITEM, REQUEST_BYTES, encoded, lines_of, request_in
from appliance.control.socket_file import SocketFile
from appliance.errors import ControlError, SipboxError, StorageError

WRITE_SECONDS = 5.0
IDLE_SECONDS = 60.0
ACCEPT_PAUSE_SECONDS = 0.2
CONNECTIONS = 128

log = logging.getLogger("sipbox.control")

Command = Callable[..., Any]


class Items(list[Any]):
    """Several items of a stream, sent in one piece: cheaper than one by one, and told no differently."""


class ControlServer:
    """Answers at ``path`` with ``commands``: name -> callable; the request's args are its keyword arguments.

    A callable returns data that JSON can say, or an iterator, whose items are streamed until it ends or the
    peer goes away (then the iterator is closed). It may wait, and it may raise: a ``ControlError`` gives
    the reply's code, a ``StorageError`` is 503, any other error of ours 500. An iterator may give ``Items``
    as well.
    """

    def __init__(
        self, path: str, commands: Mapping[str, Command], *, write_seconds: float = WRITE_SECONDS
    ) -> None:
        self.path = Path(path)
        self._file = SocketFile(self.path)
        self._commands = commands
        self._write_seconds = write_seconds
        self._pool = Pool(CONNECTIONS)
        self._accepting: gevent.Greenlet[..., None] | None = None

    def start(self) -> None:
        """Bind and answer from now on; a socket file that a dead process left is replaced.

        Raises ``SettingsError`` when the path is something else, or when a living process answers there.
        """
        self._file.listen(CONNECTIONS)
        self._accepting = gevent.spawn(self._accept)

    def stop(self) -> None:
        """Close every connection and take the socket file away, unless another process has replaced it."""
        if self._accepting is not None:
            self._accepting.kill()
        self._file.remove()
        self._pool.kill()

    def _accept(self) -> None:
        while True:
            try:
                connection = self._file.accept()
            except OSError as error:
                log.error("control socket %s: accept failed: %s", self.path, error)
                gevent.sleep(ACCEPT_PAUSE_SECONDS)
                continue
            if self._pool.full():
                # Waiting for a free place here would make everybody wait for the peers that hold theirs.
                log.error("control socket %s: %d connections, one more refused", self.path, CONNECTIONS)
                connection.close()
                continue
            self._pool.spawn(self._serve, connection)

    def _serve(self, connection: socket) -> None:
        with connection:
            connection.settimeout(IDLE_SECONDS)
            try:
                for line in lines_of(connection, REQUEST_BYTES):
                    self._answer(connection, line)
            except (OSError, gevent.Timeout, ControlError, _PeerGone) as error:
                log.debug("control socket %s: connection closed: %s", self.path, error)

    def _answer(self, connection: socket, line: bytes) -> None:
        name = ""
        try:
            name, args = request_in(line)
            reply = self.perform(connection, name, args)
        except ControlError as error:
            reply = {"code": error.code, "reason": error.reason}
        except StorageError as error:
            reply = {"code": 503, "reason": str(error)}
        except SipboxError as error:
            reply = {"code": 500, "reason": str(error)}
        except (OSError, gevent.Timeout):
            raise
        except Exception:  # whatever a command does, its peer gets an answer and the log the story
            log.exception("control command %r failed", name)
            reply = {"code": 500, "reason": f"command '{name}' failed"}
        self.send(connection, reply)

    def perform(self, connection: socket, name: str, args: dict[str, Any]) -> dict[str, Any]:
        """Run a command, send its items, return its final reply. An OSError that it raises is the peer's."""
        command = self._commands.get(name)
        if command is None:
            raise ControlError(404, f"command '{name}' not available")
        try:
            inspect.signature(command).bind(**args)
        except TypeError as error:
            raise ControlError(400, f"command '{name}': {error}") from None
        try:
            data = command(**args)
        except OSError as error:
            # Not the connection's: what the command touched. It must not look like a peer that went away.
            raise ControlError(500, f"command '{name}' failed: {error}") from error
        if not isinstance(data, Iterator):
            return {"code": DONE, "reason": "OK", "data": data}
        count = 0
        try:
            with watched(connection):
                for produced in _produced(data):
                    items = produced if isinstance(produced, Items) else (produced,)
                    self.send(connection, *({"code": ITEM, "data": item} for item in items))
                    count += len(items)
        finally:
            close = getattr(data, "close", None)
            if close is not None:
                close()
        return {"code": DONE, "reason": "OK", "streamed": count}

    def send(self, connection: socket, *replies: dict[str, Any]) -> None:
        """A line each to the peer; ``gevent.Timeout`` when it does not read."""
        with gevent.Timeout(self._write_seconds):
            connection.sendall(b"".join(map(encoded, replies)))


class _PeerGone(BaseException):
    """Thrown into a streaming greenlet; no Exception, so that no command takes it for its own."""


@contextmanager
def watched(connection: socket) -> Iterator[None]:
    """While items are awaited and sent, a second greenlet notices that the peer goes, and ends the first."""
    watching = gevent.spawn(_wait_for_end, connection, gevent.getcurrent())
    try:
        yield
    finally:
        watching.kill()


def _wait_for_end(connection: socket, streaming: Any) -> None:
    """A streaming peer has nothing to say: whatever ends its side ends the stream."""
    try:
        while True:
            try:
                if not connection.recv(4096):
                    break
            except TimeoutError:
                continue
    except OSError as error:
        log.debug("control socket: the streaming peer was lost: %s", error)
    streaming.kill(_PeerGone(), block=False)


def _produced(items: Iterator[Any]) -> Iterator[Any]:
    """The items; an OSError of what the command touches must not look like a peer that went away."""
    while True:
        try:
            item = next(items)
        except StopIteration:
            return
        except OSError as error:
            raise ControlError(500, f"the stream ended: {error}") from error
        yield item
