"""TLS: which certificate is shown, who is let in, and how new certificates come without anybody noticing."""

from __future__ import annotations

import json
import os
import signal
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from tests.harness.authority import Authority
from tests.harness.phone import Phone, hang_up, talk
from tests.harness.ports import LOOPBACK, free_port
from tests.harness.settings import Sections
from tests.harness.sipbox import Sipbox
from tests.harness.waiting import wait_until


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


class Secured(Sipbox):
    """A server with TLS at ``tls_port``; its certificate is for its address, and one more for example.org."""

    def __init__(
        self,
        authority: Authority,
        *,
        changes: Sections | None = None,
        domain: str = "example.org",
        **options: Any,
    ) -> None:
        super().__init__(**options)
        self.authority = authority
        self.tls_port = free_port()
        self.certificate, key = authority.issue(LOOPBACK, file=self.directory.name)
        other, other_key = authority.issue(f"sip.{domain}", file=f"{self.directory.name}-example")
        self.write_settings(
            {
                "tls": {"certificate": str(self.certificate), "certificate_key": str(key)},
                "sip": {
                    "listen": [
                        *(f"{each}:{LOOPBACK}:{self.port}" for each in ("udp", "tcp")),
                        f"tls:{LOOPBACK}:{self.tls_port}",
                    ],
                    "domains": [domain],
                },
                "domains": {
                    domain: {
                        "hosts": [LOOPBACK],
                        "certificate": str(other),
                        "certificate_key": str(other_key),
                    }
                },
            }
        )
        self.write_settings(changes)

    def renew(self, **said: Any) -> None:
        """Another certificate in the place of the first one."""
        self.authority.issue(LOOPBACK, file=self.directory.name, **said)

    def secure_phone(self, user: str, **options: Any) -> Phone:
        options.setdefault("tls", self.authority.client())
        return Phone(
            user,
            f"secret-{user}",
            proxy=(LOOPBACK, self.tls_port),
            domain=self.domain,
            transport="tls",
            **options,
        )

    def shown(self, name: str | None = LOOPBACK, context: ssl.SSLContext | None = None) -> x509.Certificate:
        """The certificate that whoever asks for this name is shown."""
        context = context or ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with (
            socket.create_connection((LOOPBACK, self.tls_port), 10) as plain,
            context.wrap_socket(plain, server_hostname=name) as secure,
        ):
            told = secure.getpeercert(binary_form=True)
        assert told
        return x509.load_der_x509_certificate(told)


@pytest.fixture(scope="module")
def box(authority: Authority) -> Iterator[Secured]:
    with Secured(authority, agent=True) as server:
        server.add_subscribers({user: f"secret-{user}" for user in ("10", "11")})
        yield server


def names(certificate: x509.Certificate) -> list[str]:
    told = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return [str(name.value) for name in told]


class TestWhichCertificate:
    def test_each_name_has_its_own(self, box: Secured) -> None:
        assert names(box.shown("sip.example.org")) == ["sip.example.org"]
        assert names(box.shown("EXAMPLE.org")) == ["sip.example.org"]
        assert names(box.shown("other.example.net")) == [LOOPBACK]
        assert names(box.shown(None)) == [LOOPBACK]

    @pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
    def test_both_versions(self, box: Secured, version: ssl.TLSVersion) -> None:
        context = box.authority.client()
        context.minimum_version = context.maximum_version = version
        with box.secure_phone("10", tls=context) as phone:
            assert phone.register().status == 200
            assert phone.register(expires=0).status == 200

    def test_what_is_older_is_refused_and_counted(self, box: Secured) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.set_ciphers("ALL:@SECLEVEL=0")
        with pytest.warns(DeprecationWarning):
            context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
        before = failures(box)
        with pytest.raises(ssl.SSLError):
            box.shown(context=context)
        wait_until("it is counted", lambda: failures(box) == before + 1)


def failures(box: Sipbox) -> float:
    return sum(metric(box, "sipbox_tls_handshake_failures_total").values())


def metric(box: Sipbox, name: str) -> dict[str, float]:
    """The samples of a metric by their labels."""
    answer = ask_agent(box, "/metrics")
    lines = [line for line in answer.splitlines() if line.startswith((f"{name}{{", f"{name} "))]
    return {line.rpartition(" ")[0].removeprefix(name): float(line.rpartition(" ")[2]) for line in lines}


def ask_agent(box: Sipbox, path: str) -> str:
    from urllib.request import urlopen

    with urlopen(f"http://{LOOPBACK}:{box.agent_port}{path}", timeout=10) as answer:
        return str(answer.read().decode())


class TestNewCertificates:
    def test_a_new_one_is_shown_and_nobody_is_cut_off(self, box: Secured) -> None:
        with box.secure_phone("10") as phone, box.phone("11", "secret-11") as other:
            assert phone.register().status == 200
            assert other.register().status == 200
            before = box.shown().serial_number
            box.renew(days=20)
            assert box.shown().serial_number == before, "nobody has asked for it"
            dialog, _ = talk(other, phone)
            assert "default, example.org" in box.cli("certificate", "reload").stderr
            assert box.shown().serial_number != before
            hang_up(other, phone, dialog)
            assert phone.register(expires=0).status == 200
        assert "event=certificates-loaded" in box.log

    def test_a_signal_and_the_fifo_do_it_too(self, box: Secured) -> None:
        seen = {box.shown().serial_number}
        box.renew()
        os.kill(box.pid, signal.SIGHUP)
        wait_until("the signal was heard", lambda: box.shown().serial_number not in seen)
        seen.add(box.shown().serial_number)
        box.renew()
        assert box.cli("fifo", "tls_reload").returncode == 0
        assert box.shown().serial_number not in seen
        assert "name=default" in box.cli("fifo", "tls_list").stdout

    @pytest.mark.parametrize(
        ("spoil", "problem"),
        [
            (lambda c, k, a: c.write_text("nonsense"), "holds no certificate"),
            (lambda c, k, a: k.write_text("nonsense"), "holds no private key"),
            (lambda c, k, a: a.issue(LOOPBACK, file="other")[1].replace(k), "is not the key"),
            (lambda c, k, a: a.issue(LOOPBACK, file=c.stem, days=0, since=-2), "has expired"),
            (lambda c, k, a: a.issue(LOOPBACK, file=c.stem, since=2), "is not valid before"),
            (lambda c, k, a: c.unlink(), "No such file"),
        ],
        ids=["no certificate", "no key", "another key", "expired", "too early", "gone"],
    )  # fmt: skip
    def test_of_bad_ones_none_is_used(self, box: Secured, spoil: Any, problem: str) -> None:
        before = box.shown().serial_number
        certificate = box.certificate
        key = certificate.with_name(f"{certificate.stem}-key.pem")
        kept = (certificate.read_bytes(), key.read_bytes())
        spoil(certificate, key, box.authority)
        try:
            told = box.cli("certificate", "reload", check=False)
            assert told.returncode == 1
            assert problem in told.stderr
            assert len(told.stderr.splitlines()) == 1
            os.kill(box.pid, signal.SIGHUP)
            refused = box.cli("fifo", "tls_reload", check=False)
            assert problem in refused.stdout + refused.stderr
            assert box.shown().serial_number == before
        finally:
            certificate.write_bytes(kept[0])
            key.write_bytes(kept[1])

    def test_when_it_expires_is_in_metrics_and_soon_in_the_status(self, box: Secured) -> None:
        box.renew(days=20)
        box.cli("certificate", "reload")
        told = {each["name"]: each for each in json.loads(box.cli("certificate", "list", "--json").stdout)}
        assert set(told) == {"default", "example.org"}
        assert told["default"]["names"] == [LOOPBACK]
        days = (told["default"]["expires"] - time.time()) / 86_400
        assert 19 < days < 21
        shown = metric(box, "sipbox_tls_certificate_expiry_timestamp_seconds")
        assert shown['{certificate="default"}'] == pytest.approx(told["default"]["expires"])
        assert box.status()["problems"] == []
        box.renew(days=5)
        box.cli("certificate", "reload")
        (problem,) = box.status()["problems"]
        assert "expires in 4 days" in problem["what"]
        box.renew()
        box.cli("certificate", "reload")
        assert box.status()["problems"] == []


class TestStrangers:
    def test_who_speaks_no_tls_is_let_go(self, box: Secured) -> None:
        with socket.create_connection((LOOPBACK, box.tls_port), 10) as plain:
            plain.sendall(b"OPTIONS sip:example.org SIP/2.0\r\n\r\n")
            while plain.recv(4096):
                pass

    def test_who_never_finishes_the_handshake_is_let_go(self, authority: Authority) -> None:
        changes = {"tls": {"handshake_seconds": 1}, "sip": {"max_connections_of_one": 3}}
        with Secured(authority, changes=changes) as box, ExitStack() as stack:
            silent = [
                stack.enter_context(socket.create_connection((LOOPBACK, box.tls_port), 10)) for _ in range(3)
            ]
            silent[0].sendall(b"\x16\x03\x01")
            refused = stack.enter_context(socket.create_connection((LOOPBACK, box.tls_port), 10))
            assert refused.recv(1) == b"", "they have taken the places of that address"
            for each in silent:
                assert each.recv(1) == b""
            assert names(box.shown()) == [LOOPBACK]

    def test_the_server_cannot_be_made_to_shake_hands_again_and_again(self, box: Secured) -> None:
        with box.secure_phone("10") as phone, pytest.raises((AssertionError, OSError)):
            phone.socket.sendall(b"\x16\x03\x03" * 2000)  # raw garbage inside the stream is a broken message
            phone.register(timeout=2)


class TestClientCertificates:
    def test_required_ones(self, authority: Authority, tmp_path: Path) -> None:
        changes = {"tls": {"client_certificates": "require", "client_authorities": str(authority.file)}}
        own = authority.issue("phone-10", file="phone-10")
        stranger = Authority(tmp_path, "Somebody else").issue("phone-10", file="phone-10")
        with Secured(authority, changes=changes) as box:
            box.add_subscribers({"10": "secret-10"})
            with box.secure_phone("10", tls=authority.client(own)) as phone:
                assert phone.register().status == 200
            for context in (authority.client(), authority.client(stranger)):
                with pytest.raises((OSError, AssertionError)), box.secure_phone("10", tls=context) as phone:
                    phone.register()

    def test_what_the_settings_must_say(self, authority: Authority) -> None:
        box = Secured(authority, changes={"tls": {"client_certificates": "require"}})
        try:
            told = box.cli("config", "check", str(box.config), check=False)
            assert "is needed with client_certificates" in told.stderr
        finally:
            box.close()


class TestServersThatWeConnectTo:
    """A call to another server by TLS: it proves its name, or nothing is sent to it."""

    @pytest.fixture
    def pair(self, authority: Authority) -> Iterator[tuple[Secured, Secured]]:
        ours = {"tls": {"server_authorities": str(authority.file)}}
        with Secured(authority, changes=ours) as box, Secured(authority, domain="example.net") as other:
            box.add_subscribers({"10": "secret-10"})
            other.add_subscribers({"20": "secret-20"})
            yield box, other

    def test_who_proves_his_name_gets_the_call(self, pair: tuple[Secured, Secured]) -> None:
        box, other = pair
        with box.phone("10", "secret-10") as caller, other.secure_phone("20") as callee:
            assert callee.register().status == 200
            request = caller.request(
                "MESSAGE", f"sip:20@{LOOPBACK}:{other.tls_port};transport=tls", body=b"hi"
            )
            assert self.sent(caller, callee, request) == 200

    def test_who_does_not_is_sent_nothing(self, pair: tuple[Secured, Secured]) -> None:
        box, other = pair
        other.authority.issue("somebody.example", file=other.directory.name)
        other.cli("certificate", "reload")
        with box.phone("10", "secret-10") as caller:
            request = caller.request(
                "MESSAGE", f"sip:20@{LOOPBACK}:{other.tls_port};transport=tls", body=b"hi"
            )
            assert caller.ask(request, timeout=10).status == 480

    @staticmethod
    def sent(caller: Phone, callee: Phone, request: Any) -> int:
        caller.send(request)
        challenged = caller.final(request)
        request = caller.authorized(request, challenged)
        caller.send(request)
        callee.reply(callee.expect("MESSAGE"), 200)
        return int(caller.final(request).status)


class TestSips:
    """RFC 5630: by a SIPS URI everybody on the way speaks TLS, or nobody is called."""

    def test_who_registered_by_sips_is_called_by_both(self, box: Secured) -> None:
        with box.secure_phone("10") as phone, box.secure_phone("11") as other:
            secure = f"<sips:10@{LOOPBACK}:{phone.port}>"
            assert phone.register(contact=secure).status == 200
            assert other.register().status == 200
            for scheme in ("sip", "sips"):
                request = other.request("OPTIONS", f"{scheme}:10@example.org")
                other.send(request)
                request = other.authorized(request, other.final(request))
                other.send(request)
                came = phone.expect("OPTIONS")
                assert came.uri == f"{scheme}:10@{LOOPBACK}:{phone.port}"
                phone.reply(came, 200)
                assert other.final(request).status == 200
            assert phone.register(contact="*", expires=0).status == 200
            assert other.register(contact="*", expires=0).status == 200

    def test_who_registered_by_sip_is_not_called_by_sips(self, box: Secured) -> None:
        with box.secure_phone("10") as phone, box.secure_phone("11") as other:
            assert phone.register().status == 200
            request = other.request("OPTIONS", "sips:10@example.org")
            assert other.ask(request).status == 480
            assert phone.register(contact="*", expires=0).status == 200

    def test_a_call_by_sips_stays_with_it(self, box: Secured) -> None:
        with box.secure_phone("10") as phone, box.secure_phone("11") as other:
            assert phone.register(contact=f"<sips:10@{LOOPBACK}:{phone.port}>").status == 200
            request = other.request(
                "INVITE", "sips:10@example.org", contact=f"<sips:11@{LOOPBACK}:{other.port}>", body=b"v=0\r\n"
            )
            other.send(request)
            challenged = other.final(request)
            other.send(other.ack(request, challenged))
            request = other.authorized(request, challenged)
            other.send(request)
            came = phone.expect("INVITE")
            assert came.get("Record-Route").startswith(f"<sips:{LOOPBACK}:{box.tls_port};lr=on;")
            phone.reply(came, 200)
            answered = other.final(request)
            dialog = other.dialog_as_caller(request, answered)
            other.send(other.within(dialog, "ACK"))
            phone.expect("ACK")
            hang_up(phone, other, phone.dialog_as_callee(came, answered))
            assert phone.register(contact="*", expires=0).status == 200


def test_a_restart_ends_tls_in_order_and_the_phone_comes_back(box: Secured) -> None:
    with box.secure_phone("10") as phone:
        assert phone.register().status == 200
        box.restart()
        with pytest.raises(ConnectionError):
            for _ in range(50):
                phone.take_in(0.2)
    with box.secure_phone("10") as again, box.phone("11", "secret-11") as caller:
        assert again.register().status == 200
        dialog, _ = talk(caller, again)
        hang_up(caller, again, dialog)
        assert again.register(contact="*", expires=0).status == 200
