"""A node that speaks rtpengine's ng protocol and does what a test wants, on the loop of this process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent
from gevent import socket

from tests.harness.ports import LOOPBACK

Question = dict[str, Any]


class MediaNode:
    """Listens on a port of its own. ``questions`` are all datagrams that came, as (cookie, dictionary).

    ``answer(question)`` gives the dictionary to answer with, bytes to answer with as they are, or None for
    silence.
    """

    def __init__(self, answer: Callable[[Question], Question | bytes | None], port: int = 0) -> None:
        from appliance.media.bencode import decode, encode

        self._decode, self._encode = decode, encode
        self.answer = answer
        self.questions: list[tuple[bytes, Question]] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((LOOPBACK, port))
        self.address: tuple[str, int] = self._socket.getsockname()
        self.name = f"{LOOPBACK}:{self.address[1]}"
        self._reader = gevent.spawn(self._read)

    def close(self) -> None:
        self._reader.kill()
        self._socket.close()

    def asked(self, command: str) -> list[Question]:
        """The questions with this command, copies included."""
        return [each for _, each in self.questions if each["command"] == command.encode()]

    def _read(self) -> None:
        while True:
            data, source = self._socket.recvfrom(65_535)
            cookie, _, text = data.partition(b" ")
            try:
                question = self._decode(text)
            except ValueError:
                continue  # meant for whoever had this port before, a phone perhaps
            self.questions.append((cookie, question))
            told = self.answer(question)
            if told is not None:
                text = told if isinstance(told, bytes) else self._encode(told)
                self._socket.sendto(cookie + b" " + text, source)
