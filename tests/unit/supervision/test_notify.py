from __future__ import annotations

import array
import errno
import os
import socket
from collections.abc import Iterator
from pathlib import Path

import gevent
import pytest

from appliance.supervision.notify import Notifier, notifier


class Systemd:
    """The other end: a socket whose datagrams wait until somebody looks."""

    def __init__(self, place: Path) -> None:
        self.address = str(place / "notify")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(self.address)

    def told(self) -> list[tuple[str, list[int]]]:
        found = []
        while True:
            try:
                data, ancillary, _, _ = self._socket.recvmsg(4096, 1024)
            except BlockingIOError:
                return found
            descriptors = array.array("i")
            for _, _, rights in ancillary:
                descriptors.frombytes(rights)
            found.append((data.decode(), list(descriptors)))

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    systemd = Systemd(tmp_path)
    yield systemd
    systemd.close()


def test_what_is_told(systemd: Systemd) -> None:
    told = Notifier(systemd.address)
    told.ready()
    told.status("ready: 3 bindings,\n1 call")
    told.alive()
    told.stopping()
    told.close()
    assert [message for message, _ in systemd.told()] == [
        "READY=1",
        "STATUS=ready: 3 bindings, 1 call",
        "WATCHDOG=1",
        "STOPPING=1",
    ]


def test_a_connection_is_handed_over_by_one_name_for_all(systemd: Systemd) -> None:
    ours, theirs = socket.socketpair()
    told = Notifier(systemd.address)
    with ours, theirs:
        told.keep(ours.fileno())
        [(message, [descriptor])] = systemd.told()
        assert message == "FDSTORE=1\nFDNAME=flow"
        with socket.socket(fileno=descriptor) as kept:
            kept.send(b"the same")
        assert theirs.recv(100) == b"the same"
    told.close()


def test_what_does_not_fit_waits_and_keeps_its_order(systemd: Systemd) -> None:
    told = Notifier(systemd.address)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for number in range(2000):  # more than the queue of any datagram socket holds
            told.status(str(number))
        told.keep(ours.fileno())
    got: list[tuple[str, list[int]]] = []
    with gevent.Timeout(20):
        while len(got) < 2001:
            got += systemd.told()
            gevent.sleep(0)
    assert [message for message, _ in got[:2000]] == [f"STATUS={number}" for number in range(2000)]
    # It was the descriptor of that moment, although its number has been given up since.
    assert got[2000][0].startswith("FDSTORE=1")
    os.close(got[2000][1][0])
    told.close()


def test_a_connection_that_cannot_wait_goes_on_all_the_same(
    systemd: Systemd, monkeypatch: pytest.MonkeyPatch
) -> None:
    def exhausted(_descriptor: int) -> int:
        raise OSError(errno.EMFILE, "too many open files")

    told = Notifier(systemd.address)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        for number in range(2000):
            told.status(str(number))
        monkeypatch.setattr(os, "dup", exhausted)
        told.keep(ours.fileno())
    told.close()


def test_without_systemd_nobody_is_told(tmp_path: Path) -> None:
    for told in (Notifier(), Notifier(str(tmp_path / "nobody"))):
        assert not told.listens
        told.ready()
        told.keep(0)
        told.close()


def test_the_environment_says_where_and_how_often_and_children_do_not_learn_of_it(systemd: Systemd) -> None:
    environment = {
        "NOTIFY_SOCKET": systemd.address,
        "WATCHDOG_USEC": "30000000",
        "WATCHDOG_PID": str(os.getpid()),
        "HOME": "/",
    }
    told = notifier(environment)
    assert (told.listens, told.watchdog_seconds) == (True, 30)
    assert environment == {"HOME": "/"}
    told.close()


def test_a_watchdog_that_is_meant_for_another_process_is_not_ours() -> None:
    assert notifier({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}).watchdog_seconds == 0


def test_an_abstract_address() -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(f"\0sipbox-test-{os.getpid()}")
        told = Notifier(f"@sipbox-test-{os.getpid()}")
        told.ready()
        assert systemd.recv(100) == b"READY=1"
        told.close()
