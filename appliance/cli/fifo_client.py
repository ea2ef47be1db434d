"""A client of the management FIFO in OpenSER 1.2's format: a request into one FIFO, its reply out of another.

``:command:reply_name`` and one argument a line, ended by an empty line. The reply FIFO is ours, in the
directory that the server answers in, with a name that nobody can guess; others may write to it (the server is
another user), not read.
"""

from __future__ import annotations

import os
import secrets
import select
import time
from collections.abc import Sequence
from pathlib import Path

from appliance.errors import ControlError

WRITE_AT_ONCE = 4096  # PIPE_BUF: more than this may be mixed with another client's request


class FifoClient:
    """Sends requests to the FIFO ``fifo``, whose server answers in ``reply_dir``."""

    def __init__(self, fifo: str, reply_dir: str) -> None:
        self._fifo = Path(fifo)
        self._reply_dir = Path(reply_dir)

    def send(self, command: str, arguments: Sequence[str], timeout: float) -> str:
        """The reply's text, its first line ``CODE REASON``. ControlError after ``timeout`` seconds."""
        if not command or any(mark in command for mark in ":\n\r"):
            raise ControlError(400, "a command is one word without colons")
        name = f"sipbox_{os.getpid()}_{secrets.token_hex(8)}"
        lines = [f":{command}:{name}", *map(quoted, arguments), "", ""]
        request = "\n".join(lines).encode("utf-8", "surrogateescape")
        if len(request) > WRITE_AT_ONCE:
            raise ControlError(
                400, f"the request has {len(request)} bytes, and {WRITE_AT_ONCE} fit into the FIFO"
            )
        place = self._reply_dir / name
        try:
            os.mkfifo(place)
            place.chmod(0o622)
        except OSError as error:
            raise ControlError(
                500, f"no reply FIFO can be made in {self._reply_dir}: {error.strerror}"
            ) from error
        try:
            reading = os.open(place, os.O_RDONLY | os.O_NONBLOCK)
            try:
                self._write(request)
                return _read_reply(reading, time.monotonic() + timeout)
            finally:
                os.close(reading)
        finally:
            place.unlink(missing_ok=True)

    def _write(self, request: bytes) -> None:
        try:
            writing = os.open(self._fifo, os.O_WRONLY | os.O_NONBLOCK)
        except OSError as error:
            reason = "nobody reads it: is the agent running?" if error.errno == 6 else error.strerror
            raise ControlError(503, f"the FIFO {self._fifo} cannot be used: {reason}") from error
        try:
            os.write(writing, request)
        finally:
            os.close(writing)


def quoted(argument: str) -> str:
    """``argument`` as a line of a request: in quotes when the format would take it for something else."""
    if (
        argument
        and argument == argument.strip()
        and '"' not in argument
        and "\n" not in argument
        and "::" not in argument
    ):
        return argument
    return '"' + argument.replace('"', '\\"') + '"'


def _read_reply(reading: int, deadline: float) -> str:
    """Until the server closes its end: the first reply, of a command that gives several (t_uac_dlg)."""
    poll = select.poll()
    poll.register(reading, select.POLLIN)
    received = b""
    while True:
        left = deadline - time.monotonic()
        if left <= 0 or not poll.poll(left * 1000):
            raise ControlError(408, "there was no reply in time")
        more = os.read(reading, 65_536)
        if more:
            received += more
        elif received:
            return received.decode("utf-8", "surrogateescape")
        else:
            time.sleep(0.005)  # the writer has come and gone, or not come yet: poll() tells both as a hang-up
