"""The secret that everything we sign goes back to: nonces, branches, Record-Routes, To tags.

It is made once and kept in the state directory, readable by its owner only, so that what was signed before a
restart still verifies after it. Boxes that are one telephone system have one secret, from a file that all of
them are given; so what one has signed, the others believe. Each use has a key of its own, derived from the
one secret: what one leaks says nothing of another. Must not know what the keys are used for.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from pathlib import Path

from appliance.errors import SettingsError

_BYTES = 32
#: A key that somebody chose: `openssl rand -hex 32` writes 64 letters.
_LEAST_SHARED = 32


class Keys:
    """Derives a key for each purpose from one secret of 32 bytes."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def derive(self, purpose: str) -> bytes:
        """32 bytes that belong to ``purpose`` (at most 16 letters) alone."""
        return hashlib.blake2b(key=self._secret, person=purpose.encode("ascii"), digest_size=32).digest()


def load_keys(path: Path) -> Keys:
    """Reads the secret, or makes it when there is none yet; raises SettingsError when it cannot be used."""
    try:
        try:
            secret = path.read_bytes()
        except FileNotFoundError:
            secret = _create(path)
    except OSError as error:
        raise SettingsError(
            f"the secret in {path} cannot be used: {error.strerror}", path="sip.state_dir"
        ) from None
    if len(secret) != _BYTES:
        raise SettingsError(
            f"{path} must hold {_BYTES} bytes, not {len(secret)}: remove it and a new secret is made",
            path="sip.state_dir",
        )
    return Keys(secret)


def shared_keys(path: str, setting: str = "replication.key_file") -> Keys:
    """The keys that go back to a secret which several nodes share: a line of at least 32 letters in a file.

    Raises SettingsError, which names ``setting``, when it cannot be read, or by everybody.
    """
    try:
        with Path(path).open("rb") as file:
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) & stat.S_IRWXO:
                raise SettingsError(f"{path} can be read by everybody: 'chmod o= {path}'", path=setting)
            secret = file.read().strip()
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}", path=setting) from None
    if len(secret) < _LEAST_SHARED:
        problem = f"{path} must hold at least {_LEAST_SHARED} letters: 'openssl rand -hex 32' makes some"
        raise SettingsError(problem, path=setting)
    return Keys(hashlib.blake2b(secret, digest_size=_BYTES).digest())


def _create(path: Path) -> bytes:
    secret = secrets.token_bytes(_BYTES)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    scratch = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(secret)
        file.flush()
        os.fsync(file.fileno())
    try:
        # Another worker may have been faster: its secret is the one that counts.
        os.link(scratch, path)
    except FileExistsError:
        return path.read_bytes()
    finally:
        scratch.unlink()
    return secret
