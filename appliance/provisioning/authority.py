"""The authority that phones have to believe: its certificate, as a phone can take it.

A phone that speaks TLS asks whose certificate the box has. One of the box's own authority is known to no
phone when it is unpacked, so its configuration names this file, which lies beside it in its folder; phones
that want it inside their configuration have it there. Must not know which phone wants it in which way.
"""

from __future__ import annotations

import base64
import binascii
import re
from pathlib import Path

from appliance.errors import PhoneRefused

PEM, DER = "authority.pem", "authority.der"
#: By the file's name the media type (RFC 8555 §9.1, RFC 2585 §4.2).
NAMES = {PEM: "application/pem-certificate-chain", DER: "application/pkix-cert"}

_CERTIFICATE = re.compile(
    r"-----BEGIN CERTIFICATE-----\s+([A-Za-z0-9+/=\s]+?)\s+-----END CERTIFICATE-----", re.ASCII
)


def read(path: str) -> str:
    """The first certificate of a PEM file and nothing else of it: no key that lies there by mistake gets out.

    Raises PhoneRefused.
    """
    try:
        text = Path(path).read_text("utf-8", "replace")
    except OSError as error:
        raise PhoneRefused(f"authority: {path} cannot be read: {error.strerror}") from None
    found = _CERTIFICATE.search(text)
    if found is None:
        raise PhoneRefused(f"authority: there is no certificate in {path}; it has to be PEM")
    body = "\n".join(found[1].split())
    return f"-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----"


def content(pem: str, name: str) -> bytes:
    """What the file of that name holds; ``pem`` is as ``read`` gives it. Raises PhoneRefused."""
    if name == PEM:
        return f"{pem}\n".encode("ascii")
    try:
        return base64.b64decode("".join(pem.split("\n")[1:-1]), validate=True)
    except binascii.Error:
        raise PhoneRefused("authority: the certificate is damaged") from None
