"""Certificates as they lie in files: what one says, and whether it may be used (RFC 5922 §7).

A certificate is looked at before it is used: it can be read, its key is its own, its chain is in order, it is
valid now. Who uses a new one without looking has a server without phones. Must not know connections.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.x509.oid import ExtensionOID, NameOID

from appliance.config.sections import CertificateFiles
from appliance.errors import SettingsError


class Certificate(NamedTuple):
    """What a certificate says: the names (and addresses) that it is for, since when and until when it is
    valid (UTC seconds), who has signed it."""

    files: CertificateFiles
    names: tuple[str, ...]
    not_before: float
    not_after: float
    issuer: str

    def days_left(self, wall: float) -> int:
        """Whole days until it expires; negative when it has."""
        return int((self.not_after - wall) // 86_400)

    def told(self) -> dict[str, Any]:
        """The same as plain data; ``expires`` in UTC seconds."""
        return {
            "name": self.files.name,
            "file": self.files.certificate,
            "names": list(self.names),
            "issuer": self.issuer,
            "expires": self.not_after,
        }


#: When somebody has to look: whatever renews certificates by itself has done it long before.
DAYS_LEFT = 14


class CertificateProblem(SettingsError):
    """A certificate that cannot be used; the text names the file and says what to do."""


class CertificateExpired(CertificateProblem):
    """One that is not valid now, and in order otherwise."""


def look_at(files: CertificateFiles, wall: float) -> Certificate:
    """Reads and checks; raises CertificateProblem, CertificateExpired when nothing is wrong but the time."""
    chain = _chain(files)
    leaf = chain[0]
    _check_key(files, leaf)
    for index, (each, above) in enumerate(pairwise(chain)):
        try:
            each.verify_directly_issued_by(above)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
            raise CertificateProblem(
                f"{files.certificate}: certificate {index + 1} is not signed by the one below it:"
                " put the chain in order, the server's own certificate first",
                path=files.path,
            ) from None
    found = Certificate(
        files,
        names_in(leaf),
        _seconds(leaf.not_valid_before_utc),
        min(_seconds(each.not_valid_after_utc) for each in chain),
        _name_of(leaf.issuer),
    )
    if found.not_after <= wall:
        raise CertificateExpired(
            f"{files.certificate} has expired on {_day(found.not_after)}: renew it", path=files.path
        )
    if found.not_before > wall + 300:  # a clock that is a little behind is no reason
        raise CertificateExpired(
            f"{files.certificate} is not valid before {_day(found.not_before)}: is the clock right?",
            path=files.path,
        )
    return found


def said_by(files: CertificateFiles) -> Certificate:
    """What it says, valid now or not; raises CertificateProblem when it cannot be read."""
    chain = _chain(files)
    return Certificate(
        files,
        names_in(chain[0]),
        _seconds(chain[0].not_valid_before_utc),
        min(_seconds(each.not_valid_after_utc) for each in chain),
        _name_of(chain[0].issuer),
    )


def names_in(leaf: x509.Certificate) -> tuple[str, ...]:
    """The DNS names and addresses that a certificate is for, in lower case (RFC 5922 §7.1); those of old,
    which have no alternative names, have one in their subject."""
    try:
        told = leaf.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME).value
    except (x509.ExtensionNotFound, ValueError):
        common = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return tuple(str(each.value).lower() for each in common[:1])
    assert isinstance(told, x509.SubjectAlternativeName)  # noqa: S101 - it was asked for by its name
    names = [name.lower() for name in told.get_values_for_type(x509.DNSName)]
    return (*names, *(str(address) for address in told.get_values_for_type(x509.IPAddress)))


def covers(names: Iterable[str], host: str) -> bool:
    """Whether a certificate for these names is one for ``host``; a star stands for one label (RFC 6125)."""
    host = host.lower()
    known = set(names)
    return host in known or f"*.{host.partition('.')[2]}" in known


def _chain(files: CertificateFiles) -> Sequence[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(Path(files.certificate).read_bytes())
    except OSError as error:
        raise CertificateProblem(
            f"{files.certificate} cannot be read: {error.strerror}", path=files.path
        ) from None
    except ValueError:
        raise CertificateProblem(
            f"{files.certificate} holds no certificate in PEM form", path=files.path
        ) from None


def _check_key(files: CertificateFiles, leaf: x509.Certificate) -> None:
    try:
        key = serialization.load_pem_private_key(Path(files.key).read_bytes(), password=None)
    except OSError as error:
        raise CertificateProblem(f"{files.key} cannot be read: {error.strerror}", path=files.path) from None
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise CertificateProblem(
            f"{files.key} holds no private key in PEM form without a password", path=files.path
        ) from None
    mine, its = (
        public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        for public in (key.public_key(), leaf.public_key())
    )
    if mine != its:
        raise CertificateProblem(
            f"{files.key} is not the key of {files.certificate}: give the two that were made together",
            path=files.path,
        )


def _name_of(name: x509.Name) -> str:
    common = name.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(common[0].value) if common else name.rfc4514_string()


def _seconds(when: datetime) -> float:
    return when.timestamp()


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()
