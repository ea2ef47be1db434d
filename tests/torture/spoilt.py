"""Spoilt messages by the thousand at the running server, and a good one after every fifty of them.

They come from the peer that it trusts, so that nothing stops them early; the phones that some of them reach
answer. Must not know how a message is spoilt.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator
from typing import Self

from tests.torture.scene import FOLDER, Heard, Scene, Sender

EVERY = 50
SEEDS = [path.read_bytes() for path in sorted(FOLDER.glob("*.dat"))]
#: A stream ends early by most of what is spoilt, so each has only some.
_ON_A_STREAM = 7
_AT_ONCE = struct.pack("ii", 1, 0)


def throw(scene: Scene, transport: str, inputs: Iterator[bytes]) -> int:
    """Sends all of them; how many good ones were sent between, each of which has been answered.

    AssertionError when one was not.
    """
    count = 0
    with scene.sender(transport) as good, _Streams(scene) as streams:
        send = streams.send if transport == "tcp" else good.send
        for number, data in enumerate(inputs, 1):
            send(data)
            if number % EVERY == 0:
                # What else has come is of no interest, only that it is read and answered.
                assert scene.is_well(good, Heard([], []), timeout=30), f"silent after {number}: {data!r}"
                count += 1
    return count


class _Streams:
    """One connection after the other, each for some of the messages, ended as rudely as can be."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._sender: Sender | None = None
        self._sent = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._sender is not None:
            self._sender.close()

    def send(self, data: bytes) -> None:
        if self._sender is None:
            self._sender = self._scene.open_sender("tcp")
            self._sent = 0
        self._sender.send(data)
        self._sent += 1
        if self._sent == _ON_A_STREAM:
            connection = self._sender.connection
            assert connection is not None
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
            self._sender.close()
            self._sender = None
