"""The agent's HTTPS: connections that begin nothing, and certificates that are renewed."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent
import gevent.socket
import gevent.ssl
import pytest

from appliance.agent import https
from appliance.agent.https import HttpServer, Pair, pair_of
from appliance.errors import SettingsError
from tests.harness.certificate import self_signed
from tests.harness.ports import free_port


def application(_environ: dict[str, Any], answer: Callable[..., Any]) -> list[bytes]:
    answer("200 OK", [("Content-Length", "4")])
    return [b"here"]


def ask(there: tuple[str, int], certificate: Path) -> bytes:
    """What a client gets that believes this certificate alone."""
    client = gevent.ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.load_verify_locations(certificate)
    with (
        gevent.socket.create_connection(there) as plain,
        client.wrap_socket(plain, server_hostname="127.0.0.1") as secured,
    ):
        secured.sendall(b"GET / HTTP/1.0\r\n\r\n")
        return b"".join(iter(lambda: secured.recv(4096), b""))


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.0\r\n\r\n"])
def test_who_begins_no_tls_does_not_hold_a_place(tmp_path: Path, said: bytes) -> None:
    certificate, key = self_signed(tmp_path, "127.0.0.1")

    server = HttpServer(
        f"127.0.0.1:{free_port()}",
        application,
        "x",
        Pair(str(certificate), str(key), "x"),
        handshake_seconds=1.0,
    )
    server.set_spawn(1)
    server.start()
    there = ("127.0.0.1", server.server_port)
    try:
        with gevent.Timeout(30), gevent.socket.create_connection(there) as silent:
            silent.sendall(said)
            assert ask(there, certificate).endswith(b"here")
    finally:
        server.stop(timeout=1)


def test_a_renewed_certificate_is_shown_and_a_bad_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(https, "RENEWAL_SECONDS", 0.0)
    (tmp_path / "old").mkdir()
    (tmp_path / "new").mkdir()
    old, old_key = self_signed(tmp_path / "old", "127.0.0.1")
    new, new_key = self_signed(tmp_path / "new", "127.0.0.1")
    used, used_key = tmp_path / "used.pem", tmp_path / "used.key"
    used.write_bytes(Path(old).read_bytes())
    used_key.write_bytes(Path(old_key).read_bytes())
    server = HttpServer(f"127.0.0.1:{free_port()}", application, "x", Pair(str(used), str(used_key), "x"))
    server.begin()
    there = ("127.0.0.1", server.server_port)

    def put(certificate: bytes) -> None:
        (tmp_path / "next.pem").write_bytes(certificate)
        (tmp_path / "next.pem").replace(used)

    try:
        with gevent.Timeout(30):
            assert ask(there, old).endswith(b"here")
            put(b"no certificate")
            assert ask(there, old).endswith(b"here")
            assert "cannot be used" in caplog.text
            used_key.write_bytes(Path(new_key).read_bytes())
            put(Path(new).read_bytes())
            assert ask(there, new).endswith(b"here")
    finally:
        server.stop(timeout=1)


def test_without_a_certificate_it_is_http() -> None:
    assert pair_of("", "", "agent.certificate") is None
    with pytest.raises(SettingsError, match=r"agent\.certificate: /no\.pem with /no\.key cannot be used"):
        pair_of("/no.pem", "/no.key", "agent.certificate")
