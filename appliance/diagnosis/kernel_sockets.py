"""The machine's own sockets, as /proc/net shows them: addresses, queues, drops, and whose they are (proc(5)).

Must not know which addresses are wanted.
"""

from __future__ import annotations

import re
import socket
import struct
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from appliance.config.listener import Listener

_LISTENING = {"udp": "07", "tcp": "0A"}
_SOCKET = re.compile(r"socket:\[(\d+)\]")


class KernelSocket(NamedTuple):
    """A socket that is listened on. ``unread`` is in bytes for UDP, in connections for TCP; ``dropped`` since
    it is there, 0 for TCP, which does not say it here."""

    listener: Listener
    unread: int
    dropped: int
    inode: int


class Owner(NamedTuple):
    """A process that has a socket open."""

    pid: int
    name: str


def sockets(proc: Path) -> list[KernelSocket]:
    """All that are listened on in our network namespace."""
    found: list[KernelSocket] = []
    for transport in ("udp", "tcp"):
        for family in ("", "6"):
            try:
                text = (proc / "net" / f"{transport}{family}").read_text()
            except OSError:
                continue  # a machine without IPv6
            found += _rows(transport, text)
    return found


def owners(proc: Path, inodes: set[int]) -> dict[int, set[Owner]]:
    """Whose these sockets are, as far as this user may see it; root sees all."""
    found: dict[int, set[Owner]] = {}
    for process in proc.iterdir():
        if not process.name.isdigit():
            continue
        try:
            held = inodes.intersection(_inodes(process / "fd"))
            name = (process / "comm").read_text().strip() if held else ""
        except OSError:
            continue  # gone meanwhile, or somebody else's
        for inode in held:
            found.setdefault(inode, set()).add(Owner(int(process.name), name))
    return found


def _rows(transport: str, text: str) -> Iterator[KernelSocket]:
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 10 or fields[3] != _LISTENING[transport]:
            continue
        host, port = fields[1].split(":")
        unread = int(fields[4].partition(":")[2], 16)
        dropped = int(fields[12]) if transport == "udp" and len(fields) > 12 else 0
        yield KernelSocket(
            Listener(transport, _address(host), int(port, 16)), unread, dropped, int(fields[9])
        )


def _address(text: str) -> str:
    """Hexadecimal words in the machine's own byte order."""
    words = [int(text[place : place + 8], 16) for place in range(0, len(text), 8)]
    packed = struct.pack(f"={len(words)}I", *words)
    family = socket.AF_INET if len(words) == 1 else socket.AF_INET6
    return str(ip_address(socket.inet_ntop(family, packed)))


def _inodes(folder: Path) -> Iterator[int]:
    for entry in folder.iterdir():
        try:
            found = _SOCKET.fullmatch(str(entry.readlink()))
        except OSError:
            continue
        if found:
            yield int(found[1])
