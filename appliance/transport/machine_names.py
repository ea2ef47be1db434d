"""What the files of this machine say about names: addresses of hosts(5), servers and search list of
resolv.conf(5).

They are read again when they have changed, and looked at for that every few seconds at most. Must not know
the DNS.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path

_LOOKED_AT_SECONDS = 5.0
_MOST_SERVERS = 3  # so many the C library asks
_PORT = 53
_Mark = tuple[int, int, int]


class MachineNames:
    """``hosts`` and ``resolv`` are the two files, which may be missing; ``clock`` is monotonic."""

    def __init__(
        self,
        hosts: Path = Path("/etc/hosts"),
        resolv: Path = Path("/etc/resolv.conf"),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._hosts_file, self._resolv_file = hosts, resolv
        self._clock = clock
        self._look_at = -1.0
        self._marks: tuple[_Mark, _Mark] | None = None
        self._hosts: dict[str, tuple[str, ...]] = {}
        self._servers: list[tuple[str, int]] = []
        self._search: list[str] = []

    def addresses(self, name: str) -> tuple[str, ...]:
        """The addresses of a name in lower case, in the order of the file; none when it does not know it."""
        self._refresh()
        return self._hosts.get(name, ())

    @property
    def servers(self) -> list[tuple[str, int]]:
        """Address and port of each name server, in their order."""
        self._refresh()
        return self._servers

    @property
    def search(self) -> list[str]:
        """The domains in which a name of one label is looked for."""
        self._refresh()
        return self._search

    def _refresh(self) -> None:
        now = self._clock()
        if now < self._look_at:
            return
        self._look_at = now + _LOOKED_AT_SECONDS
        marks = _mark(self._hosts_file), _mark(self._resolv_file)
        if marks != self._marks:
            self._marks = marks
            self._hosts = read_hosts(_text(self._hosts_file))
            self._servers, self._search = read_resolv(_text(self._resolv_file))


def read_hosts(text: str) -> dict[str, tuple[str, ...]]:
    """The addresses of each name in a hosts(5) file. Those with a zone are no SIP addresses."""
    found: dict[str, tuple[str, ...]] = {}
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if not words or not _is_address(words[0]):
            continue
        for name in words[1:]:
            known = found.get(name.lower(), ())
            if words[0] not in known:
                found[name.lower()] = (*known, words[0])
    return found


def read_resolv(text: str) -> tuple[list[tuple[str, int]], list[str]]:
    """The name servers and the search list in a resolv.conf(5) file; the last of several lists counts."""
    servers: list[tuple[str, int]] = []
    search: list[str] = []
    for line in text.splitlines():
        words = line.split()
        if len(words) < 2:
            continue
        if words[0] == "nameserver" and len(servers) < _MOST_SERVERS:
            servers.append((words[1], _PORT))
        elif words[0] in ("search", "domain"):
            search = [word.lower().strip(".") for word in words[1:] if word.strip(".")]
    return servers, search


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return "%" not in text


def _mark(file: Path) -> _Mark:
    try:
        found = file.stat()
    except OSError:
        return 0, 0, 0
    return found.st_ino, found.st_size, found.st_mtime_ns


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
