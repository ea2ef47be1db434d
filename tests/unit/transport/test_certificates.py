"""Certificates are looked at before they are used; a set of them is used whole or not at all."""

from __future__ import annotations

import gc
import ssl
import time
import weakref
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from appliance.config import parse
from appliance.config.sections import CertificateFiles
from appliance.errors import SettingsError
from appliance.transport.certificates import (
    CertificateExpired,
    CertificateProblem,
    covers,
    look_at,
    said_by,
)
from appliance.transport.tls_contexts import TlsContexts, TlsOptions
from tests.harness.authority import Authority

DAY = 86_400


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def files(authority: Authority, *names: str, **said: float) -> CertificateFiles:
    certificate, key = authority.issue(*names, file=names[0], **said)  # type: ignore[arg-type]
    return CertificateFiles(names[0], str(certificate), str(key))


def test_what_it_says(authority: Authority) -> None:
    now = time.time()
    found = look_at(files(authority, "sip.example.org", "*.Example.ORG", "192.0.2.1", days=30), now)
    assert found.names == ("sip.example.org", "*.example.org", "192.0.2.1")
    assert found.issuer == "Test authority"
    assert found.days_left(now) in (29, 30)
    assert found.days_left(now + 40 * DAY) < 0
    assert found.not_before < now < found.not_after


@pytest.mark.parametrize(
    ("host", "it_does"),
    [
        ("sip.example.org", True),
        ("SIP.example.org", True),
        ("a.b.example.org", False),
        ("example.org", False),
    ],
)
def test_whom_it_is_for(host: str, it_does: bool) -> None:
    assert covers(["*.example.org"], host) is it_does


def test_a_chain_counts_until_the_first_of_it_expires_and_has_an_order(authority: Authority) -> None:
    leaf = files(authority, "sip.example.org", days=30)
    place = Path(leaf.certificate)
    own, above = place.read_text(), authority.file.read_text()
    place.write_text(own + above)
    now = time.time()
    assert look_at(leaf, now).days_left(now) in (29, 30)
    stranger = Authority(authority.directory, "Another").file.read_text()
    place.write_text(own + stranger)
    with pytest.raises(CertificateProblem, match="certificate 1 is not signed by the one below it"):
        look_at(leaf, now)


def test_time_alone_is_a_problem_of_its_own(authority: Authority) -> None:
    good = files(authority, "sip.example.org")
    with pytest.raises(CertificateExpired, match=r"has expired on \d{4}-\d\d-\d\d: renew it"):
        look_at(good, time.time() + 31 * DAY)
    with pytest.raises(CertificateExpired, match="is not valid before"):
        look_at(good, time.time() - 10 * DAY)
    assert said_by(good).names == ("sip.example.org",)


def test_a_key_that_has_a_password_is_none(authority: Authority) -> None:
    good = files(authority, "sip.example.org")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    Path(good.key).write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"secret"),
        )
    )
    with pytest.raises(CertificateProblem, match="holds no private key in PEM form without a password"):
        look_at(good, time.time())


class TestASetOfThem:
    def test_the_oldest_version_that_is_spoken(self, authority: Authority) -> None:
        contexts = TlsContexts([files(authority, "a.example.org")], TlsOptions("1.3"))
        for each in (contexts.server, contexts.client):
            assert each.minimum_version is ssl.TLSVersion.TLSv1_3

    def test_one_bad_one_and_all_stay(self, authority: Authority) -> None:
        wanted = [files(authority, "a.example.org"), files(authority, "b.example.org")]
        contexts = TlsContexts(wanted, TlsOptions())
        before = (contexts.server, contexts.client, contexts.certificates)
        authority.issue("a.example.org", file="a.example.org")
        Path(wanted[1].certificate).write_text("nonsense")
        with pytest.raises(SettingsError, match="holds no certificate"):
            contexts.reload()
        assert (contexts.server, contexts.client, contexts.certificates) == before
        authority.issue("b.example.org", file="b.example.org")
        assert [each.files.name for each in contexts.reload()] == ["a.example.org", "b.example.org"]
        assert contexts.server is not before[0]

    def test_those_that_are_wanted_may_be_others_by_now(self, authority: Authority) -> None:
        contexts = TlsContexts([files(authority, "a.example.org")], TlsOptions())
        contexts.reload([files(authority, "a.example.org"), files(authority, "b.example.org")])
        assert len(contexts.reload()) == 2

    def test_one_that_has_expired_is_better_than_no_server(self, authority: Authority) -> None:
        wanted = [files(authority, "a.example.org")]
        contexts = TlsContexts(wanted, TlsOptions(), wall=lambda: time.time() + 60 * DAY)
        assert len(contexts.stale) == 1
        assert "has expired" in contexts.stale[0]
        with pytest.raises(CertificateExpired):
            contexts.reload()

    @pytest.mark.parametrize("name", ["client_authorities", "server_authorities"])
    def test_authorities_that_cannot_be_read(self, authority: Authority, name: str) -> None:
        good = str(authority.file)
        options = TlsOptions(clients="require", client_authorities=good)._replace(**{name: "/nowhere.pem"})
        with pytest.raises(SettingsError, match=r"/nowhere\.pem cannot be used: No such file"):
            TlsContexts([files(authority, "a.example.org")], options)


def test_a_set_that_was_replaced_is_kept_by_nobody(authority: Authority) -> None:
    """Also without the collector of cycles, which seldom comes."""
    wanted = [files(authority, "a.example.org"), files(authority, "b.example.org")]
    contexts = TlsContexts(wanted, TlsOptions(server_authorities=str(authority.file)))
    gc.disable()
    try:
        replaced = [weakref.ref(contexts.server), weakref.ref(contexts.client)]
        contexts.reload()
        assert [each() for each in replaced] == [None, None]
    finally:
        gc.enable()


def test_the_settings_name_them() -> None:
    said = parse(
        '[sip]\nlisten = ["tls:127.0.0.1:5061"]\ndomains = ["Example.org"]\n'
        '[tls]\ncertificate = "/c.pem"\ncertificate_key = "/k.pem"\n'
        '[domains."example.org"]\nhosts = ["sip.example.org"]\n'
        'certificate = "/e.pem"\ncertificate_key = "/ek.pem"\n'
    )
    assert said.certificates == [
        CertificateFiles("default", "/c.pem", "/k.pem"),
        CertificateFiles(
            "example.org",
            "/e.pem",
            "/ek.pem",
            ("example.org", "sip.example.org"),
            "domains.example.org.certificate",
        ),
    ]
