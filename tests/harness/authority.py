"""An authority of a test's own, and the certificates that it signs: for servers and for phones."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


class Authority:
    """Its own certificate is ``file``; what it makes lies beside it."""

    def __init__(self, directory: Path, name: str = "Test authority") -> None:
        self.directory = directory
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._certificate = (
            _begun(self._name, self._name, self._key, days=3650, since=-1)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_may_sign(), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.file = directory / f"{name.lower().replace(' ', '-')}.pem"
        self.file.write_bytes(self._certificate.public_bytes(serialization.Encoding.PEM))

    def issue(
        self, *names: str, file: str = "server", days: float = 30, since: float = -1
    ) -> tuple[Path, Path]:
        """A certificate for these names and addresses, valid from ``since`` for ``days``; its file and that
        of its key. Another one of the same name takes its place as administrators do it: by a rename."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
        made = (
            _begun(subject, self._name, key, days=days, since=since)
            .add_extension(x509.SubjectAlternativeName(_general(names)), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        return self.put(file, made, key)

    def put(self, file: str, made: x509.Certificate, key: Any) -> tuple[Path, Path]:
        certificate, private = self.directory / f"{file}.pem", self.directory / f"{file}-key.pem"
        _write(certificate, made.public_bytes(serialization.Encoding.PEM))
        _write(
            private,
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ),
        )
        return certificate, private

    def client(self, own: tuple[Path, Path] | None = None) -> ssl.SSLContext:
        """How a phone speaks TLS that believes this authority; ``own`` is its own certificate."""
        context = ssl.create_default_context(cafile=str(self.file))
        if own is not None:
            context.load_cert_chain(*own)
        return context


def _begun(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, *, days: float, since: float
) -> x509.CertificateBuilder:
    begin = dt.datetime.now(dt.UTC) + dt.timedelta(days=since)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(begin + dt.timedelta(days=days - min(since, 0)))
    )


def _general(names: Sequence[str]) -> list[x509.GeneralName]:
    found: list[x509.GeneralName] = []
    for name in names:
        try:
            found.append(x509.IPAddress(ipaddress.ip_address(name)))
        except ValueError:
            found.append(x509.DNSName(name))
    return found


def _may_sign() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=True,
        crl_sign=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _write(file: Path, data: bytes) -> None:
    beside = file.with_suffix(".new")
    beside.write_bytes(data)
    beside.chmod(0o600)
    beside.replace(file)
