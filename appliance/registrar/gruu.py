"""GRUUs (RFC 5627): URIs that reach one phone of a user and no other, from anywhere.

The public one names user and phone: ``sip:10@example.org;gr=urn:uuid:…``. The temporary one tells nobody
whose it is: ``sip:tgruu.TOKEN@example.org;gr``, another one with each registration. Nothing is remembered of
either. A token is what has to be known, encrypted and signed in one (a MAC over the plain text, which is the
seed of the key stream too, as in SIV, RFC 5297)::

    MAC (12 bytes)  time (4)  Call-ID's digest (4)  instance's digest (8)  user        in base64

It is good for as long as the phone is registered with the Call-ID that it had: when a phone begins anew, its
former temporary GRUUs lead nowhere (RFC 5627 §5.4). Must not know who asks.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as BadBase64
from collections.abc import Callable
from typing import NamedTuple

from appliance.registrar.binding import Binding
from appliance.sip.escapes import escape_user, unescape
from appliance.sip.grammar import quote
from appliance.sip.uri import AddressOfRecord, Uri

_TEMPORARY = "tgruu."
_MAC = 12
_TIME, _CALL, _INSTANCE = 4, 4, 8
_FIXED = _TIME + _CALL + _INSTANCE
_LONGEST = 512
_BLOCK = 64


class Gruu(NamedTuple):
    """Whom a GRUU names: a user, and which of his bindings (``fits``)."""

    aor: AddressOfRecord
    instance: str
    digest: bytes = b""
    call: bytes = b""

    def fits(self, binding: Binding) -> bool:
        """Whether a binding is one of the phone's."""
        instance = binding.instance
        if instance is None:
            return False
        if self.digest:
            return (
                _digest(instance, _INSTANCE) == self.digest and _digest(binding.call_id, _CALL) == self.call
            )
        return instance.strip("<>") == self.instance


class Gruus:
    """Makes GRUUs and resolves them. ``key``: 16 to 64 secret bytes, the same in all workers; ``wall``:
    seconds since 1970."""

    def __init__(self, key: bytes, wall: Callable[[], float]) -> None:
        self._mac = hashlib.blake2b(key=key, digest_size=_MAC, person=b"gruu-mac")
        self._stream = hashlib.blake2b(key=key, digest_size=_BLOCK, person=b"gruu-stream")
        self._wall = wall

    def parameters(self, binding: Binding) -> str:
        """What the Contact of a binding says in the answer to a REGISTER (§5.3); "" without an instance."""
        if binding.instance is None:
            return ""
        return f";pub-gruu={quote(public(binding))};temp-gruu={quote(self.temporary(binding))}"

    def temporary(self, binding: Binding) -> str:
        """A new temporary GRUU of a binding that has an instance."""
        aor = binding.aor
        plain = b"".join(
            (
                (int(self._wall()) & 0xFFFF_FFFF).to_bytes(_TIME, "big"),
                _digest(binding.call_id, _CALL),
                _digest(binding.instance or "", _INSTANCE),
                aor.username.encode("utf-8", "surrogateescape"),
            )
        )
        mac = self._sign(plain, aor.domain)
        token = urlsafe_b64encode(mac + self._masked(plain, mac)).decode().rstrip("=")
        return f"sip:{_TEMPORARY}{token}@{aor.domain};gr"

    def resolve(self, uri: Uri, aor: AddressOfRecord) -> Gruu | None:
        """Whom a URI with ``gr`` names; ``aor`` is the address that it would be otherwise. None when it is no
        GRUU of ours."""
        instance = uri.param("gr")
        if instance:
            return Gruu(aor, unescape(instance))
        name = uri.username  # as it is written, also where names are compared without case
        token = name.removeprefix(_TEMPORARY)
        if token == name or len(token) > _LONGEST or not token.isascii():
            return None
        try:
            raw = urlsafe_b64decode(token + "=" * (-len(token) % 4))
        except (BadBase64, ValueError):
            return None
        mac, plain = raw[:_MAC], self._masked(raw[_MAC:], raw[:_MAC])
        if len(plain) <= _FIXED or not hmac.compare_digest(self._sign(plain, aor.domain), mac):
            return None
        call, digest = plain[_TIME : _TIME + _CALL], plain[_TIME + _CALL : _FIXED]
        username = plain[_FIXED:].decode("utf-8", "surrogateescape")
        return Gruu(AddressOfRecord(username, aor.domain), "", digest, call)

    def _sign(self, plain: bytes, domain: str) -> bytes:
        mac = self._mac.copy()
        mac.update(plain + b"\n" + domain.encode("utf-8", "surrogateescape"))
        return mac.digest()

    def _masked(self, data: bytes, mac: bytes) -> bytes:
        """``data`` with the key stream of this MAC; the same again gives it back."""
        stream = b""
        while len(stream) < len(data):
            block = self._stream.copy()
            block.update(mac + len(stream).to_bytes(4, "big"))
            stream += block.digest()
        return bytes(one ^ other for one, other in zip(data, stream, strict=False))


def public(binding: Binding) -> str:
    """The public GRUU of a binding that has an instance."""
    aor, instance = binding.aor, (binding.instance or "").strip("<>")
    # ':' may stand in a parameter; what escape_user leaves beside it may not all.
    value = "".join(part if part in ":/[]" else _parameter(part) for part in instance)
    return f"sip:{escape_user(aor.username)}@{aor.domain};gr={value}"


def _parameter(character: str) -> str:
    return f"%{ord(character):02X}" if character in "=,;?" else escape_user(character)


def _digest(text: str, size: int) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=size).digest()
