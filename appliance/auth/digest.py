"""Credentials and challenges: read them, verify them, write them (RFC 2617, RFC 7616 §3, RFC 8760).

A response proves that its sender knows the password, over the method, the ``uri`` *that the client sent*, the
nonce and its count. Whether that ``uri`` means the request that it came with is another question,
``uri_fits``: clients differ in what they write there (SIPp ``host:port``, others leave out port or
parameters), and a check that is strict about it locks honest phones out.

Must not know who the users are, when a nonce is valid, or what a request is otherwise.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple

from appliance.errors import MalformedMessage
from appliance.sip.grammar import parse_auth_params, quote
from appliance.sip.uri import Uri


def _hash_with(name: str) -> Callable[[str], str]:
    def hexdigest(text: str) -> str:
        # surrogateescape gives back the very bytes that were on the wire, whatever their character set.
        return hashlib.new(name, text.encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest()

    return hexdigest


def _md5(text: str) -> str:
    return hashlib.md5(text.encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest()


# RFC 8760 §2.2 adds the two below MD5.
HASHES: dict[str, Callable[[str], str]] = {
    "MD5": _md5,
    "SHA-256": _hash_with("sha256"),
    "SHA-512-256": _hash_with("sha512_256"),
}
_SESSION = "-SESS"
_COUNT = re.compile(r"[0-9A-Fa-f]{1,8}").fullmatch  # nc-value = 8LHEX; some leave the zeros out


class Credentials(NamedTuple):
    """What an Authorization or Proxy-Authorization header says (RFC 7616 §3.4).

    ``algorithm`` is in upper case, "MD5" when none is named; ``qop`` in lower case; ``nc`` a number. ``qop``,
    ``nc``, ``cnonce`` and ``opaque`` are None when absent; without ``qop`` the other two mean nothing.
    """

    username: str
    realm: str
    nonce: str
    uri: str
    response: str
    algorithm: str
    qop: str | None
    nc: int | None
    nc_text: str
    cnonce: str | None
    opaque: str | None

    @staticmethod
    def parse(value: str) -> Credentials | None:
        """Read a header's value; None for another scheme than Digest.

        MalformedMessage when it is no list of parameters, or lacks one that RFC 7616 demands.
        """
        if value[:7].lower() != "digest ":
            return None
        _, params = parse_auth_params(value)
        get = params.get
        try:
            username, realm, nonce = params["username"], params["realm"], params["nonce"]
            uri, response = params["uri"], params["response"]
        except KeyError as missing:
            raise MalformedMessage(f"digest credentials without {missing.args[0]}") from None
        algorithm = get("algorithm")
        algorithm = "MD5" if algorithm is None or algorithm == "MD5" else algorithm.upper()
        opaque = get("opaque")
        qop = get("qop")
        if not qop:  # absent, or empty as some clients of RFC 2069 send it
            return Credentials(username, realm, nonce, uri, response, algorithm, None, None, "", None, opaque)
        nc_text, cnonce = get("nc"), get("cnonce")
        if nc_text is None or cnonce is None:
            raise MalformedMessage("digest credentials with qop lack nc or cnonce")
        nc = _count(nc_text)
        return Credentials(
            username, realm, nonce, uri, response, algorithm, qop.lower(), nc, nc_text, cnonce, opaque
        )


@lru_cache(maxsize=256)
def _count(text: str) -> int:
    if not _COUNT(text):
        raise MalformedMessage("not a nonce count")
    return int(text, 16)


def ha1(username: str, realm: str, password: str, algorithm: str = "MD5") -> str:
    """H(A1): what a server stores instead of the password (RFC 7616 §3.4.2), in lower-case hex."""
    return HASHES[algorithm](f"{username}:{realm}:{password}")


def ha1b(username: str, domain: str, realm: str, password: str, algorithm: str = "MD5") -> str:
    """H(A1) of clients that log in as ``user@domain``, OpenSER's second column."""
    return HASHES[algorithm](f"{username}@{domain}:{realm}:{password}")


def stored_hashes(username: str, domain: str, realm: str, password: str) -> dict[str, str]:
    """What a row of ``subscriber`` keeps instead of the password, by its columns."""
    return {
        "ha1": ha1(username, realm, password),
        "ha1b": ha1b(username, domain, realm, password),
        "ha1_sha256": ha1(username, realm, password, "SHA-256"),
        "ha1_sha512_256": ha1(username, realm, password, "SHA-512-256"),
    }


def verify(credentials: Credentials, method: str, ha1_hex: str, body: bytes = b"") -> bool:
    """Whether the response was made with the password behind ``ha1_hex``, for ``method`` and the client's own
    uri.

    ``ha1_hex`` must belong to the algorithm of the credentials. False for an algorithm or a qop that is not
    known. The comparison takes the same time wherever the two differ.
    """
    _, _, nonce, uri, response, algorithm, qop, _, nc_text, cnonce, _ = credentials
    session = algorithm.endswith(_SESSION)
    hashed = HASHES.get(algorithm[: -len(_SESSION)] if session else algorithm)
    if hashed is None:
        return False
    if session:
        if cnonce is None:
            return False
        ha1_hex = hashed(f"{ha1_hex}:{nonce}:{cnonce}")
    if qop is None:
        expected = hashed(f"{ha1_hex}:{nonce}:{hashed(f'{method}:{uri}')}")
    elif qop == "auth":
        expected = hashed(f"{ha1_hex}:{nonce}:{nc_text}:{cnonce}:auth:{hashed(f'{method}:{uri}')}")
    elif qop == "auth-int":
        entity = hashed(body.decode("utf-8", "surrogateescape"))
        ha2 = hashed(f"{method}:{uri}:{entity}")
        expected = hashed(f"{ha1_hex}:{nonce}:{nc_text}:{cnonce}:auth-int:{ha2}")
    else:
        return False
    # Lower case is the rule (LHEX); phones that write capitals are right all the same.
    return response.isascii() and hmac.compare_digest(expected, response.lower())


def challenge(realm: str, nonce: str, *, qop: bool, stale: bool = False, algorithm: str = "MD5") -> str:
    """The value of WWW-Authenticate or Proxy-Authenticate (RFC 7616 §3.3).

    MD5 is not named: it is what a challenge without algorithm means (RFC 2617 §3.2.1), and old phones know no
    other.
    """
    text = f'{_opening(realm)}{nonce}"'
    if qop:
        text += ', qop="auth"'
    if algorithm != "MD5":
        text += f", algorithm={algorithm}"
    if stale:
        text += ", stale=true"
    return text


@lru_cache(maxsize=1024)
def _opening(realm: str) -> str:
    return f'Digest realm={quote(realm)}, nonce="'


def uri_fits(credentials_uri: str, request_uri: str, *names: str) -> bool:
    """Whether the ``uri`` of credentials can mean this Request-URI (RFC 7616 §3.4.6), generously.

    Scheme, port, password, parameters and headers may differ. Where both name a user it must be the same one:
    that is the number called, and a response that was overheard must not serve for another. Then the host
    must be the same too, or one of ``names`` (the realm, names of this server). A uri without a user names
    only a server, and any will do: such a client (SIPp) never says more. Neither does a Request-URI without
    one, as REGISTER has it.
    """
    if credentials_uri == request_uri:
        return True
    try:
        said = Uri.parse(credentials_uri if _has_scheme(credentials_uri) else f"sip:{credentials_uri}")
        asked = Uri.parse(request_uri)
    except MalformedMessage:
        return False
    if said.user is None or asked.user is None:
        return True
    if said.username != asked.username:
        return False
    return said.host == asked.host or said.host in names


def _has_scheme(uri: str) -> bool:
    return uri[:5].lower().startswith(("sip:", "sips:", "tel:"))
