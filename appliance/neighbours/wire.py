"""Replication on the wire: the sockets of the worker that leads, and the clock of all.

Must not know what is said.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from time import monotonic, time

import gevent

from appliance.auth.keys import shared_keys
from appliance.config.listener import split_address
from appliance.config.sections import ReplicationSettings
from appliance.errors import SettingsError
from appliance.neighbours.replication import TICK_SECONDS, Replication, Workers
from appliance.neighbours.seal import Opener, Sealer
from appliance.registrar.binding import Binding
from appliance.transport.multicast import Address, NodeSockets


class NeighbourNodes:
    """What ``[replication]`` says, at work; ``key_file`` is what all nodes sign with. Raises
    SettingsError for a key that cannot be used."""

    def __init__(
        self,
        settings: ReplicationSettings,
        key_file: str,
        sip: str,
        say: Callable[[str, str], object],
        workers: Workers | None,
    ) -> None:
        self._settings = settings
        self._alone = workers is None
        self._say = say
        self._peers = [split_address(text) for text in settings.peers]
        key = shared_keys(key_file).derive("neighbours")
        self.name = name = settings.node or socket.gethostname()
        self.replication = Replication(
            Sealer(key, name, 0, settings.sip or sip, time),
            Opener(key, name, 0, settings.window_seconds, time),
            self._send,
            say,
            monotonic,
            time,
            workers,
        )
        self.changed: Callable[[Mapping[str, Binding | None], Callable[[], None]], None] = (
            self.replication.changed
        )
        self._sockets: NodeSockets | None = None
        self._ticking: gevent.Greenlet[[], None] | None = None

    def start(self) -> None:
        """Speaks and listens, if this worker leads. Raises SettingsError when there is no such address; where
        there are several workers, another one may still have it, and it is tried again."""
        if self._alone:
            try:
                self._open()
            except OSError as error:
                problem = f"{self._settings.interface} port {self._settings.port}: {error.strerror or error}"
                raise SettingsError(problem, path="replication.interface") from None
        self._ticking = gevent.spawn(self._run)

    def stop(self) -> None:
        if self._ticking is not None:
            self._ticking.kill()
        self._close()

    def _run(self) -> None:
        while True:
            try:
                self._hold_sockets()
                self.replication.tick()
            except Exception as error:  # noqa: BLE001 - told, and the next tick comes all the same
                self._say("warning", f"replication: {error!r}")
            gevent.sleep(TICK_SECONDS)

    def _hold_sockets(self) -> None:
        """The worker that leads has them, and no other."""
        if not self.replication.leads:
            self._close()
        elif self._sockets is None:
            try:
                self._open()
            except OSError as error:
                # The worker that has led may not have noticed yet; or the network is not there yet.
                why = error.strerror or error
                self._say("warning", f"nobody hears the neighbours: {why}; it is tried again")

    def _open(self) -> None:
        wanted = self._settings
        self._sockets = NodeSockets(
            wanted.interface,
            wanted.port,
            self.replication.receive,
            group=wanted.group,
            peers=self._peers,
            ttl=wanted.ttl,
        )
        self._sockets.start()

    def _close(self) -> None:
        if self._sockets is not None:
            self._sockets.close()
            self._sockets = None

    def _send(self, packet: bytes, address: Address | None) -> None:
        if self._sockets is not None:
            self._sockets.send(packet, address)
