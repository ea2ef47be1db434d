from __future__ import annotations

import errno
import socket

import pytest

from appliance.transport import given_address
from appliance.transport.given_address import is_held
from appliance.transport.stream_listener import StreamListener
from appliance.transport.udp import UdpListener

NOBODYS = "192.0.2.77"


def test_whose_an_address_is() -> None:
    assert is_held("127.0.0.1")
    assert is_held("::1")
    assert not is_held(NOBODYS)
    assert not is_held("2001:db8::77")


def test_no_free_port_says_nothing_of_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    class Crowded(socket.socket):
        def bind(self, address: object) -> None:
            raise OSError(errno.EADDRINUSE, "Address already in use")

    monkeypatch.setattr(given_address, "_Socket", Crowded)
    with pytest.raises(OSError, match="already in use"):
        given_address.is_held("127.0.0.1")


def test_one_listens_where_the_address_is_not_yet_and_cannot_send() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock, pytest.raises(OSError):
        sock.bind((NOBODYS, 0))
    listener = UdpListener(NOBODYS, 0, 0, lambda data, hop: None, free=True)
    try:
        with pytest.raises(OSError):
            listener.send(b"nothing", "127.0.0.1", 9)
    finally:
        listener.close()


def test_for_streams_too() -> None:
    StreamListener(NOBODYS, 0, 0, lambda sock, hop: None, free=True).close()
