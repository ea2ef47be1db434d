"""SIP over WebSocket (RFC 7118): one message of SIP is one message of WebSocket (RFC 6455).

The protocol itself is the library's (``websockets``, its part without sockets); here it is put upon a stream.
A client has to offer the subprotocol ``sip``, and where origins are named, a browser has to come from one of
them. Must not know what a message means, nor what TLS is below.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from websockets.exceptions import ProtocolError
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Origin, Subprotocol

from appliance.sip.hop import Hop
from appliance.transport.stream import StreamConnection
from appliance.transport.tls import TlsLayer

if TYPE_CHECKING:
    from appliance.sip.message import Limits

SUBPROTOCOL = Subprotocol("sip")
#: What keeps a stream alive (RFC 5626 §3.5.1); here a ping does (RFC 7118 §6).
_EMPTY_LINES = b"\r\n\r\n"
_SILENT = logging.getLogger("sipbox.websocket")
_SILENT.addHandler(logging.NullHandler())
_SILENT.propagate = False


class WebSocketConnection(StreamConnection):
    """One WebSocket that was accepted; ``origins`` are those that a browser may come from, "" is who names
    none, nobody at all means everybody. The rest as in ``StreamConnection``."""

    opens_at_once: ClassVar[bool] = False

    def __init__(
        self,
        sock: socket.socket,
        hop: Hop,
        limits: Limits,
        receive: Callable[[bytes, Hop], None],
        on_close: Callable[[StreamConnection, str], None],
        *,
        origins: Sequence[str] = (),
        tls: TlsLayer | None = None,
        on_open: Callable[[StreamConnection], None] | None = None,
    ) -> None:
        super().__init__(sock, hop, limits, receive, on_close, tls=tls, on_open=on_open)
        self._protocol = ServerProtocol(
            origins=[Origin(each) if each else None for each in origins] or None,
            subprotocols=[SUBPROTOCOL],
            max_size=limits.message_bytes,
            logger=_SILENT,
        )
        self._pieces: list[bytes] = []

    def send(self, data: bytes) -> None:
        """One message, as text where it is text; raises OSError when the connection is gone."""
        protocol = self._protocol
        if protocol.state is not State.OPEN:
            raise ConnectionError(f"the connection to {self.hop.host}:{self.hop.port} is closed")
        if data == _EMPTY_LINES:
            protocol.send_ping(b"")
        elif _is_text(data):
            protocol.send_text(data)
        else:
            protocol.send_binary(data)
        super().send(b"".join(protocol.data_to_send()))

    def close(self, reason: str) -> None:
        super().close(reason)
        self._protocol.parser.close()  # it and its protocol hold one another

    def _arrived(self, chunk: bytes) -> None:
        protocol = self._protocol
        protocol.receive_data(chunk)
        for event in protocol.events_received():
            if self._closed:
                return
            if isinstance(event, Request):
                protocol.send_response(protocol.accept(event))
                self._flush()
                if protocol.state is State.OPEN and not self._closed:
                    self._opened()
            elif isinstance(event, Frame):
                self._take(event)
        self._flush()
        if self._closed:
            return
        if protocol.state is State.CONNECTING:
            if protocol.handshake_exc is not None:
                self.close(f"no WebSocket: {type(protocol.handshake_exc).__name__}")
        elif protocol.close_expected():
            broken = isinstance(protocol.parser_exc, ProtocolError) or protocol.parser_exc is not None
            self.close("unreadable: no WebSocket frame" if broken else "closed by the peer")

    def _take(self, frame: Frame) -> None:
        if frame.opcode in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            self._pieces.append(bytes(frame.data))
            if frame.fin:
                message = b"".join(self._pieces)
                self._pieces.clear()
                if message.strip(b"\r\n"):
                    self.has_spoken = True
                self._receive(message, self.hop)

    def _flush(self) -> None:
        data = b"".join(self._protocol.data_to_send())
        if data and not self._closed:
            self._say(data if self._tls is None else self._tls.wrap(data))

    def _last_words(self, reason: str) -> bytes:
        words = b""
        if self._protocol.state is State.OPEN:
            leaving = CloseCode.GOING_AWAY if reason == "the server stops" else CloseCode.NORMAL_CLOSURE
            self._protocol.send_close(leaving)
            words = b"".join(self._protocol.data_to_send())
        if self._tls is None:
            return words
        return (self._tls.wrap(words) if words else b"") + super()._last_words(reason)


def _is_text(data: bytes) -> bool:
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
