from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent.socket
import gevent.ssl
import pytest

from appliance.agent import phones_service
from appliance.agent.phones_service import own_account
from appliance.config import parse
from appliance.errors import SettingsError
from tests.harness.certificate import self_signed

SOCKET = "?unix_socket=/run/mysqld/mysqld.sock"


@pytest.mark.parametrize(
    ("url", "user"),
    [
        (f"mysql+pymysql://sipbox@localhost/openser{SOCKET}", "sipbox-agent"),
        (f"mysql+pymysql://sipbox:secret@localhost/openser{SOCKET}", "sipbox"),
        ("mysql+pymysql://sipbox@192.0.2.1/openser", "sipbox"),
        ("sqlite:////var/lib/sipbox/sipbox.db", None),
    ],
)
def test_by_the_socket_the_agent_comes_as_itself(
    monkeypatch: pytest.MonkeyPatch, url: str, user: str | None
) -> None:
    monkeypatch.setattr(phones_service.os, "geteuid", lambda: 998)
    monkeypatch.setattr(phones_service.getpass, "getuser", lambda: "sipbox-agent")
    assert own_account(url).username == user


def test_a_certificate_that_cannot_be_used_is_a_setting(tmp_path_factory: pytest.TempPathFactory) -> None:
    place = tmp_path_factory.mktemp("tls")
    key = place / "phones.key"
    key.write_text("ab" * 32)
    key.chmod(0o600)
    settings = parse(
        f'[database]\nurl = "sqlite:///{place}/sipbox.db"\n[phones]\nhttp = "127.0.0.1:8088"\n'
        f'key_file = "{key}"\ncertificate = "{place}/no.pem"\ncertificate_key = "{place}/no.key"\n'
    )
    with pytest.raises(SettingsError, match=r"phones\.certificate: .*no\.pem with .* cannot be used"):
        phones_service.PhoneService(settings)


@pytest.mark.parametrize("said", [b"", b"GET / HTTP/1.0\r\n\r\n"])
def test_who_begins_no_tls_does_not_hold_a_place(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, said: bytes
) -> None:
    monkeypatch.setattr(phones_service, "HANDSHAKE_SECONDS", 1.0)
    certificate, key = self_signed(tmp_path, "127.0.0.1")
    context = gevent.ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)

    def application(_environ: dict[str, Any], answer: Callable[..., Any]) -> list[bytes]:
        answer("200 OK", [("Content-Length", "4")])
        return [b"here"]

    server = phones_service.PhoneServer(
        ("127.0.0.1", 0), application, spawn=1, log=None, **phones_service.tls(context)
    )
    server.start()
    there = ("127.0.0.1", server.server_port)
    try:
        with gevent.Timeout(30), gevent.socket.create_connection(there) as silent:
            silent.sendall(said)
            client = gevent.ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            client.load_verify_locations(certificate)
            with (
                gevent.socket.create_connection(there) as plain,
                client.wrap_socket(plain, server_hostname="127.0.0.1") as secured,
            ):
                secured.sendall(b"GET / HTTP/1.0\r\n\r\n")
                assert b"".join(iter(lambda: secured.recv(4096), b"")).endswith(b"here")
    finally:
        server.stop(timeout=1)
