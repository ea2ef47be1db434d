"""The asking side of the control socket. It blocks, cooperatively in a process that was made so."""

from __future__ import annotations

import json
import socket
from collections.abc import Generator, Iterator
from typing import Any

from appliance.control.lines import DONE, DOWN, ITEM, REPLY_BYTES, encoded, lines_of
from appliance.errors import ControlError


class ServerDown(ControlError):
    """Nobody answers at the socket, or not within the time allowed; or so it is behind the one who does."""

    def __init__(self, reason: str) -> None:
        super().__init__(DOWN, reason)


def call(path: str, command: str, /, *, timeout: float = 2.0, **args: Any) -> Any:
    """Ask the process behind ``path`` and return the data; a streaming command gives the list of its items.

    ``timeout`` is how many seconds of silence are borne. Raises ``ServerDown`` when nobody answers in that
    time, and ``ControlError`` with the code and the reason when the command failed.
    """
    items: list[Any] = []
    for reply in exchange(path, command, args, timeout, timeout):
        if reply["code"] == ITEM:
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
        if reply["code"] == ITEM:
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
            connection.sendall(encoded({"command": command, "args": args}))
            connection.settimeout(patience)
            for line in lines_of(connection, REPLY_BYTES):
                reply = json.loads(line)
                if reply["code"] == DOWN:
                    raise ServerDown(reply["reason"])
                if reply["code"] not in (ITEM, DONE):
                    raise ControlError(reply["code"], reply["reason"])
                yield reply
                if reply["code"] == DONE:
                    return
        except TimeoutError as error:
            raise ServerDown(f"the process behind {path} does not answer") from error
        except OSError as error:
            raise ServerDown(f"nobody answers at {path}: {error.strerror or error}") from error
        except ValueError as error:
            raise ControlError(500, f"the process behind {path} answers no JSON: {error}") from error
