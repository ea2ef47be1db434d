"""The certificate by which the members of a cluster know one another, made of their common key.

    member_certificate.py < KEY     64 hexadecimal digits; prints {"key": PEM, "certificate": PEM}

All members have the same one, and believe no other: who has the cluster's key is a member. It is made on the
control machine, each time anew and always the same: an Ed25519 signature (RFC 8032) of the same bytes is the
same. Needs `cryptography`, which Ansible brings along.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import sys
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_NAME = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sipbox-member")])
#: It ends with the cluster's key, which is changed by whoever wants to.
_FROM, _UNTIL = datetime(2020, 1, 1, tzinfo=UTC), datetime(2120, 1, 1, tzinfo=UTC)


def member_certificate(cluster_key: str) -> dict[str, str]:
    """``key`` and ``certificate``, both PEM. ValueError for what is no key of a cluster."""
    secret = bytes.fromhex(cluster_key.strip())
    if len(secret) != 32:
        raise ValueError("the key of a cluster has 64 hexadecimal digits")
    key = Ed25519PrivateKey.from_private_bytes(hmac.digest(secret, b"database:member", hashlib.sha256))
    certificate = (
        x509.CertificateBuilder()
        .subject_name(_NAME)
        .issuer_name(_NAME)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(_FROM)
        .not_valid_after(_UNTIL)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, None)
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return {
        "key": private.decode(),
        "certificate": certificate.public_bytes(serialization.Encoding.PEM).decode(),
    }


if __name__ == "__main__":
    print(json.dumps(member_certificate(sys.stdin.read())))
