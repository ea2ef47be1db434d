"""The agent's own socket: who may speak to the agent need not reach the SIP process's socket.

Every command is passed on to the SIP process as it is, and so are its answer, its items and its errors; that
the SIP process is down is an answer too. What commands there are is not known here.
"""

from __future__ import annotations

from contextlib import closing
from typing import Any

from gevent.socket import socket

from appliance.control import ControlServer, ServerDown, exchange, watched

CONNECT_SECONDS = 1.5


class ForwardingServer(ControlServer):
    """Answers at ``path`` with what the process behind the control socket ``behind`` answers."""

    def __init__(self, path: str, behind: str) -> None:
        super().__init__(path, {})
        self._behind = behind

    def perform(self, connection: socket, name: str, args: dict[str, Any]) -> dict[str, Any]:
        """Pass the command on. The peer is watched meanwhile: when it goes, its command must not go on."""
        with (
            watched(connection),
            closing(exchange(self._behind, name, args, CONNECT_SECONDS, None)) as replies,
        ):
            for reply in replies:
                if reply["code"] != 100:
                    return reply
                self.send(connection, reply)
        raise ServerDown(f"the process behind {self._behind} went away")
