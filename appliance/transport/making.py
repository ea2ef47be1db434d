"""What kind of connection a socket becomes, by the transport of its hop: plain, with TLS, with WebSocket.

Must not know how many there are, nor which one is used.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from appliance.sip.hop import Hop
from appliance.transport.stream import StreamConnection
from appliance.transport.tls import TlsLayer

if TYPE_CHECKING:
    from appliance.sip.message import Limits
    from appliance.transport.tls_contexts import TlsContexts


class ConnectionMaker:
    """``tls`` is needed for the transports tls and wss; ``origins`` as in ``WebSocketConnection``."""

    def __init__(
        self,
        receive: Callable[[bytes, Hop], None],
        limits: Limits,
        *,
        tls: TlsContexts | None = None,
        origins: Sequence[str] = (),
    ) -> None:
        self._receive = receive
        self._limits = limits
        self._tls = tls
        self._origins = origins

    def make(
        self,
        sock: socket.socket,
        hop: Hop,
        on_open: Callable[[StreamConnection], None],
        on_close: Callable[[StreamConnection, str], None],
        *,
        resumed: bool = False,
        calling: bool = False,
    ) -> StreamConnection:
        """The connection, not started yet; ``calling``: we have opened it. Raises OSError."""
        layer = self._layer(hop, calling) if hop.secure else None
        if hop.transport in ("ws", "wss"):
            # The library is not needed where nobody listens for it.
            from appliance.transport.websocket import WebSocketConnection

            return WebSocketConnection(
                sock,
                hop,
                self._limits,
                self._receive,
                on_close,
                origins=self._origins,
                tls=layer,
                on_open=on_open,
            )
        return StreamConnection(
            sock, hop, self._limits, self._receive, on_close, resumed=resumed, tls=layer, on_open=on_open
        )

    def _layer(self, hop: Hop, calling: bool) -> TlsLayer:
        if self._tls is None:
            raise OSError("no certificate for TLS")
        if calling:
            try:
                return TlsLayer(self._tls.client, hop.name or hop.host)
            except ValueError as error:
                raise OSError(f"{hop.name or hop.host} is no name for TLS: {error}") from None
        return TlsLayer(self._tls.server)
