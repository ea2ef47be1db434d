"""The client's side of a WebSocket upon a socket that is connected: real frames, nothing hidden."""

from __future__ import annotations

import socket

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.http11 import Response
from websockets.typing import Origin, Subprotocol
from websockets.uri import parse_uri


class WebSocketClient:
    """Opens it at once; ConnectionError when the server does not want it. ``frames`` are all that came."""

    def __init__(
        self, sock: socket.socket, uri: str, *, subprotocols: tuple[str, ...] = ("sip",), origin: str = ""
    ) -> None:
        self.socket = sock
        self.frames: list[Frame] = []
        self.protocol = ClientProtocol(
            parse_uri(uri),
            subprotocols=[Subprotocol(each) for each in subprotocols] or None,
            origin=Origin(origin) if origin else None,
        )
        self.protocol.send_request(self.protocol.connect())
        self.flush()
        self.response: Response | None = None
        self._early: list[bytes] = []
        while self.response is None:
            data = sock.recv(65535)
            if not data:
                raise ConnectionError("the server closed the connection instead of opening a WebSocket")
            self._early += self.take(data)
        if self.protocol.handshake_exc is not None:
            raise ConnectionError(f"{self.response.status_code}: {self.protocol.handshake_exc}")

    def send(self, data: bytes) -> None:
        """One message, as a browser sends it: text."""
        self.protocol.send_text(data)
        self.flush()

    def flush(self) -> None:
        for data in self.protocol.data_to_send():
            if data:
                self.socket.sendall(data)

    def take(self, data: bytes) -> list[bytes]:
        """The messages in what has arrived."""
        self.protocol.receive_data(data)
        try:
            self.flush()
        except (BrokenPipeError, ConnectionResetError):
            pass  # what would have been said to a server that has said its last word
        messages, self._early = getattr(self, "_early", []), []
        for event in self.protocol.events_received():
            if isinstance(event, Response):
                self.response = event
            elif isinstance(event, Frame):
                self.frames.append(event)
                if event.opcode in (Opcode.TEXT, Opcode.BINARY):
                    assert event.fin, "our server sends whole messages"
                    messages.append(bytes(event.data))
        return messages
