"""Passwords of phones, sealed: AES-256-GCM (NIST SP 800-38D), bound to whom each of them belongs.

``v1.KEY.TEXT`` is what is stored: which key sealed it, and nonce, ciphertext and tag in base64. The name of
the owner is associated data, so that a sealed password copied into somebody else's row does not open. A key
file has one key of 32 bytes in hexadecimal digits on each line: the first seals, all of them open, so a key
is changed by putting the new one before the old. Only the agent (by systemd's credentials) and root read it.
Must not know SQL, and nothing here is ever logged.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
import secrets
import stat
from collections.abc import Mapping, Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from appliance.errors import SealBroken, SettingsError

CREDENTIAL = "phones.key"
_VERSION = "v1"
_NONCE_BYTES = 12
_KEY = re.compile(r"[0-9a-fA-F]{64}")


class Vault:
    """Seals with the first of ``keys`` (32 bytes each), opens with any of them."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._keys = {_name(key): AESGCM(key) for key in keys}
        self._newest = _name(keys[0])

    def seal(self, password: str, owner: str) -> str:
        """``password`` for ``owner`` (``10@example.org``), different each time, for a column of text."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = self._keys[self._newest].encrypt(nonce, password.encode(), _associated(owner))
        return f"{_VERSION}.{self._newest}.{base64.b64encode(nonce + sealed).decode()}"

    def open(self, sealed: str, owner: str) -> str:
        """The password. Raises SealBroken when no key fits, it is another's, or it was changed."""
        version, _, rest = sealed.partition(".")
        name, _, text = rest.partition(".")
        key = self._keys.get(name)
        if version != _VERSION or key is None:
            raise SealBroken(f"the password of {owner} was sealed with another key than that of [phones]")
        try:
            raw = base64.b64decode(text, validate=True)
            opened = key.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], _associated(owner))
        except (ValueError, InvalidTag):
            raise SealBroken(f"the sealed password of {owner} is damaged, or another's") from None
        return opened.decode()

    def is_newest(self, sealed: str) -> bool:
        """Whether it was sealed with the key that seals today."""
        return sealed.startswith(f"{_VERSION}.{self._newest}.")


def open_vault(key_file: str, environment: Mapping[str, str] = os.environ) -> Vault:
    """The vault of systemd's credential ``phones.key``, else of ``key_file``; SettingsError without one."""
    credentials = environment.get("CREDENTIALS_DIRECTORY")
    place = Path(credentials) / CREDENTIAL if credentials else Path(key_file)
    return Vault(_keys_in(place if place.exists() or not credentials else Path(key_file)))


def new_key() -> str:
    """The text of a new key file."""
    return f"{secrets.token_hex(32)}\n"


def _keys_in(place: Path) -> list[bytes]:
    try:
        with place.open("rb") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & stat.S_IRWXO:
                raise _refused(f"everybody may read {place}: chmod 600 {place}")
            lines = file.read(65_536).decode("ascii", "replace").split()
    except FileNotFoundError:
        raise _refused(f"there is no {place}; 'openssl rand -hex 32' makes what stands in it") from None
    except OSError as error:
        raise _refused(f"{place} cannot be read: {error.strerror}") from None
    if not lines or not all(_KEY.fullmatch(line) for line in lines):
        raise _refused(f"{place} has to hold a key of 64 hexadecimal digits on each line")
    return [bytes.fromhex(line) for line in lines]


def _refused(problem: str) -> SettingsError:
    return SettingsError(problem, path="phones.key_file")


def _name(key: bytes) -> str:
    """Which key it is; says nothing about the key itself."""
    return hashlib.blake2b(key=key, person=b"phones.key.name", digest_size=4).hexdigest()


def _associated(owner: str) -> bytes:
    return f"sipbox phone {owner}".encode()
