"""What systemd hands over at the start (sd_listen_fds(3)): listening sockets and kept connections.

What a descriptor is tells the socket itself and no name: names are for people. Listening sockets have to be
exactly those of the settings. A phone that writes to a socket that nobody reads, or to an address that nobody
listens on, would be lost without a word, so the start is refused instead. Must not know who uses them.
"""

from __future__ import annotations

import os
import socket
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass, field

from gevent import monkey

from appliance.config.listener import Listener
from appliance.errors import SettingsError

_FIRST = 3  # SD_LISTEN_FDS_START
_VARIABLES = ("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES")
_DROP_IN = "/etc/systemd/system/sipbox@.socket.d/listen.conf"
_Socket = monkey.get_original("socket", "socket")


@dataclass
class Descriptors:
    """Descriptors by what they are: ``listening`` by address (udp, or tcp for everything that is spoken on
    streams), ``connections`` established streams."""

    listening: dict[Listener, int] = field(default_factory=dict)
    connections: list[int] = field(default_factory=list)

    def check(self, wanted: Sequence[Listener]) -> None:
        """SettingsError unless the listening sockets are those that are wanted, or none was handed over."""
        if not self.listening:
            return
        for listener in wanted:
            if listener.socket not in self.listening:
                kind = "ListenDatagram" if listener.transport == "udp" else "ListenStream"
                raise SettingsError(
                    f"systemd hands over no socket for {listener}: put {kind}={listener.address} into"
                    f" {_DROP_IN}, then systemctl daemon-reload and restart the socket",
                    path="sip.listen",
                )
        for listener in self.listening:
            if listener not in {each.socket for each in wanted}:
                raise SettingsError(
                    f"systemd hands over a socket for {listener}, which does not stand here: add it,"
                    f" or take it out of {_DROP_IN}, then systemctl daemon-reload and restart the socket",
                    path="sip.listen",
                )


def handed_over(environment: MutableMapping[str, str] | None = None) -> Descriptors:
    """What was handed to this very process; nothing when it was started by hand.

    The variables are taken out of the environment, so that no child believes that they are meant for it.
    """
    environment = os.environ if environment is None else environment
    count, pid, _ = (environment.pop(name, "") for name in _VARIABLES)
    found = Descriptors()
    if pid != str(os.getpid()) or not count.isdigit():
        return found
    for descriptor in range(_FIRST, _FIRST + int(count)):
        os.set_inheritable(descriptor, False)
        _sort(descriptor, found)
    return found


def _sort(descriptor: int, found: Descriptors) -> None:
    try:
        sock = _Socket(fileno=descriptor)
    except OSError:
        os.close(descriptor)  # no socket at all: nothing that we know a use for
        return
    try:
        listener = _listener(sock)
    except OSError:
        sock.close()
        return
    if listener is None:
        found.connections.append(sock.detach())
    elif listener in found.listening:
        sock.close()  # the same socket by two names
    else:
        found.listening[listener] = sock.detach()


def _listener(sock: socket.socket) -> Listener | None:
    """The address of a socket that waits for phones; None for an established connection.

    OSError for what is neither.
    """
    if sock.family not in (socket.AF_INET, socket.AF_INET6):
        raise OSError(f"a socket of the family {sock.family}")
    host, port = sock.getsockname()[:2]
    if sock.type == socket.SOCK_DGRAM:
        return Listener("udp", host, port)
    if sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        return Listener("tcp", host, port)
    sock.getpeername()  # its peer may have gone while nobody looked
    return None
