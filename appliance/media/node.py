"""One rtpengine, asked over its ng protocol: ``COOKIE DICTIONARY`` in a datagram each way, in bencode.

rtpengine keeps its answers by cookie for a while and gives the same one again. So a question that has no
answer is sent again with its cookie, and no two questions ever have the same. Whoever asks waits in its own
greenlet. Must not know calls, nor other nodes.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from itertools import count
from typing import Any

import gevent
from gevent import socket
from gevent.event import AsyncResult

from appliance.media.bencode import BadBencode, decode, encode

# The first copy is sent again after this part of the patience, the next one after twice that, and so on.
_FIRST_COPY = 0.08
_LARGEST = 65_535


class NodeSilent(Exception):
    """The node has not answered; the text says why, for the log."""


class Node:
    """The rtpengine at ``host`` (an address without brackets) and ``port``.

    ``patience`` is how many seconds an answer is waited for.
    """

    def __init__(self, host: str, port: int, patience: float) -> None:
        self.name = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        self._address = (host, port)
        self._patience = patience
        # Of chance: another process, or this one after a restart, must not meet our answers.
        self._prefix = secrets.token_hex(6)
        self._numbers = count(1)
        self._waiting: dict[bytes, AsyncResult[bytes]] = {}
        self._socket: socket.socket | None = None
        self._reader: gevent.Greenlet[..., None] | None = None

    def ask(self, question: Mapping[str, object]) -> dict[str, Any]:
        """What the node answers to ``question``: a dictionary with a ``result``. Raises NodeSilent."""
        cookie = f"{self._prefix}_{next(self._numbers)}".encode()
        data = cookie + b" " + encode(question)
        answered: AsyncResult[bytes] = AsyncResult()
        self._waiting[cookie] = answered
        try:
            return self._read(self._exchange(data, answered))
        finally:
            del self._waiting[cookie]

    def close(self) -> None:
        """Asks nothing more; whoever waits is told that there is no answer."""
        if self._reader is not None:
            self._reader.kill(block=False)
            self._reader = None
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._nobody_answers("it was closed")

    def _exchange(self, data: bytes, answered: AsyncResult[bytes]) -> bytes:
        """Sends until ``answered`` has something or the patience is over."""
        until = time.monotonic() + self._patience
        pause = self._patience * _FIRST_COPY
        while (left := until - time.monotonic()) > 0:
            self._send(data)
            answered.wait(min(pause, left))
            if (answer := answered.get() if answered.ready() else None) is not None:
                return answer
            pause *= 2
        raise NodeSilent(f"no answer within {self._patience:g} s")

    def _send(self, data: bytes) -> None:
        try:
            if self._socket is None:
                self._open()
            assert self._socket is not None  # noqa: S101 - it was opened
            self._socket.send(data)
        except ConnectionRefusedError:
            return  # that was about an earlier datagram; if it is so still, the reader is told
        except OSError as error:
            raise NodeSilent(error.strerror or str(error)) from None

    def _open(self) -> None:
        family = socket.AF_INET6 if ":" in self._address[0] else socket.AF_INET
        opened = socket.socket(family, socket.SOCK_DGRAM)
        try:
            # The kernel lets only the node's own answers through, and tells when nobody listens there.
            opened.connect(self._address)
        except OSError:
            opened.close()
            raise
        self._socket = opened
        self._reader = gevent.spawn(self._receive)

    def _receive(self) -> None:
        opened = self._socket
        while opened is not None:
            try:
                data = opened.recv(_LARGEST)
            except ConnectionRefusedError:
                self._nobody_answers("nobody listens there")
                continue
            except OSError as error:
                if opened is self._socket:  # the next question opens another one
                    opened.close()
                    self._socket = None
                    self._nobody_answers(error.strerror or str(error))
                return
            cookie, _, answer = data.partition(b" ")
            waiting = self._waiting.get(cookie)
            if waiting is not None and not waiting.ready():
                waiting.set(answer)

    def _nobody_answers(self, reason: str) -> None:
        for waiting in self._waiting.values():
            if not waiting.ready():
                waiting.set_exception(NodeSilent(reason))

    def _read(self, answer: bytes) -> dict[str, Any]:
        try:
            told = decode(answer)
        except BadBencode as error:
            raise NodeSilent(f"its answer cannot be read: {error}") from None
        if not isinstance(told, dict) or not isinstance(told.get("result"), bytes):
            raise NodeSilent("its answer has no result")
        return told
