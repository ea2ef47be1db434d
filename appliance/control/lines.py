"""What goes over the control socket: JSON objects, one a line, bounded in length."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

from appliance.errors import ControlError

REQUEST_BYTES = 1 << 20
REPLY_BYTES = 1 << 28

ITEM = 100  # the code of an item of a stream
DONE = 200
DOWN = 502  # the code of an intermediary whose other side is down


def encoded(message: dict[str, Any]) -> bytes:
    # ASCII only: the surrogates that stand for bytes in SIP text come through as escapes, unchanged.
    return json.dumps(message, separators=(",", ":")).encode("ascii") + b"\n"


def request_in(line: bytes) -> tuple[str, dict[str, Any]]:
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


def lines_of(connection: socket.socket, limit: int) -> Iterator[bytes]:
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
