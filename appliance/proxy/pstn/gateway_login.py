"""A gateway that asks for a password gets ours, if the settings have one for its realm; never a user's.

A challenge of a gateway (RFC 3261 §22) goes no further: our user's phone would answer it with the password
that it has here, and whoever owns the gateway could try to find that out. The request is sent again with our
credentials, under the same CSeq (the caller counts on it), by a branch of its own. Must not know who is a
gateway.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import NamedTuple, Protocol

from appliance.auth.answer import answer, realm_of
from appliance.sip.message import Request, Response

_HEADERS = {401: ("www-authenticate", "Authorization"), 407: ("proxy-authenticate", "Proxy-Authorization")}


class Login(Protocol):
    """A name and a password."""

    @property
    def username(self) -> str: ...
    @property
    def password(self) -> str: ...


class Asked(NamedTuple):
    """A challenge that can be answered: the header for the answer, the challenge and its realm."""

    header: str
    challenge: str
    realm: str


class GatewayLogin:
    """``logins`` are ours at the gateways, by realm."""

    def __init__(self, logins: Mapping[str, Login]) -> None:
        self._logins = logins

    def asked(self, response: Response) -> Asked | None:
        """The first challenge of a 401 or 407 that we have credentials for."""
        key, header = _HEADERS[response.status]
        for challenge in response.all(key):
            realm = realm_of(challenge)
            if realm is not None and realm in self._logins:
                return Asked(header, challenge, realm)
        return None

    def answer(self, asked: Asked, request: Request) -> None:
        """Puts the answer into a request that is ready to be sent."""
        login = self._logins[asked.realm]
        value = answer(
            asked.challenge,
            login.username,
            login.password,
            request.method,
            request.uri_text,
            secrets.token_hex(8),
        )
        request.add(asked.header, value)
