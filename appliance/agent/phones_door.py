"""Which phone asks over HTTP, and whether it is the one that it says: a secret in the path, or digest.

``/TOKEN/FILE`` is for the phone whose token it is. ``/FILE`` is challenged (RFC 7616), with the phone's MAC
as the user and the token as the password. A file that names a MAC has to name that phone's. All refusals look
the same to the asker; what they were for stands in the journal only. Must not know Flask, or what a
configuration looks like.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from typing import NamedTuple, Protocol
from urllib.parse import unquote, urlsplit

from appliance.auth import digest
from appliance.auth.nonce import NonceSource, NonceVerdict
from appliance.errors import MalformedMessage, PhoneRefused
from appliance.provisioning.naming import identify, mac_of_agent
from appliance.provisioning.values import mac_address
from appliance.storage.phones import StoredPhone

REALM = "sipbox phones"
_NONCE_SECONDS = 300
_NONCES = 4096
_PATH_LENGTH = 512


class Rows(Protocol):
    """Where phones are looked up (``storage.phones.PhoneRows``)."""

    def by_token(self, token: str) -> StoredPhone | None: ...
    def by_mac(self, mac: str) -> StoredPhone | None: ...


class Asked(NamedTuple):
    """A request: ``path`` is decoded, ``authorization`` the header's value."""

    method: str
    path: str
    authorization: str | None
    user_agent: str


class Admitted(NamedTuple):
    """A phone of ours, and the file that it wants."""

    phone: StoredPhone
    file: str


class Refused(NamedTuple):
    """``reason`` is for the journal; ``mac`` is whose name was used, None when nobody's was."""

    reason: str
    mac: str | None = None


class Challenged(NamedTuple):
    """Ask for digest credentials; ``header`` is the value of WWW-Authenticate."""

    header: str
    mac: str | None = None


class Door:
    """Decides who may have a file."""

    def __init__(self, rows: Rows, wall: Callable[[], float] = time.time) -> None:
        self._rows = rows
        self._wall = wall
        self._nonces = NonceSource(secrets.token_bytes(32), _NONCE_SECONDS, 0, secrets.randbits(32), _NONCES)

    def ask(self, asked: Asked) -> Admitted | Refused | Challenged:
        """Who it is. Raises StorageError when the database cannot say."""
        if len(asked.path) > _PATH_LENGTH or not asked.path.isprintable():
            return Refused("no such file")
        first, slash, rest = asked.path.lstrip("/").partition("/")
        if not slash:
            return self._by_digest(asked, first)
        found = self._rows.by_token(first)
        file = rest.lstrip("/")
        if found is None:
            return Refused("wrong secret", mac_of(file, asked.user_agent))
        return _own(found, file)

    def _by_digest(self, asked: Asked, file: str) -> Admitted | Refused | Challenged:
        mac = mac_of(file, asked.user_agent)
        try:
            given = digest.Credentials.parse(asked.authorization or "")
        except MalformedMessage:
            return Refused("malformed credentials", mac)
        if given is None:
            return self._challenge(mac)
        now = self._wall()
        verdict = self._nonces.check(given.nonce, given.nc, now)
        if verdict in (NonceVerdict.STALE, NonceVerdict.FORGED):
            return self._challenge(mac, stale=True)
        if verdict is not NonceVerdict.VALID or _path_of(given.uri) != asked.path:
            return Refused("replayed credentials", mac)
        try:
            user = mac_address(given.username)
        except PhoneRefused:
            return Refused("wrong credentials", mac)
        found = self._rows.by_mac(user)
        # Somebody unknown takes the same time as somebody known.
        token = found.token if found else secrets.token_urlsafe()
        hashed = digest.ha1(given.username, REALM, token)
        if given.algorithm != "MD5" or given.realm != REALM or not digest.verify(given, asked.method, hashed):
            return Refused("wrong credentials", user)
        if found is None or self._nonces.use(given.nonce, given.nc) is not NonceVerdict.VALID:
            return Refused("wrong credentials", user)
        return _own(found, file)

    def _challenge(self, mac: str | None, *, stale: bool = False) -> Challenged:
        nonce = self._nonces.issue(self._wall())
        return Challenged(digest.challenge(REALM, nonce, qop=True, stale=stale), mac)


def _path_of(uri: str) -> str | None:
    try:
        return unquote(urlsplit(uri).path)
    except ValueError:
        return None


def _own(found: StoredPhone, file: str) -> Admitted | Refused:
    if not found.enabled:
        return Refused("disabled", found.mac)
    if mac_in_name(file, found.vendor) not in (None, found.mac):
        return Refused("file of another phone", found.mac)
    return Admitted(found, file)


def mac_in_name(file: str, vendor: str | None = None) -> str | None:
    """The MAC in a file's name."""
    asked = identify(file, vendor=vendor) or identify(file)
    return asked.mac if asked else None


def mac_of(file: str, user_agent: str) -> str | None:
    """In whose name somebody asks: the MAC in the file's name, else the one in the User-Agent."""
    return mac_in_name(file) or mac_of_agent(user_agent)
