"""A time server whose clock is wrong by as much as a test says (NTP version 4, RFC 5905 §7.3)."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from typing import Self

from tests.harness.startable import Startable

_SINCE_1900 = 2_208_988_800
_HEAD = 0x24  # no leap second, version 4, server
_STRATUM, _PRECISION = 1, -20


class TimeServer(Startable):
    """Answers at ``address`` and ``port``; its clock is ``offset`` seconds ahead of this machine's."""

    def __init__(self, address: str, offset: float) -> None:
        self.offset = offset
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, 0))
        self.port = int(self._socket.getsockname()[1])
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> Self:
        self._thread.start()
        return self

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes the thread
        self._socket.close()
        self._thread.join(5)

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                question, peer = self._socket.recvfrom(1024)
                if not question:
                    return
                if len(question) >= 48:
                    self._socket.sendto(self._answer(question), peer)

    def _answer(self, question: bytes) -> bytes:
        now = self._stamp()
        head = struct.pack("!BBbbII4s", _HEAD, _STRATUM, question[2], _PRECISION, 0, 1, b"TEST")
        return head + now + question[40:48] + now + self._stamp()

    def _stamp(self) -> bytes:
        seconds = time.time() + self.offset + _SINCE_1900
        return struct.pack("!II", int(seconds), int(seconds % 1 * (1 << 32)))
