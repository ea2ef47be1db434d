"""The agent's own socket: who may speak to the agent need not reach the SIP process's socket.

Every command is passed on to the SIP process as it is, and so are its answer, its items and its errors; that
the SIP process is down is an answer too. Where there are several workers, it is what they say together. What
commands there are is not known here.
"""

from __future__ import annotations

from contextlib import closing
from typing import Any

from gevent.socket import socket

from appliance.agent.all_workers import STREAMS, AllWorkers
from appliance.control import ControlServer, ServerDown, exchange, watched
from appliance.control.lines import DONE, ITEM

CONNECT_SECONDS = 1.5
#: A ping waits for the end of its transaction.
ASK_SECONDS = 40.0


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


class WholeServer(ControlServer):
    """Answers at ``path`` with what all workers say together."""

    def __init__(self, path: str, workers: AllWorkers) -> None:
        super().__init__(path, {})
        self._workers = workers

    def perform(self, connection: socket, name: str, args: dict[str, Any]) -> dict[str, Any]:
        """Ask them. The peer is watched meanwhile, as above."""
        with watched(connection):
            if name not in STREAMS:
                return {
                    "code": DONE,
                    "reason": "OK",
                    "data": self._workers.ask_within(ASK_SECONDS, name, **args),
                }
            count = 0
            items = self._workers.stream(name, **args)
            try:
                for item in items:
                    self.send(connection, {"code": ITEM, "data": item})
                    count += 1
            finally:
                items.close()
        return {"code": DONE, "reason": "OK", "streamed": count}
