"""TLS without a socket: what one side has to send, the other one is given."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from appliance.transport.tls import TlsFailure, TlsLayer
from tests.harness.authority import Authority


class Pair:
    """A client and a server that hear one another, ``piece`` bytes at a time."""

    def __init__(self, authority: Authority, name: str = "sip.example.org", piece: int = 1 << 20) -> None:
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(*authority.issue("sip.example.org"))
        self.client, self.server = TlsLayer(authority.client(), name), TlsLayer(server)
        self.piece = piece
        self.heard = {"client": b"", "server": b""}

    def shake_hands(self) -> None:
        self.client.begin()
        while self.deliver():
            pass

    def deliver(self) -> bool:
        """Whether anything had to be said."""
        said = False
        for speaker, listener, name in (
            (self.client, self.server, "server"),
            (self.server, self.client, "client"),
        ):
            data = speaker.to_send
            said = said or bool(data)
            self.hear(listener, name, data)
        return said

    def hear(self, listener: TlsLayer, name: str, data: bytes) -> None:
        for start in range(0, len(data), self.piece):
            self.heard[name] += listener.receive(data[start : start + self.piece])


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.mark.parametrize("piece", [1 << 20, 7, 1])
def test_what_one_says_the_other_hears_however_it_is_cut(authority: Authority, piece: int) -> None:
    pair = Pair(authority, piece=piece)
    pair.shake_hands()
    assert pair.client.established
    assert pair.server.established
    assert pair.server.version == "TLSv1.3"
    text = b"x" * 40_000
    pair.hear(pair.server, "server", pair.client.wrap(text))
    pair.hear(pair.client, "client", pair.server.wrap(b"thanks"))
    assert pair.heard == {"server": text, "client": b"thanks"}


def test_who_is_not_whom_we_meant_is_told_so(authority: Authority) -> None:
    pair = Pair(authority, "other.example.org")
    with pytest.raises(TlsFailure, match="no TLS: certificate verify failed: Hostname mismatch"):
        pair.shake_hands()
    with pytest.raises(TlsFailure, match="alert bad certificate"):
        pair.deliver()


@pytest.mark.parametrize("data", [b"OPTIONS sip:x SIP/2.0\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", bytes(64)])
def test_what_is_no_tls(authority: Authority, data: bytes) -> None:
    with pytest.raises(TlsFailure, match="no TLS: "):
        Pair(authority).server.receive(data)


def test_the_end_is_said_and_heard(authority: Authority) -> None:
    pair = Pair(authority)
    pair.shake_hands()
    assert not pair.client.ended
    last = pair.server.wrap(b"bye") + pair.server.farewell()
    pair.hear(pair.client, "client", last)
    assert (pair.client.ended, pair.heard["client"]) == (True, b"bye")
    assert pair.server.farewell() == b"", "once is enough"


def test_what_was_changed_on_the_way_is_noticed(authority: Authority) -> None:
    pair = Pair(authority)
    pair.shake_hands()
    data = bytearray(pair.client.wrap(b"INVITE"))
    data[-1] ^= 1
    with pytest.raises(TlsFailure, match="TLS broke: "):
        pair.server.receive(bytes(data))
