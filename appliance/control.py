"""The control socket: how the agent and the command line ask a running process for something.

A unix stream socket with one JSON object a line. A request is ``{"command": name, "args": {...}}``; its reply
is ``{"code": 200, "reason": "OK", "data": ...}``. A command that streams sends ``{"code": 100, "data": ...}``
for each item, and ends with ``{"code": 200, "reason": "OK", "streamed": how many}``. The next request may
follow on the same connection.

Who may connect is decided by the file system: the socket is for its owner and group (0660). Every connection
has a greenlet of its own and every write a time limit, so that a peer that never reads, or that goes away
half-way through a line, holds up nobody. What the commands mean is not known here: they are handed in.
"""

from __future__ import annotations

import inspect
import json
import logging
import socket
import stat
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gevent
from gevent import socket as cooperative
from gevent.pool import Pool

from appliance.errors import ControlError, SettingsError, SipboxError, StorageError

REQUEST_BYTES = 1 << 20
REPLY_BYTES = 1 << 28
WRITE_SECONDS = 5.0
IDLE_SECONDS = 60.0
CONNECTIONS = 128
MODE = 0o660
DOWN = 502  # the code of an intermediary whose other side is down

log = logging.getLogger("sipbox.control")

Command = Callable[..., Any]


class Items(list[Any]):
    """Several items of a stream that are sent in one piece: cheaper than one by one, and told no
    differently.
    """


class ServerDown(ControlError):
    """Nobody answers at the socket, or not within the time allowed; or so it is behind the one who does."""

    def __init__(self, reason: str) -> None:
        super().__init__(DOWN, reason)


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
        self._commands = commands
        self._write_seconds = write_seconds
        self._pool = Pool(CONNECTIONS)
        self._listener: cooperative.socket | None = None
        self._accepting: gevent.Greenlet[..., None] | None = None
        self._inode: tuple[int, int] | None = None

    def start(self) -> None:
        """Bind and answer from now on; a socket file that a dead process left is replaced.

        Raises ``SettingsError`` when the path is something else, or when a living process answers there.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        _clear(self.path)
        listener = cooperative.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.bind(str(self.path))
            # Nobody can connect before listen(), so the mode is right for the first peer already.
            self.path.chmod(MODE)
            listener.listen(CONNECTIONS)
        except OSError as error:
            listener.close()
            raise SettingsError(
                f"the socket {self.path} cannot be made: {error.strerror or error}"
            ) from error
        found = self.path.lstat()
        self._inode = (found.st_dev, found.st_ino)
        self._listener = listener
        self._accepting = gevent.spawn(self._accept, listener)

    def stop(self) -> None:
        """Close every connection and take the socket file away, unless another process has replaced it."""
        if self._accepting is not None:
            self._accepting.kill()
        if self._listener is not None:
            self._listener.close()
            self._listener = None
            try:
                found = self.path.lstat()
            except FileNotFoundError:
                found = None
            if found is not None and (found.st_dev, found.st_ino) == self._inode:
                self.path.unlink()
        self._pool.kill()

    def _accept(self, listener: cooperative.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError as error:
                if listener.fileno() == -1:
                    return
                log.error("control socket %s: accept failed: %s", self.path, error)
                gevent.sleep(0.2)
                continue
            if self._pool.full():
                # Waiting for a free place here would make everybody wait for the peers that hold theirs.
                log.error("control socket %s: %d connections, one more refused", self.path, CONNECTIONS)
                connection.close()
                continue
            self._pool.spawn(self._serve, connection)

    def _serve(self, connection: cooperative.socket) -> None:
        with connection:
            connection.settimeout(IDLE_SECONDS)
            try:
                for line in _lines(connection, REQUEST_BYTES):
                    self._answer(connection, line)
            except (OSError, gevent.Timeout, ControlError, _PeerGone) as error:
                log.debug("control socket %s: connection closed: %s", self.path, error)

    def _answer(self, connection: cooperative.socket, line: bytes) -> None:
        name = ""
        try:
            name, args = _request(line)
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

    def perform(self, connection: cooperative.socket, name: str, args: dict[str, Any]) -> dict[str, Any]:
        """Run a command, send its items if it has any, and return its final reply. An OSError is the
        peer's.
        """
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
            return {"code": 200, "reason": "OK", "data": data}
        count = 0
        try:
            with watched(connection):
                for produced in _produced(data):
                    items = produced if isinstance(produced, Items) else (produced,)
                    self.send(connection, *({"code": 100, "data": item} for item in items))
                    count += len(items)
        finally:
            close = getattr(data, "close", None)
            if close is not None:
                close()
        return {"code": 200, "reason": "OK", "streamed": count}

    def send(self, connection: cooperative.socket, *replies: dict[str, Any]) -> None:
        """A line each to the peer; ``gevent.Timeout`` when it does not read."""
        with gevent.Timeout(self._write_seconds):
            connection.sendall(b"".join(map(_encode, replies)))


class _PeerGone(BaseException):
    """Thrown into a streaming greenlet; no Exception, so that no command takes it for its own."""


@contextmanager
def watched(connection: cooperative.socket) -> Iterator[None]:
    """While items are awaited and sent, a second greenlet notices that the peer goes, and ends the first."""
    watching = gevent.spawn(_wait_for_end, connection, gevent.getcurrent())
    try:
        yield
    finally:
        watching.kill()


def _wait_for_end(connection: cooperative.socket, streaming: Any) -> None:
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


def _clear(path: Path) -> None:
    """Make room for our socket: remove a dead process's file, refuse anything else."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise SettingsError(f"{path} exists and is no socket: remove it, or choose another path")
    with cooperative.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            pass
        except OSError as error:
            raise SettingsError(f"the socket {path} is in use and cannot be asked: {error}") from error
        else:
            raise SettingsError(f"another process answers at {path}: stop it first, or use another path")
    path.unlink(missing_ok=True)


def _encode(message: dict[str, Any]) -> bytes:
    # ASCII only: the surrogates that stand for bytes in SIP text come through as escapes, unchanged.
    return json.dumps(message, separators=(",", ":")).encode("ascii") + b"\n"


def _request(line: bytes) -> tuple[str, dict[str, Any]]:
    try:
        request = json.loads(line)
    except ValueError as error:
        raise ControlError(400, f"the request is no JSON: {error}") from None
    if not isinstance(request, dict) or not isinstance(request.get("command"), str):
        raise ControlError(400, "a request is an object with a command")
    args = request.get("args", {})
    if not isinstance(args, dict):
        raise ControlError(400, "args is an object")
    return request["command"], args


def _lines(connection: socket.socket, limit: int) -> Iterator[bytes]:
    """The peer's lines without their ends; ``ControlError`` for one of more than ``limit`` bytes."""
    pending = bytearray()
    looked = 0
    while True:
        end = pending.find(b"\n", looked)
        if end >= 0:
            line = bytes(pending[:end])
            del pending[: end + 1]
            looked = 0
            if line.strip():
                yield line
            continue
        looked = len(pending)
        if looked > limit:
            raise ControlError(413, f"a line has more than {limit} bytes")
        more = connection.recv(1 << 16)
        if not more:
            return
        pending += more


def call(path: str, command: str, /, *, timeout: float = 2.0, **args: Any) -> Any:
    """Ask the process behind ``path`` and return the data; a streaming command gives the list of its items.

    ``timeout`` is how many seconds of silence are borne. Raises ``ServerDown`` when nobody answers in that
    time, and ``ControlError`` with the code and the reason when the command failed.
    """
    items: list[Any] = []
    for reply in exchange(path, command, args, timeout, timeout):
        if reply["code"] == 100:
            items.append(reply.get("data"))
            continue
        return items if "streamed" in reply else reply.get("data")
    raise ServerDown(f"the process behind {path} went away")


def stream(path: str, command: str, /, *, timeout: float = 2.0, **args: Any) -> Iterator[Any]:
    """The items of a streaming command as they come; closing the iterator ends the command.

    ``timeout`` seconds are borne until the request has been sent; after that an item may take as long as it
    likes. Raises as ``call`` does. A command that does not stream gives its data as the only item.
    """
    for reply in exchange(path, command, args, timeout, None):
        if reply["code"] == 100:
            yield reply.get("data")
            continue
        if "streamed" not in reply:
            yield reply.get("data")
        return
    raise ServerDown(f"the process behind {path} went away")


def exchange(
    path: str, command: str, args: dict[str, Any], timeout: float, patience: float | None
) -> Generator[dict[str, Any], None, None]:
    """Send one request and give the replies as they are, the final one last.

    ``timeout`` is for connecting and sending, ``patience`` for each reply (None: for ever), both in seconds.
    Raises what ``call`` raises.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(timeout)
        try:
            connection.connect(path)
            connection.sendall(_encode({"command": command, "args": args}))
            connection.settimeout(patience)
            for line in _lines(connection, REPLY_BYTES):
                reply = json.loads(line)
                if reply["code"] == DOWN:
                    raise ServerDown(reply["reason"])
                if reply["code"] not in (100, 200):
                    raise ControlError(reply["code"], reply["reason"])
                yield reply
                if reply["code"] == 200:
                    return
        except TimeoutError as error:
            raise ServerDown(f"the process behind {path} does not answer") from error
        except OSError as error:
            raise ServerDown(f"nobody answers at {path}: {error.strerror or error}") from error
        except ValueError as error:
            raise ControlError(500, f"the process behind {path} answers no JSON: {error}") from error
