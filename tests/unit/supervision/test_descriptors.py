"""Real descriptors, handed over by their numbers as systemd does; the numbers from 3 are the test's own."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from appliance.config.listener import Listener
from appliance.errors import SettingsError
from appliance.supervision import descriptors as module
from appliance.supervision.descriptors import Descriptors, handed_over

UDP = Listener("udp", "192.0.2.1", 5060)
TCP = Listener("tcp", "192.0.2.1", 5060)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def hand_over(monkeypatch: pytest.MonkeyPatch, *sockets: socket.socket) -> Descriptors:
    """As a process would find them that was given copies of these."""
    first = 200
    for number, sock in enumerate(sockets, first):
        os.dup2(sock.fileno(), number, inheritable=True)
    monkeypatch.setattr(module, "_FIRST", first)
    environment = {"LISTEN_FDS": str(len(sockets)), "LISTEN_PID": str(os.getpid()), "LISTEN_FDNAMES": "x"}
    found = handed_over(environment)
    assert environment == {}, "no child shall believe that they are meant for it"
    return found


def test_each_descriptor_is_what_its_socket_says(monkeypatch: pytest.MonkeyPatch, stack: ExitStack) -> None:
    udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    udp.bind(("127.0.0.1", 0))
    tcp = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
    phone = stack.enter_context(socket.create_connection(tcp.getsockname()))
    accepted = stack.enter_context(tcp.accept()[0])
    found = hand_over(monkeypatch, udp, tcp, accepted)
    assert list(found.listening) == [
        Listener("udp", *udp.getsockname()),
        Listener("tcp", *tcp.getsockname()),
    ]
    [connection] = found.connections
    assert not os.get_inheritable(connection)
    with socket.socket(fileno=connection) as kept:
        assert kept.getpeername() == phone.getsockname()
    for descriptor in found.listening.values():
        os.close(descriptor)


def test_what_is_no_use_is_closed(monkeypatch: pytest.MonkeyPatch, stack: ExitStack) -> None:
    """Two names for one socket, a connection that is over, a socket of another family."""
    udp = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    udp.bind(("127.0.0.1", 0))
    gone = stack.enter_context(socket.socket())
    ours, theirs = socket.socketpair()
    stack.enter_context(ours)
    stack.enter_context(theirs)
    found = hand_over(monkeypatch, udp, udp, gone, ours)
    assert list(found.listening.values()) == [200]
    assert found.connections == []
    for descriptor in (201, 202, 203):
        with pytest.raises(OSError):
            os.fstat(descriptor)
    os.close(200)


@pytest.mark.parametrize(
    "environment",
    [{}, {"LISTEN_FDS": "1", "LISTEN_PID": "1"}, {"LISTEN_FDS": "many", "LISTEN_PID": str(os.getpid())}],
)
def test_nothing_is_ours_that_is_not_meant_for_us(environment: dict[str, str]) -> None:
    assert handed_over(environment) == Descriptors()


def test_the_sockets_have_to_be_those_of_the_settings() -> None:
    Descriptors({UDP: 3, TCP: 4}).check([TCP, UDP])
    Descriptors().check([UDP, TCP])  # started by hand
    Descriptors(connections=[3]).check([UDP])


def test_a_missing_socket_is_named_with_the_line_that_is_missing() -> None:
    with pytest.raises(SettingsError) as caught:
        Descriptors({UDP: 3}).check([UDP, TCP])
    told = str(caught.value)
    assert "\n" not in told
    assert told.startswith(
        "sip.listen: systemd hands over no socket for tcp:192.0.2.1:5060: put ListenStream="
    )
    assert "ListenStream=192.0.2.1:5060 into /etc/systemd/system/sipbox@.socket.d/listen.conf" in told


def test_a_socket_too_many_is_named() -> None:
    other = Listener("udp", "2001:db8::1", 5060)
    with pytest.raises(SettingsError) as caught:
        Descriptors({UDP: 3, other: 4}).check([UDP])
    told = str(caught.value)
    assert "\n" not in told
    assert "a socket for udp:[2001:db8::1]:5060, which does not stand here" in told
